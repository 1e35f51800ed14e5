"""Fabrics, skin and backgrounds: pure, fast to check, and with the statistics that they claim."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from humansense.core.errors import HumansenseError
from humansense.synth import fabrics, surfaces
from humansense.synth.backgrounds import SCENES, procedural_background
from humansense.synth.fabrics import fabric, hair_texture
from humansense.synth.noise import fractal, tileable
from humansense.synth.pictures import find_pictures, open_entry
from humansense.synth.rooms import Box, View, cast, cover
from humansense.synth.skin import skin_texture, skin_tone
from humansense.synth.skin_layout import SkinLayout, skin_layout


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def seam(picture: np.ndarray, axis: int) -> float:
    """How much rougher the step across the border is than the steps inside."""
    steps = np.abs(np.diff(picture.astype(float), axis=axis)).mean(axis=tuple({0, 1, 2} - {axis}))
    border = np.abs(np.take(picture, 0, axis).astype(float) - np.take(picture, -1, axis)).mean()
    return border - steps.max()


def slope(picture: np.ndarray) -> float:
    """Exponent of the amplitude spectrum between 1/40 and 1/4 cycles a pixel: about -1 in photographs."""
    grey = picture.astype(float).mean(-1) if picture.ndim == 3 else picture
    grey = grey - grey.mean()
    window = np.outer(np.hanning(grey.shape[0]), np.hanning(grey.shape[1]))
    power = np.abs(np.fft.fft2(grey * window)) ** 2
    radius = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n) for n in grey.shape), indexing="ij"))
    edges = np.geomspace(1 / 40, 1 / 4, 8)
    mean = [power[(radius >= a) & (radius < b)].mean() for a, b in pairwise(edges)]
    middle = np.sqrt(edges[:-1] * edges[1:])
    return np.polyfit(np.log(middle), np.log(np.array(mean) + 1e-6), 1)[0] / 2


def test_fractal_noise_has_the_spectrum_of_photographs():
    # Photographs of rooms, streets and sports measure -1.1 to -1.6 by this function.
    slopes = [slope(fractal(rng(i), (256, 256), 1.0) * 40) for i in range(5)]
    assert -1.6 < np.mean(slopes) < -1.1
    field = np.stack([fractal(rng(i), (64, 96), 0.7) for i in range(40)])
    assert field.std() == pytest.approx(1, abs=0.25)


SURFACES = sorted({*surfaces.FLOORS, *surfaces.WALLS, *surfaces.GROUNDS}, key=lambda maker: maker.__name__)


@pytest.mark.parametrize("maker", SURFACES)
def test_surfaces_repeat_without_a_seam(maker):
    for i in range(4):
        picture, metres = maker(rng(i))
        assert picture.shape == (256, 256, 3)
        assert picture.dtype == np.uint8
        assert 0.1 < metres < 20
        if maker is not surfaces.foliage:  # leaves are cut at the border: nobody sees it among leaves
            assert seam(picture, 0) < 6
            assert seam(picture, 1) < 6


def test_fabrics_repeat_and_differ():
    for _, pattern in fabrics.PATTERNS:
        for i in range(3):
            picture = pattern(rng(i), 128)
            assert picture.shape == (128, 128, 3)
            assert seam(picture, 0) < 6, pattern.__name__
            assert seam(picture, 1) < 6, pattern.__name__
    pictures = np.stack([fabric(rng(i), 64) for i in range(80)])
    assert np.array_equal(fabric(rng(7), 64), pictures[7])
    colours = pictures.reshape(80, -1, 3).mean(1)
    assert colours.std(0).min() > 35
    assert (colours.mean(1) < 70).mean() > 0.15  # people wear dark clothes
    assert (colours.mean(1) > 180).any()
    assert hair_texture(rng(1), 64, (200, 20, 20)).mean((0, 1)).argmax() == 0


def test_tileable_noise_is_exactly_periodic():
    field = tileable(rng(3), 64, 0.7, 4)
    shifted = np.roll(field, 20, axis=1)
    assert np.abs(np.diff(shifted, axis=1))[:, 19].max() < 3 * np.abs(np.diff(field, axis=1)).mean(0).max()


def test_backgrounds_are_pure_varied_and_like_photographs():
    pictures = [procedural_background(rng(i), (96, 128)) for i in range(40)]
    assert all(p.shape == (96, 128, 3) and p.dtype == np.uint8 and p.flags.c_contiguous for p in pictures)
    for i in (0, 11, 23):
        assert np.array_equal(procedural_background(rng(i), (96, 128)), pictures[i])
    assert len({p.tobytes() for p in pictures}) == 40
    assert np.std([p.mean() for p in pictures]) > 20
    assert -2.0 < np.median([slope(p) for p in pictures if p.std() > 20]) < -0.7
    assert procedural_background(rng(5), (201, 77)).shape == (201, 77, 3)


@pytest.mark.parametrize("scene", [row[1] for row in SCENES], ids=lambda scene: scene.__name__)
def test_scenes_of_odd_sizes(scene):
    for i, size in enumerate([(64, 48), (33, 100), (16, 16)]):
        picture = scene(rng(i), size)
        assert picture.shape == (*size, 3)
        assert picture.dtype == np.uint8


def test_rays_meet_the_box_where_they_should():
    view = View((40, 60), 50.0, np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]))
    box = Box(np.array([-1.0, -1, -1.5]), np.array([2.0, 4, 1]))
    hits = cast(view, box)
    x, y, z = hits.points
    # Straight ahead lies the far wall; low down the floor.
    assert hits.face[20, 30] == 3
    assert y[20, 30] == pytest.approx(4)
    floor = hits.face == 4
    assert floor.any()
    assert np.allclose(z[floor], -1.5, atol=1e-4)
    pixel = view.project(np.array([[x[35, 12], y[35, 12], z[35, 12]]] * 3))[0]
    assert pixel == pytest.approx((12.5, 35.5), abs=1e-2)


def test_cover_maps_the_picture_in_metres():
    view = View((64, 64), 64.0, np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]))
    box = Box(np.array([-9.0, -1, -9]), np.array([9.0, 2, 9]))
    hits = cast(view, box)
    half = np.zeros((64, 64, 3), np.uint8)
    half[:, :32] = 255  # white for x in [0, 0.5) of each metre
    image = np.zeros((64, 64, 3), np.uint8)
    cover(image, hits, 3, half, 1.0)
    x = hits.points[0]
    inner = np.abs((x % 0.5) - 0.25) < 0.2
    assert (image[..., 0] > 127)[inner].tolist() == ((x % 1) < 0.5)[inner].tolist()


def test_folder_of_backgrounds(tmp_path: Path):
    picture = np.zeros((40, 80, 3), np.uint8)
    picture[:, :, 2] = 255  # red in OpenCV's order
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("none")
    files = find_pictures(tmp_path)
    assert [Path(f).name for f in files] == ["a.png", "b.jpg"]
    loaded = next(open_entry(files[0], rng(0), (30, 20)).pictures)
    assert loaded.shape == (30, 20, 3)
    assert (loaded == (255, 0, 0)).all()
    with pytest.raises(HumansenseError, match=r"b\.jpg"):
        open_entry(files[1], rng(0), (30, 20))
    with pytest.raises(HumansenseError, match="gone"):
        open_entry(str(tmp_path / "gone.png"), rng(0), (30, 20))
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder in (empty, tmp_path / "missing"):
        with pytest.raises(HumansenseError, match=folder.name):
            find_pictures(folder)
    (empty / "b.jpg").write_bytes(b"no picture")
    with pytest.raises(HumansenseError, match="empty"):
        find_pictures(empty)


def test_skin_tones_span_the_human_range():
    tones = np.array([skin_tone(rng(i), ita) for i, ita in enumerate(np.linspace(-60, 62, 30))])
    light = tones.mean(1)
    assert light[:5].mean() < 80
    assert light[-5:].mean() > 165
    assert (tones[:, 0] >= tones[:, 1]).all()
    assert (tones[:, 1] >= tones[:, 2]).all()


@pytest.fixture(scope="module")
def layout() -> SkinLayout:
    return skin_layout(512)


def test_layout_knows_left_from_right(layout: SkinLayout):
    face, eyes = layout.face, layout.eyes
    # Both halves of the picture, both eyes, both corners of the mouth.
    assert layout.left[layout.covered].mean() == pytest.approx(0.5, abs=0.02)
    iris = eyes.angle_deg < 40
    left = layout.left[eyes.rows, eyes.columns]
    assert iris[left].sum() == pytest.approx(iris[~left].sum(), abs=3)
    assert iris[left].sum() > 0
    lips = (face.lips < 0.08) & (face.frame.skin > 0)
    assert (lips & (face.frame.x > 0.1)).sum() == pytest.approx((lips & (face.frame.x < -0.1)).sum(), rel=0.2)
    # Mirrored texels of the head are mirrored in 3D: the layout is symmetric about a row of the picture.
    x = face.frame.x[face.frame.skin > 0]
    assert abs(np.mean(x)) < 0.03


def test_layout_finds_the_features_of_a_face(layout: SkinLayout):
    face = layout.face
    assert -1.5 < face.mouth_z < face.nose_z < 0
    assert 0.25 < face.mouth_x < 0.55
    assert face.nose_y < -0.3
    palms = layout.pale[layout.covered[layout.pale_rows]]
    assert 0.02 < (palms > 0.5).mean() < 0.5
    assert (layout.hair > 0).mean() > 0.2


def test_skin_pictures_are_pure_and_show_a_face(layout: SkinLayout):
    pictures = [skin_texture(rng(i), layout) for i in range(16)]
    assert np.array_equal(skin_texture(rng(3), layout), pictures[3])
    assert pictures[0].shape == (512, 512, 3)
    assert pictures[0].dtype == np.uint8
    frame, face = layout.face.frame, layout.face
    on = frame.skin > 0
    brow = on & (np.abs(np.abs(frame.x) - 0.5) < 0.15) & (np.abs(frame.z - 0.45) < 0.06)
    forehead = on & (np.abs(frame.x) < 0.3) & (np.abs(frame.z - 0.7) < 0.1)
    lips = on & (face.lips < 0.07)
    for picture in pictures:
        window = picture[frame.rows, frame.columns].astype(float)
        assert window[brow].mean() < window[forehead].mean()
        redness = window[lips].mean(0), window[forehead].mean(0)
        assert redness[0][0] / redness[0][1] > redness[1][0] / redness[1][1]
        eyes = picture[layout.eyes.rows, layout.eyes.columns].astype(float)
        white = (layout.eyes.angle_deg > 48) & (layout.eyes.angle_deg < 75)
        assert eyes[white].mean() > eyes[layout.eyes.angle_deg < 20].mean() + 30
    tones = [p[layout.covered].mean() for p in pictures]
    assert np.std(tones) > 15


def test_looks_follow_the_body_and_the_hair(layout: SkinLayout):
    chin = (layout.face.frame.skin > 0) & (layout.face.frame.z < layout.face.mouth_z - 0.4)
    women = [skin_texture(rng(i), layout, {"gender": 1.0, "caucasian": 1.0}, (30, 220, 30)) for i in range(8)]
    men = [skin_texture(rng(i), layout, {"gender": 0.0, "caucasian": 1.0}, (30, 220, 30)) for i in range(8)]

    def green(pictures: list[np.ndarray], where: np.ndarray, window: tuple[slice, slice]) -> float:
        return float(np.mean([(p[window][where][:, 1] > p[window][where][:, 0] + 20).mean() for p in pictures]))

    face = (layout.face.frame.rows, layout.face.frame.columns)
    head = (layout.head.rows, layout.head.columns)
    assert green(women, chin, face) == 0
    assert green(men, chin, face) > 0.05
    assert green(women, layout.hair > 0.5, head) > 0.3
