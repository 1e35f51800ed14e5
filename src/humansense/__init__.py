"""humansense: software that understands people in pictures and video."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"
__all__ = ["__version__", "predict"]

if TYPE_CHECKING:
    from humansense.predict import predict as predict


def __getattr__(name: str) -> Any:
    # `import humansense` stays instant; the nets load with the first use.
    if name == "predict":
        import importlib

        return importlib.import_module("humansense.predict")  # a module that can be called
    raise AttributeError(f"module 'humansense' has no attribute {name!r}")
