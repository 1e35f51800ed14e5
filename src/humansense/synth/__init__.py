"""Labelled people, made from a seed: `SceneSpec` (what), `film` (how), `make_set` (a whole set, on many cores)."""

from humansense.synth.spec import PRESETS, Ingredients, SceneSpec, View, sample_spec
from humansense.synth.write import SynthSettings, make_set

__all__ = ["PRESETS", "Ingredients", "SceneSpec", "SynthSettings", "View", "make_set", "sample_spec"]
