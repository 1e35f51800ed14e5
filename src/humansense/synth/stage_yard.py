"""What stands in stores, yards and streets, and partitions.

As in `stage_seats`, a piece is `piece(rng) -> [patches]`: it stands on z = 0 around the origin, its front towards -y
and its back towards +y, in metres.
"""

from __future__ import annotations

import numpy as np

from humansense.synth.noise import Rng, between, chance
from humansense.synth.stage_mesh import Patch, bevelled, box, cushion, lathe, moved, quad, tube
from humansense.synth.stage_seats import WOODS, pick


def parcels(rng: Rng) -> list[Patch]:
    """Cardboard boxes, one on top of another, taped."""
    parts, z = [], 0.0
    w, d = between(rng, 0.4, 0.7), between(rng, 0.32, 0.55)
    for _ in range(int(rng.integers(1, 4))):
        h, turn = between(rng, 0.22, 0.45), between(rng, -0.25, 0.25)
        one = [bevelled((-w / 2, -d / 2, 0), (w / 2, d / 2, h), pick(rng, ("card", "card2")), 0.006)]
        one.append(box((-0.025, -d / 2 - 0.001, h - 0.07), (0.025, d / 2 + 0.001, h + 0.001), "white2"))
        parts += [moved(patch, (0, 0, z), turn) for patch in one]
        z, w, d = z + h, w * between(rng, 0.7, 1), d * between(rng, 0.75, 1)
    return parts


def low_wall(rng: Rng) -> list[Patch]:
    """A breast-high wall or a bar with a coping."""
    w, d, high = between(rng, 0.9, 2.2), between(rng, 0.14, 0.45), between(rng, 0.7, 1.12)
    body = pick(rng, ("masonry", "wood2", "paint", "wood"))
    return [
        bevelled((-w / 2, -d / 2, 0), (w / 2, d / 2, high - 0.05), body, 0.01),
        bevelled(
            (-w / 2 - 0.03, -d / 2 - 0.03, high - 0.05), (w / 2 + 0.03, d / 2 + 0.03, high), pick(rng, WOODS), 0.015
        ),
        box((-w / 2 - 0.005, -d / 2 - 0.005, 0), (w / 2 + 0.005, d / 2 + 0.005, 0.08), "dark"),
    ]


def barrel(rng: Rng) -> list[Patch]:
    """A wooden cask, an oil drum or a bin, closed by a lid."""
    r, h = between(rng, 0.22, 0.34), between(rng, 0.6, 0.95)
    wooden = chance(rng, 0.4)
    if wooden:
        z = np.linspace(0, h, 7)
        swell = r * (1 - 0.18 * (2 * z / h - 1) ** 2)
        parts = lathe(
            [*zip(swell, z, strict=True), (swell[-1] - 0.02, h), (swell[-1] - 0.03, h - 0.03), (0, h - 0.03)],
            "wood",
            18,
        )
    else:
        body = pick(rng, ("paint2", "paint3", "metal"))
        profile = [(r, 0), (r, h), (r - 0.015, h), (r - 0.02, h - 0.02), (0, h - 0.02)]
        parts = lathe(profile, body, 20)
    for share in (0.12, 0.35, 0.65, 0.88) if wooden else (0.02, 0.34, 0.66, 0.98):
        out = r * (1 - 0.18 * (2 * share - 1) ** 2) if wooden else r
        z0 = share * h
        ring = [
            (out - 0.004, z0 - 0.02),
            (out + 0.008, z0 - 0.012),
            (out + 0.008, z0 + 0.012),
            (out - 0.004, z0 + 0.02),
        ]
        parts += lathe(ring, "metal" if wooden else body, 18)
    return parts


def fence(rng: Rng) -> list[Patch]:
    """Posts, rails and pales."""
    w, high, wood = between(rng, 1.4, 3.0), between(rng, 0.7, 1.3), pick(rng, ("wood", "wood2", "paint", "white"))
    parts = [bevelled((x - 0.045, -0.02, 0), (x + 0.045, 0.07, high), wood, 0.01) for x in (-w / 2, 0, w / 2)]
    for z in (0.2 * high, 0.78 * high):
        parts.append(box((-w / 2, -0.03, z - 0.04), (w / 2, -0.005, z + 0.04), wood))
    if chance(rng, 0.7):
        pale = between(rng, 0.06, 0.11)
        for x in np.arange(-w / 2 + pale, w / 2 - pale / 2, pale * between(rng, 1.3, 2.4)):
            parts.append(box((x - pale / 2, -0.05, 0.06), (x + pale / 2, -0.03, high - between(rng, 0, 0.04)), wood))
    else:
        parts.append(box((-w / 2, -0.03, high - 0.06), (w / 2, -0.005, high), wood))
    return parts


def screen(rng: Rng) -> list[Patch]:
    """A folding screen of three or four leaves in a zigzag."""
    leaves, w, high = int(rng.integers(3, 5)), between(rng, 0.4, 0.55), between(rng, 1.5, 1.85)
    frame, filling = pick(rng, WOODS), pick(rng, ("cloth4", "white", "picture2", "paint3"))
    fold, parts = between(rng, 0.35, 0.7), []
    x = -leaves * w * np.cos(fold) / 2
    for i in range(leaves):
        turn = fold if i % 2 == 0 else -fold
        leaf = [
            box((0, -0.012, 0.03), (0.04, 0.012, high), frame),
            box((w - 0.04, -0.012, 0.03), (w, 0.012, high), frame),
        ]
        leaf += [box((0.04, -0.012, z), (w - 0.04, 0.012, z + 0.05), frame) for z in (0.08, high - 0.06)]
        leaf.append(quad((0.04, 0, 0.13), (w - 0.08, 0, 0), (0, 0, high - 0.19), filling, filling == "picture2"))
        y = -w * np.sin(fold) / 2 * (1 if i % 2 == 0 else -1)
        parts += [moved(patch, (x, y, 0), turn) for patch in leaf]
        x += w * np.cos(fold)
    return parts


def ladder(rng: Rng) -> list[Patch]:
    """A stepladder."""
    high, w, metal = between(rng, 1.1, 1.9), between(rng, 0.4, 0.5), pick(rng, ("metal", "wood", "paint3"))
    reach, parts = high * 0.32, []
    for sx in (-1, 1):
        for y in (-reach, reach):
            parts.append(tube([(sx * w / 2, y, 0), (sx * w / 2 * 0.8, 0, high)], 0.02, metal, 5))
    for i in range(1, int(high / 0.25) + 1):
        z = i * high / (int(high / 0.25) + 1)
        y, x = -reach * (1 - z / high), w / 2 * (1 - 0.2 * z / high)
        parts.append(box((-x, y - 0.04, z - 0.01), (x, y + 0.04, z + 0.01), metal))
    return [*parts, bevelled((-w * 0.4, -0.12, high - 0.01), (w * 0.4, 0.12, high + 0.02), metal)]


def post(rng: Rng) -> list[Patch]:
    """A pole, a bollard or a column."""
    r, h = (
        (between(rng, 0.03, 0.07), between(rng, 1.8, 3.0))
        if chance(rng, 0.4)
        else (between(rng, 0.07, 0.15), between(rng, 0.7, 1.1))
    )
    profile = [(0, 0), (r * 1.6, 0), (r * 1.6, 0.04), (r, 0.05), (r, h - r), (r * 0.7, h - r * 0.3), (0, h)]
    return lathe(profile, pick(rng, ("metal", "dark", "paint3", "masonry")), 12)


def hedge(rng: Rng) -> list[Patch]:
    """A clipped hedge or a bush: uneven, leafy."""
    w, d, h = between(rng, 0.6, 1.8), between(rng, 0.4, 0.7), between(rng, 0.5, 1.2)
    body = cushion((-w / 2, -d / 2, -0.1), (w / 2, d / 2, h), "hedge", between(rng, 0.2, 0.7), 8)
    bumps = 1 + rng.normal(0, 0.035, (len(body.vertices), 1)).astype(np.float32)
    vertices = body.vertices * bumps
    vertices[:, 2] = np.maximum(vertices[:, 2], 0)
    return [body._replace(vertices=vertices)]


def planter(rng: Rng) -> list[Patch]:
    """A box of boards or stone with bushes in it."""
    w, d, h = between(rng, 0.7, 1.4), between(rng, 0.35, 0.5), between(rng, 0.3, 0.5)
    parts = [bevelled((-w / 2, -d / 2, 0), (w / 2, d / 2, h), pick(rng, ("masonry", "wood", "wood2")), 0.015)]
    for x in np.linspace(-w / 2 + 0.2, w / 2 - 0.2, 3):
        r = between(rng, 0.16, 0.24)
        ball = cushion((x - r, -r, h - 0.08), (x + r, r, h + between(rng, 0.2, 0.55)), "hedge", 0.9, 6)
        parts.append(
            ball._replace(vertices=ball.vertices + rng.normal(0, 0.012, ball.vertices.shape).astype(np.float32))
        )
    return parts
