"""Weight files: safetensors in fp16 with the settings that rebuild the net, as JSON, in the header."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from humansense.core.errors import HumansenseError
from humansense.core.files import atomic_path

if TYPE_CHECKING:
    import torch

FORMAT = 1


def save_weights(path: str | Path, state: dict[str, torch.Tensor], settings: dict[str, Any]) -> None:
    """Write `state` (floats as fp16) and `settings` (JSON values) to one safetensors file, atomically."""
    from safetensors.torch import save_file

    half = {k: (v.half() if v.is_floating_point() else v).contiguous().cpu() for k, v in state.items()}
    metadata = {"format": str(FORMAT), "settings": json.dumps(settings)}
    with atomic_path(path) as temporary:
        save_file(half, str(temporary), metadata=metadata)
        temporary.chmod(0o644)  # safetensors makes files that only their owner can read


def load_weights(path: str | Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read what `save_weights` wrote: `(state, settings)`, floats as float32.

    Raises `HumansenseError` for a missing, truncated, foreign or newer file.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise HumansenseError(
            f"weights {path} do not exist: give a .safetensors file, a training folder or a released name"
        )
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            if "settings" not in metadata:
                raise HumansenseError(
                    f"{path} is a safetensors file, but not one of humansense: it has no settings in its header"
                )
            if int(metadata["format"]) > FORMAT:
                raise HumansenseError(
                    f"{path} has weight format {metadata['format']}, newer than {FORMAT}: update humansense"
                )
            state = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118 (not a dict)
    except SafetensorError as error:
        raise HumansenseError(f"{path} is not a whole safetensors file ({error}): fetch or train it again") from error
    floats = {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
    return floats, json.loads(metadata["settings"])
