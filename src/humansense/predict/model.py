"""A trained net as a function from crops to what it sees in them, with test-time augmentation."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from humansense.core import HumansenseError
from humansense.predict.windows import Pyramid, Window, cut
from humansense.tasks import DepthTask, PartsTask, PeopleTask, Pose2dTask, load_task
from humansense.tasks.views import Output, mean_output, surest_turn, with_mirror


@dataclass(frozen=True)
class Look:
    """The net's answers for some windows: logits of the last stack in float32, by head, one row a window."""

    windows: tuple[Window, ...]
    output: Output


@dataclass(frozen=True)
class Glance:
    """What one answer says at the coarse resolution of the net, enough to find somebody.

    joints: (J, 2) float64 pixels of the picture, in the model's own joint set; scores: (J,) 0..1.
    person: logit of the net's own answer to "is somebody there?".
    mask: (s, s) float32, probability that a cell of the window is a person's.
    """

    window: Window
    joints: np.ndarray
    scores: np.ndarray
    person: float
    mask: np.ndarray


@dataclass(frozen=True)
class Maps:
    """The dense answers at the resolution of the crop.

    parts: (15, S, S) float32 probabilities. depth: (S, S) float32 metres from the pelvis, at every pixel.
    """

    window: Window
    parts: np.ndarray
    depth: np.ndarray


def fast_dtype() -> torch.dtype:
    """bfloat16 where this CPU multiplies it in hardware, else float32.

    At one picture on one thread of an AMX CPU: 13 ms against 19 ms a pass (benchmarks/predict.py).
    """
    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    capability = torch.backends.cpu.get_cpu_capability()
    return torch.bfloat16 if supported is not None and supported() and "AVX512" in capability else torch.float32


def find_device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, ValueError, NotImplementedError) as error:
        reason = str(error).strip().splitlines()[0]
        raise HumansenseError(f"the device {name!r} cannot be used here ({reason}): use cpu") from error
    return device


class Model:
    """Task and net of one weight file, ready to be asked. Thread-safe; loads once."""

    def __init__(self, weights: str | Path, device: str = "cpu", dtype: torch.dtype | None = None) -> None:
        task, net = load_task(weights, fold=True)
        if not isinstance(task, PeopleTask):
            raise HumansenseError(
                f"{weights} was trained for the task {task.name!r}; prediction needs weights of the task 'people'"
            )
        self.task = task
        self.size: int = task.settings.image_size
        self.joint_set: str = task.settings.joint_set
        self.device = find_device(device)
        self.dtype = dtype or (fast_dtype() if self.device.type == "cpu" else torch.float16)
        folded = net.requires_grad_(False).to(self.device, self.dtype)
        self.net = folded.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def look(
        self,
        image: Pyramid | np.ndarray,
        windows: Sequence[Window],
        flip: bool = False,
        scales: Sequence[float] = (1.0,),
        turn: bool = False,
        timings_ms: dict[str, float] | None = None,
    ) -> Look:
        """Cut the windows, ask the net.

        scales: the window is also looked at this many times as large, and the answers are averaged in it.
        flip: so is the mirrored crop. turn: of four turns of the crop the surest answer counts.
        timings_ms: gains milliseconds under `crop` and `net`.
        """
        start = time.perf_counter()
        pyramid = image if isinstance(image, Pyramid) else Pyramid(image)
        crops = np.stack([cut(pyramid, window.scaled(s), self.size) for s in scales for window in windows])
        batch = torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2).float() / 255
        cut_done = time.perf_counter()

        def ask(crops: Tensor) -> Output:
            parts = zip(crops.split(len(windows)), scales, strict=True)
            return mean_output([self._scale_back(self._answer(part, flip), s) for part, s in parts])

        output = surest_turn(self.task, ask, batch) if turn else ask(batch)
        if timings_ms is not None:
            timings_ms["crop"] = timings_ms.get("crop", 0.0) + (cut_done - start) * 1e3
            timings_ms["net"] = timings_ms.get("net", 0.0) + (time.perf_counter() - cut_done) * 1e3
        return Look(tuple(windows), output)

    @torch.inference_mode()
    def glances(self, look: Look) -> list[Glance]:
        """One a window: joints and the coarse mask."""
        pose = Pose2dTask(self.task.settings).decode([look.output])
        joints, scores = pose["joints"].double().cpu().numpy(), pose["joint_scores"].cpu().numpy()
        somebody = 1 - look.output["parts"].softmax(1)[:, :1]
        cells = look.output["pose2d"].shape[-2:]
        masks = F.adaptive_avg_pool2d(somebody, (cells[0], cells[1]))[:, 0].cpu().numpy()
        glances = []
        for i, window in enumerate(look.windows):
            matrix = window.to_picture(self.size)
            placed = joints[i] @ matrix[:2, :2].T + matrix[:2, 2]
            glances.append(Glance(window, placed, scores[i], float(look.output["presence"][i, -1]), masks[i]))
        return glances

    @torch.inference_mode()
    def maps(self, look: Look, i: int = 0) -> Maps:
        """Parts and depth of window `i`."""
        output = {name: value[i : i + 1] for name, value in look.output.items()}
        parts = PartsTask(self.task.settings).decode([output])["part_probabilities"]
        depth = DepthTask(self.task.settings).decode([output])["depth_soft"]
        return Maps(look.windows[i], parts[0].cpu().numpy(), depth[0].cpu().numpy())

    def _answer(self, images: Tensor, flip: bool) -> Output:
        """The last stack's logits in float32."""
        if flip:
            return with_mirror(self.task, lambda both: self._answer(both, False), images)
        last = self.net(self.task.inputs(images).to(self.dtype))[-1]
        return {name: value.float() for name, value in last.items()}

    @staticmethod
    def _scale_back(output: Output, scale: float) -> Output:
        """The middle of the maps of a window that is `scale` times the wanted one (what lies outside repeats)."""
        if scale == 1.0:
            return output
        theta = torch.tensor([[1 / scale, 0, 0], [0, 1 / scale, 0]])

        def middle(maps: Tensor) -> Tensor:
            if maps.dim() != 4:
                return maps
            grid = F.affine_grid(theta.to(maps).expand(len(maps), 2, 3), list(maps.shape), align_corners=False)
            return F.grid_sample(maps, grid, mode="bilinear", padding_mode="border", align_corners=False)

        return {name: middle(maps) for name, maps in output.items()}
