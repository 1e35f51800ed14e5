"""Labelled people, made from a seed: `SceneSpec` (what), `film` (how), `make_set` (a whole set, on many cores)."""

from humansense.synth.presets import PRESETS, sample_spec
from humansense.synth.spec import Ingredients, SceneSpec, Source, View
from humansense.synth.write import SynthSettings, make_set

__all__ = ["PRESETS", "Ingredients", "SceneSpec", "Source", "SynthSettings", "View", "make_set", "sample_spec"]
