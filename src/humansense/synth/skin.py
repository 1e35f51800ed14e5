"""Skin pictures for the body: tone, mottling, face, painted hair and beard. Pure in the generator.

Tones follow the individual typology angle, ITA = atan((L* - 50) / b*) in CIE L*a*b* (Chardin 1991): above 55 degrees
very light, 41 light, 28 intermediate, 10 tan, -30 brown, below it dark. The angle is drawn over the whole human range,
and a*, b* follow it, so that every group is seen about equally often.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from humansense.bodies.shapes import age_years
from humansense.bodies.wardrobe import GROWN_YEARS
from humansense.synth.fabrics import hair_colour
from humansense.synth.noise import Colour, Field, Image, Rng, between, chance, jitter, shade, tileable
from humansense.synth.skin_layout import FaceMaps, HeadFrame, SkinLayout, skin_layout

ITA_RANGE_DEG = (-60.0, 62.0)
IRISES = ((52, 32, 18), (34, 22, 15), (80, 52, 26), (52, 82, 118), (68, 88, 62), (78, 88, 95))


def skin_tone(rng: Rng, ita_deg: float | None = None) -> Colour:
    """The colour of lit skin for an individual typology angle, or for one drawn over the human range."""
    ita = between(rng, *ITA_RANGE_DEG) if ita_deg is None else ita_deg
    b = float(np.interp(ita, [-60, -20, 20, 62], [12, 19, 21, 15])) + rng.normal(0, 1.2)
    a = float(np.interp(ita, [-60, -20, 20, 62], [9, 13, 12, 8])) + rng.normal(0, 1.2)
    lightness = 50 + b * np.tan(np.radians(np.clip(ita, -62, 66)))
    lab = np.array([[[np.clip(lightness, 24, 88), a, b]]], np.float32)
    r, g, blue = (int(v) for v in np.clip(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB)[0, 0] * 255, 0, 255))
    return r, g, blue


@dataclass(frozen=True)
class Looks:
    """What one person's head looks like. Opacities are 0..1."""

    tone: Colour
    hair: Colour
    scalp: float
    beard: float
    brows: float
    makeup: float
    iris: Colour


def sample_looks(rng: Rng, phenotype: Mapping[str, float] | None = None, hair: Colour | None = None) -> Looks:
    """Draw the looks of a person; `phenotype` (gender 0 male to 1 female, african, asian, caucasian) biases them."""
    phenotype = phenotype or {}
    gender = phenotype.get("gender", rng.random())
    ita = between(rng, *ITA_RANGE_DEG)
    african, light = phenotype.get("african", 1 / 3), phenotype.get("caucasian", 1 / 3)
    if chance(rng, 0.7) and african + light > 0:
        ita = float(np.clip(rng.normal(25 - 75 * (african - 1 / 3) + 20 * (light - 1 / 3), 20), *ITA_RANGE_DEG))
    colour = hair or hair_colour(rng)
    if hair is None and (ita < 5 or phenotype.get("asian", 0) > 0.6) and chance(rng, 0.85):
        colour = jitter(rng, (22, 18, 16), 5)
    scalp = float(rng.choice([0.0, 0.35, 0.75, 0.95], p=[0.07, 0.13, 0.3, 0.5]))
    male = gender < 0.5
    grown = "age" not in phenotype or float(age_years(phenotype["age"])) >= GROWN_YEARS
    beard = float(rng.choice([0.0, 0.18, 0.45, 0.9], p=[0.4, 0.3, 0.18, 0.12])) if male and grown else 0.0
    iris = IRISES[rng.integers(len(IRISES))] if ita > 15 else IRISES[rng.integers(2)]
    return Looks(
        tone=skin_tone(rng, ita),
        hair=colour,
        scalp=scalp,
        beard=beard,
        brows=between(rng, 0.45, 0.95),
        makeup=0.0 if male or not grown or chance(rng, 0.5) else between(rng, 0.2, 1.0),
        iris=iris,
    )


def skin_texture(
    rng: np.random.Generator,
    layout: SkinLayout,
    phenotype: Mapping[str, float] | None = None,
    hair: Colour | None = None,
) -> Image:
    """The skin picture of one person, (size, size, 3) uint8 RGB, row 0 at v = 1.

    phenotype: the body's shape by name, so that beards and tones fit it; None draws freely. hair: the colour of
    the hair that is worn over it, for the scalp and the brows; None draws one.
    """
    looks = sample_looks(rng, phenotype, hair)
    image = _body(rng, layout, looks)
    _palms(image, layout, looks)
    _hair(rng, image, layout, looks)
    _face(rng, image, layout.face, looks)
    image[layout.inside_rows][layout.inside] = (70, 30, 30)
    _eyes(rng, image, layout, looks)
    return image


def _waves(rng: Rng, points: np.ndarray, count: int = 8) -> Field:
    """Smooth noise in 3D without seams: a few plane waves of 5 to 30 cm, standard deviation ~1."""
    way = rng.normal(0, 1, (count, 3))
    way *= (2 * np.pi / rng.uniform(0.05, 0.3, (count, 1))) / np.linalg.norm(way, axis=1, keepdims=True)
    phase = points @ way.T.astype(np.float32) + rng.uniform(0, 2 * np.pi, count).astype(np.float32)
    return np.sin(phase).sum(-1) * np.float32(np.sqrt(2 / count))


def _body(rng: Rng, layout: SkinLayout, looks: Looks) -> Image:
    """Tone, mottling and redness over the whole picture."""
    size = layout.size
    coarse = layout.coarse_points
    patches = np.stack([_waves(rng, coarse), _waves(rng, coarse)], axis=-1)
    patches = cv2.resize(patches, (size, size), interpolation=cv2.INTER_LINEAR)
    fine = tileable(rng, size, 0.9, 16)
    gain = 1 + patches[..., 0] * np.float32(between(rng, 0.01, 0.035)) + fine * np.float32(between(rng, 0.01, 0.03))
    strength = np.float32(between(rng, 0.1, 0.45))
    blood = layout.red * strength + patches[..., 1] * np.float32(0.06)
    channels = []
    for value, shift in zip(looks.tone, (0.04, -0.22, -0.2), strict=True):
        channels.append((gain + blood * np.float32(shift)) * np.float32(value))
    image = cv2.convertScaleAbs(cv2.merge(channels))
    rows, columns = layout.areola_window
    dark = shade(looks.tone, between(rng, 0.55, 0.8))
    _mix(image[rows, columns], (dark[0], int(dark[1] * 0.85), int(dark[2] * 0.85)), layout.areola)
    return image


def _mix(target: Image, colour: Colour, alpha: Field) -> None:
    """Blend a colour into a picture in place; alpha (h, w) in 0..1."""
    weight = cv2.merge([alpha, alpha, alpha])
    difference = cv2.subtract(np.full(target.shape, colour, np.uint8), target, dtype=cv2.CV_32F)
    target[:] = cv2.add(target, cv2.multiply(difference, weight), dtype=cv2.CV_8U)


def _gain(target: Image, gain: Field) -> None:
    target[:] = cv2.multiply(target, cv2.merge([gain, gain, gain]), dtype=cv2.CV_8U)


def _palms(image: Image, layout: SkinLayout, looks: Looks) -> None:
    """Palms and soles carry little pigment: light even where the skin is dark."""
    darkness = float(np.clip(1.1 - sum(looks.tone) / 500, 0.1, 0.75))
    rows = layout.pale_rows
    _mix(image[rows], (215, 165, 140), layout.pale * np.float32(darkness))


def _hair(rng: Rng, image: Image, layout: SkinLayout, looks: Looks) -> None:
    """Hair cropped close, painted on the scalp; a receding or a shaved one too."""
    if looks.scalp == 0:
        return
    head: HeadFrame = layout.head
    window = image[head.rows, head.columns]
    noise = tileable(rng, 512, 0.9, 32)[: window.shape[0], : window.shape[1]]
    lift = np.float32(rng.normal(0.0, 0.12))
    above = layout.hair - lift + noise * np.float32(0.04)
    if chance(rng, 0.25):  # receding at the temples
        above = above - np.exp(-((np.abs(head.x) - np.float32(0.75)) ** 2) * 6) * (head.y < 0.7) * np.float32(0.35)
    alpha = np.clip(above * np.float32(between(rng, 3, 9)), 0, 1) * np.float32(looks.scalp)
    _mix(window, looks.hair, alpha)
    _gain(window, 1 + noise * alpha * np.float32(between(rng, 0.06, 0.14)))


def _bump(field: Field, middle: float, width: float) -> Field:
    """exp(-((field - middle) / width)^2)"""
    scaled = (field - np.float32(middle)) * np.float32(1 / width)
    return np.exp(-scaled * scaled)


def _face(rng: Rng, image: Image, face: FaceMaps, looks: Looks) -> None:
    """Shadows of the sockets and the nose, cheeks, beard, lips, brows, lids: in the order of make-up."""
    frame = face.frame
    window = image[frame.rows, frame.columns]
    side = np.abs(frame.x)
    _shadows(rng, window, face, side)
    cheek = _bump(side, 0.75, 0.35) * _bump(frame.z, -0.55, 0.3) * frame.skin
    nose = _bump(side, 0.0, 0.18) * _bump(frame.z, face.nose_z, 0.2) * frame.skin
    flush = np.float32(between(rng, 0.1, 0.5) + 0.2 * looks.makeup) * (cheek + nose * np.float32(0.6))
    r, g, b = looks.tone
    _mix(window, (min(255, int(r * 1.02)), int(g * 0.72), int(b * 0.75)), np.clip(flush, 0, 1))
    if looks.beard > 0:
        _beard(rng, window, face, side, looks)
    _lips(rng, window, face, side, looks)
    _brows(rng, window, frame, side, looks)
    rim = _bump(face.lids, 0.0, 0.06) * np.where(frame.z > -0.02, np.float32(0.9), np.float32(0.45))
    _mix(window, (30, 20, 18), rim * frame.skin * np.float32(between(rng, 0.5, 0.8) + 0.2 * looks.makeup))


def _shadows(rng: Rng, window: Image, face: FaceMaps, side: Field) -> None:
    z = face.frame.z
    socket = _bump(face.lids, 0.0, 0.28) * np.float32(between(rng, 0.05, 0.22))
    tired = _bump(side, 0.5, 0.22) * _bump(z, -0.27, 0.1) * np.float32(between(rng, 0, 0.14))
    flank = _bump(side, 0.24, 0.1) * _bump(z, face.nose_z + 0.15, 0.35) * np.float32(between(rng, 0.02, 0.12))
    below = (face.frame.y > np.float32(face.nose_y + 0.08)).astype(np.float32)
    nostril = _bump(side, 0.13, 0.065) * _bump(z, face.nose_z - 0.17, 0.06) * below * np.float32(0.6)
    philtrum = _bump(side, 0, 0.3) * _bump(z, face.nose_z - 0.25, 0.09) * np.float32(between(rng, 0.05, 0.15))
    fold = _bump(side - (np.float32(face.nose_z) - z) * np.float32(0.45), 0.3, 0.05) * _bump(z, -0.85, 0.2)
    chin = _bump(side, 0, 0.25) * _bump(z, face.mouth_z - 0.3, 0.07) * np.float32(between(rng, 0.05, 0.18))
    total = socket + tired + flank + nostril + philtrum + chin + fold * np.float32(between(rng, 0, 0.16))
    _gain(window, 1 - np.minimum(total * face.frame.skin, np.float32(0.8)))


def _beard(rng: Rng, window: Image, face: FaceMaps, side: Field, looks: Looks) -> None:
    """From shadow to full: below a line from the ear to the mouth, with the moustache, without the lips."""
    frame = face.frame
    line = np.float32(between(rng, -0.95, -0.7)) + side * np.float32(0.45)
    moustache = (side < 0.5) & (frame.z < face.nose_z - 0.22) & (frame.z > face.mouth_z)
    area = np.clip((line - frame.z) * 5, 0, 1)
    if chance(rng, 0.3):  # goatee
        area = area * np.clip((np.float32(0.65) - side) * 6, 0, 1)
    area = np.maximum(area, moustache.astype(np.float32))
    fade = np.clip((frame.z + np.float32(2.4)) * 3, 0, 1) * np.clip((np.float32(1.3) - frame.y) * 3, 0, 1)
    noise = rng.random(side.shape, dtype=np.float32)
    alpha = area * fade * np.clip(face.lips * 8 - 0.6, 0, 1) * frame.skin * np.float32(looks.beard)
    _mix(window, looks.hair, alpha * (np.float32(0.7) + noise * np.float32(0.3)))


def _lips(rng: Rng, window: Image, face: FaceMaps, side: Field, looks: Looks) -> None:
    frame = face.frame
    across = np.clip(1 - (side / np.float32(face.mouth_x * 1.05)) ** 2, 0, 1)
    full = between(rng, 0.09, 0.19)
    thick = np.sqrt(across) * np.where(frame.z > face.mouth_z, np.float32(full * 0.85), np.float32(full * 1.1))
    alpha = np.clip((thick - face.lips) * 25 + 0.3, 0, 1) * (across > 0) * frame.skin
    r, g, b = looks.tone
    natural = (int(r * 0.86), int(g * 0.62), int(b * 0.64))
    colour = natural if looks.makeup < 0.4 else (int(between(rng, 110, 200)), int(between(rng, 20, 70)), 60)
    _mix(window, colour, alpha * np.float32(between(rng, 0.55, 0.95)))
    slit = _bump(face.lips, 0, 0.035) * np.clip(across * 3, 0, 1) * frame.skin
    _mix(window, (50, 20, 20), slit * np.float32(between(rng, 0.5, 0.8)))


def _brows(rng: Rng, window: Image, frame: HeadFrame, side: Field, looks: Looks) -> None:
    along = (side - np.float32(0.5)) / np.float32(between(rng, 0.36, 0.44))
    arch, slope = between(rng, 0.02, 0.12), rng.normal(0, 0.03)
    middle = (
        np.float32(between(rng, 0.34, 0.46)) + np.float32(arch) * (1 - (along - 0.2) ** 2) + np.float32(slope) * along
    )
    thick = np.float32(between(rng, 0.05, 0.1)) * np.clip(1.1 - 0.45 * (along + 0.4), 0.3, 1)
    alpha = np.exp(-(((frame.z - middle) / thick) ** 2)) * np.clip((1.05 - np.abs(along)) * 6, 0, 1)
    colour = shade(looks.hair, 0.75) if sum(looks.hair) < 420 else shade(looks.hair, 0.6)
    _mix(window, colour, alpha * (frame.y < 0.8) * frame.skin * np.float32(looks.brows))


def _eyes(rng: Rng, image: Image, layout: SkinLayout, looks: Looks) -> None:
    """White, iris, pupil by the angle from the direction of gaze."""
    eyes = layout.eyes
    angle = eyes.angle_deg
    window = image[eyes.rows, eyes.columns]
    on_eye = (angle < 179).astype(np.float32)
    _mix(window, jitter(rng, (205, 196, 190), 8), on_eye)
    _gain(window, 1 - np.clip((angle - 40) / 60, 0, 0.5) * on_eye)
    _mix(window, looks.iris, np.clip((39 - angle) / 10, 0, 1))
    _mix(window, (12, 10, 10), np.clip((20 - angle) / 8, 0, 1))


__all__ = ["Looks", "SkinLayout", "sample_looks", "skin_layout", "skin_texture", "skin_tone"]
