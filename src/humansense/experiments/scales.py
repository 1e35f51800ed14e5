"""The sizes at which an experiment is carried out."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from humansense.core import HumansenseError
from humansense.experiments.plan import Scale

SCALES: Mapping[str, Scale] = MappingProxyType(
    {
        # Shows that everything works; its figures say nothing.
        "tiny": Scale(
            size=(64, 80), image_size=64, net="tiny", clips=4, frames=2, target_clips=2, target_frames=2,
            test_clips=2, test_frames=2, samples=192, tune_samples=64, batch=16,
            fractions=(0.25, 0.5, 1.0), outfits=(1, 2, 4),
        ),
        # An hour on two cores.
        "small": Scale(
            size=(240, 320), image_size=64, net="small", clips=200, frames=6, target_clips=4, target_frames=16,
            test_clips=40, test_frames=3, samples=32_000, tune_samples=8_000, batch=32,
            fractions=(0.01, 0.1, 1.0), outfits=(1, 10, 100),
        ),
        # The paper's: 55,000 clips of 100 frames (Table 3.1), 50,000 iterations of 6 crops of 256 pixels on 8
        # hourglasses (section 3.4), 200 iterations of fine-tuning (3.5.3). 5 people, as Human3.6M (3.5.4).
        "full": Scale(
            size=(240, 320), image_size=256, net="surreal8", clips=55_000, frames=100, target_clips=5,
            target_frames=100, test_clips=2_000, test_frames=1, samples=300_000, tune_samples=1_200, batch=6,
            fractions=(1e-4, 1e-3, 1e-2, 1e-1), outfits=(1, 10, 100),
            optimizer="rmsprop", lr=1e-3, tune_lr=1e-3, fps=30.0,
        ),
    }
)  # fmt: skip


def find_scale(name: str) -> Scale:
    """The row of `SCALES`; `HumansenseError` for an unknown one."""
    if name not in SCALES:
        raise HumansenseError(f"unknown scale {name!r}: use one of {', '.join(SCALES)}")
    return SCALES[name]
