"""The released weights on what users really give: sensible answers or a clear statement, never a crash."""

from __future__ import annotations

import dataclasses
import tracemalloc
from contextlib import suppress

import cv2
import numpy as np
import pytest
import skimage

from humansense.core import Prediction
from humansense.motion import PROCEDURAL
from humansense.predict import Predictor, PredictSettings
from humansense.synth import Ingredients, Source, sample_spec
from humansense.synth.cast import UnusableError
from humansense.synth.film import film

SOURCES = tuple(Source(f"procedural:{kind}") for kind in PROCEDURAL)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor()


@pytest.fixture(scope="module")
def group() -> np.ndarray:
    """(256, 320, 3): some people of the engine, who stand close together."""
    ingredients = Ingredients(
        tuple(Source(f"procedural:{kind}") for kind in PROCEDURAL), size=(256, 320), frames=2, people=6
    )
    number = 0
    while True:
        spec = sample_spec((21, 1, number), "wild", ingredients)
        number += 1
        if len(spec.actors) >= 4:
            return next(film(dataclasses.replace(spec, sensor="off"), "c")[1]).image


def check(prediction: Prediction, image: np.ndarray) -> None:
    """What must hold of any picture."""
    height, width = image.shape[:2]
    for name in ("parts", "depth", "instance"):
        assert getattr(prediction, name).shape == (height, width)
    assert np.array_equal(prediction.parts > 0, prediction.instance > 0)
    assert np.isfinite(prediction.depth[prediction.parts > 0]).all()
    assert np.isnan(prediction.depth[prediction.parts == 0]).all()
    assert prediction.instance.max() <= len(prediction.people) <= 100
    assert prediction.found == bool(prediction.people)
    for person in prediction.people:
        assert np.isfinite(person.joints).all()
        assert ((person.joint_scores >= 0) & (person.joint_scores <= 1)).all()
        assert (person.box[2:] > person.box[:2]).all()
        assert (person.box >= 0).all()
        assert (person.box <= [width, height] * 2).all()


def astronaut() -> np.ndarray:
    """A real portrait (NASA, public domain), 512 x 512."""
    return skimage.data.astronaut()


@pytest.mark.parametrize("seed", range(4))
def test_noise_has_nobody(predictor, seed):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (240, 320, 3), np.uint8)
    prediction = predictor(image if seed % 2 else cv2.GaussianBlur(image, (0, 0), 3))
    check(prediction, image)
    assert not prediction.found


@pytest.mark.parametrize("color", [0, 90, 255])
def test_one_colour_has_nobody(predictor, color):
    image = np.full((200, 300, 3), color, np.uint8)
    prediction = predictor(image)
    check(prediction, image)
    assert not prediction.found


def test_the_portrait_of_a_face(predictor):
    face = np.ascontiguousarray(astronaut()[0:230, 120:330])
    prediction = predictor(face)
    check(prediction, face)
    if prediction.found:  # a face fills the picture: its knees are nowhere
        named = dict(zip(_names(prediction), prediction.joint_scores, strict=True))
        assert max(named["left_ankle"], named["right_ankle"]) < 0.5


def _names(prediction: Prediction) -> tuple[str, ...]:
    from humansense.core import joint_set

    return joint_set(prediction.joint_set).names


def test_a_mirror_and_its_picture(predictor):
    image = np.concatenate([astronaut(), astronaut()[:, ::-1]], 1)
    check(predictor(image), image)


def test_a_cartoon(predictor):
    smooth = cv2.bilateralFilter(astronaut(), 9, 80, 80)
    image = (smooth // 64 * 64 + 32).astype(np.uint8)
    check(predictor(image), image)


def test_people_who_overlap(predictor, group):
    prediction = predictor(group)
    check(prediction, group)
    assert len(prediction.people) >= 2


def test_a_crowd_of_fifty(predictor):
    ingredients = Ingredients(SOURCES[:3], size=(192, 128), frames=2, people=1)
    pictures: list[np.ndarray] = []
    number = 0
    while len(pictures) < 10:
        spec = sample_spec((31, 1, number), "wild", ingredients)
        number += 1
        with suppress(UnusableError):
            sample = next(film(dataclasses.replace(spec, sensor="off"), "c")[1])
            if (sample.parts > 0).mean() > 0.06:
                pictures.append(sample.image)
    image = np.concatenate([np.concatenate(pictures, 1)] * 5)
    prediction = predictor(image)
    check(prediction, image)
    assert 20 <= len(prediction.people) <= 60
    few = Predictor(PredictSettings(max_people=3))(image)
    check(few, image)
    assert 1 <= len(few.people) <= 3


@pytest.mark.parametrize("size", [(2160, 3840), (300, 2400), (2000, 220), (40, 30), (16, 400)])
def test_sizes_and_shapes(predictor, size):
    image = cv2.resize(astronaut(), (size[1], size[0]))
    check(predictor(image), image)


def test_memory_does_not_grow_with_pictures(predictor, group):
    predictor(group)
    tracemalloc.start()
    predictor(group)
    first = tracemalloc.get_traced_memory()[0]
    for _ in range(5):
        predictor(group)
    grown = tracemalloc.get_traced_memory()[0] - first
    tracemalloc.stop()
    assert grown < 200_000
