"""What people wear, drawn at random: tops, bottoms, one-pieces, skirts, shoes, in every length and fit.

Each maker draws one garment; `sample_outfit` puts them together, inner layers first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from humansense.bodies.anatomy import anatomy
from humansense.bodies.anny_body import Body
from humansense.bodies.assets_closet import Closet, asset_garment, draw, recolour
from humansense.bodies.cuts import (
    Border,
    above,
    armholes,
    below,
    hands,
    leg_openings,
    meet,
    neckline,
    open_front,
    sleeves,
    spots_on,
)
from humansense.bodies.garments import Fit, Garment, Outfit, layered, tailor
from humansense.bodies.hair import headgear, long_hair, short_hair, tied_hair, with_beard
from humansense.bodies.hanging import SEEN_BELOW_HEM_M, moving_with_legs, toes_together
from humansense.bodies.patch import patch_of
from humansense.bodies.shapes import age_years

Rng = np.random.Generator

TIGHT, INNER, OUTER, COAT = -0.002, 0.002, 0.011, 0.022  # ease of the layers, metres off the tights
WAIST, HIP = 0.31, 0.13  # heights
SOLE = -2.135  # height of the upper edge of a sole
GROWN_YEARS = 16.0  # beards begin; who is younger is dressed
SCANTY = ("briefs", "sports bra", "swimsuit", "leotard")
BARE_GROUND = 0.3  # share of people without shoes and socks


def _neck(rng: Rng) -> Border:
    """Crew, V, scoop, collar or turtleneck."""
    kind = rng.choice(5, p=[0.4, 0.2, 0.15, 0.15, 0.1])
    return (
        neckline(rng.uniform(0.9, 0.95), 0.99, rng.uniform(0.07, 0.09)),
        neckline(rng.uniform(0.74, 0.85), 0.98, rng.uniform(0.07, 0.1), 1.0),
        neckline(rng.uniform(0.76, 0.88), rng.uniform(0.9, 0.98), rng.uniform(0.1, 0.13), 2.5),
        neckline(rng.uniform(0.86, 0.93), 1.03, 0.065, 1.0),
        neckline(1.03, 1.05, 0.08),
    )[kind]


def _straps(rng: Rng, low: float = 0.7) -> Border:
    """Armholes and a low neckline: tank tops, singlets, swimsuits."""
    outer = rng.uniform(0.11, 0.155)
    inner = max(0.06, outer - rng.uniform(0.02, 0.08))
    opening = neckline(rng.uniform(low, 0.92), rng.uniform(low - 0.1, 0.97), inner, rng.uniform(1.5, 3.5))
    return meet(armholes(outer), opening)


def _top(rng: Rng, body: Body, name: str, sleeve: float, fit: Fit, hem: float) -> Garment:
    """sleeve: end on the arm, 0 for none."""
    opening = _neck(rng) if sleeve > 0 else _straps(rng)
    shape = meet(sleeves(sleeve), opening) if sleeve > 0 else opening
    return tailor(body, name, meet(shape, above(hem)), fit, rng, above(hem), snug=opening)


def _loose(rng: Rng, ease_m: float) -> Fit:
    """Anything from close-fitting to baggy; few are very wide."""
    slack = rng.beta(1.2, 2.2)
    return Fit(
        ease_m + 0.04 * slack**1.5,
        rng.uniform(0, 0.09) * slack,
        rng.uniform(0.25, 0.5),
        rng.uniform(0.003, 0.016),
        int(18 * slack),
    )


def shirt(rng: Rng, body: Body, tucked: bool = False) -> Garment:
    """T-shirt, tank top, sweater: over the bottoms or tucked into them."""
    sleeve = rng.choice(
        [0.0, rng.uniform(0.3, 0.9), rng.uniform(0.9, 1.3), rng.uniform(1.7, 1.97)], p=[0.2, 0.45, 0.1, 0.25]
    )
    name = "tank top" if sleeve == 0 else "t-shirt" if sleeve < 1.3 else "long-sleeved shirt"
    if rng.random() < 0.2 or tucked:
        return _top(rng, body, f"tucked {name}", sleeve, Fit(TIGHT, folds_m=0.004), HIP)
    return _top(rng, body, name, sleeve, _loose(rng, OUTER), rng.uniform(-0.02, 0.2))


def tight_top(rng: Rng, body: Body) -> Garment:
    """Sports bra, crop top, compression shirt."""
    hem = rng.choice([rng.uniform(0.52, 0.6), rng.uniform(0.38, 0.5), rng.uniform(0.12, 0.25)])
    sleeve = 0.0 if rng.random() < 0.6 else rng.uniform(0.3, 1.95)
    name = "sports bra" if hem > 0.5 and sleeve == 0 else "tight top"
    return _top(rng, body, name, sleeve, Fit(OUTER - 0.006, folds_m=0.002), hem)


def jacket(rng: Rng, body: Body) -> Garment:
    """Open or closed, over another top; short, or a coat."""
    coat = rng.random() < 0.3
    hem = rng.uniform(-1.3, -0.4) if coat else rng.uniform(-0.1, 0.25)
    border = meet(sleeves(rng.uniform(1.75, 1.97)), above(hem), neckline(0.85, 1.02, 0.07, 1.0))
    if rng.random() < 0.6:
        border = meet(border, open_front(rng.uniform(0.02, 0.06), rng.uniform(0.0, 0.15)))
    fit = replace(_loose(rng, COAT), drape=10)
    if coat:
        fit = replace(fit, flare_m=fit.flare_m + rng.uniform(0.0, 0.08))
    return tailor(body, "jacket", border, fit, rng, above(hem))


def trousers(rng: Rng, body: Body) -> Garment:
    """Jeans, track pants, wide trousers, three-quarter ones."""
    hem = rng.uniform(-1.99, -1.8) if rng.random() < 0.85 else rng.uniform(-1.7, -1.2)
    wide = rng.beta(1.0, 2.5)
    fit = Fit(
        INNER + 0.03 * wide**1.5, 0.008 + 0.08 * wide, rng.uniform(0.5, 1.0), rng.uniform(0.003, 0.014), int(12 * wide)
    )
    border = meet(below(rng.uniform(HIP + 0.07, WAIST + 0.05)), above(hem))
    return tailor(body, "trousers", border, fit, rng, above(hem), "bottom")


def leggings(rng: Rng, body: Body) -> Garment:
    hem = rng.choice([rng.uniform(-1.97, -1.8), rng.uniform(-1.5, -1.0), rng.uniform(-0.7, -0.3)])
    border = meet(below(rng.uniform(HIP + 0.06, WAIST + 0.04)), above(hem))
    return tailor(body, "leggings", border, Fit(TIGHT), rng, panels="bottom")


def shorts(rng: Rng, body: Body) -> Garment:
    hem = rng.choice([rng.uniform(-0.3, -0.12), rng.uniform(-0.75, -0.3), rng.uniform(-1.15, -0.75)])
    border = meet(below(rng.uniform(HIP + 0.05, WAIST)), above(hem))
    fit = Fit(INNER, rng.uniform(0.004, 0.035), 0.25, rng.uniform(0.002, 0.01), int(rng.integers(0, 8)))
    return tailor(body, "shorts", border, fit, rng, above(hem), "bottom")


def briefs(rng: Rng, body: Body) -> Garment:
    border = meet(below(rng.uniform(HIP - 0.02, WAIST - 0.05)), leg_openings(-0.03, rng.uniform(0.2, 0.9)))
    return tailor(body, "briefs", border, Fit(TIGHT), rng)


def skirt(rng: Rng, body: Body, waist: float = 0.0) -> Garment:
    hem = rng.choice([rng.uniform(-0.5, -0.2), rng.uniform(-1.1, -0.5), rng.uniform(-1.75, -1.1)], p=[0.35, 0.35, 0.3])
    top = waist or rng.uniform(0.2, 0.27)
    flare = rng.uniform(-0.02, 0.11) * min(1.0, -hem + 0.4)
    fit = Fit(INNER + 0.002, flare, 0.6, rng.uniform(0.0, 0.014))
    border = meet(below(top), above(hem))
    piece = tailor(body, "skirt", border, fit, rng, above(hem), "skirt")
    a = anatomy(body)
    # Seen from below, legs show up to a hand's breadth above the hem; what is left out can not come through.
    inner = min(0.02, hem + SEEN_BELOW_HEM_M / (a.height_z(0) - a.height_z(-1)))
    covers = meet(below(top), above(inner))(spots_on(a))
    moved_by = moving_with_legs(body, piece.patch.carry(a.points), piece.patch.faces, piece.patch.sources)
    return replace(piece, covers_m=covers, moved_by=moved_by)


def dress_and_top(rng: Rng, body: Body) -> tuple[Garment, ...]:
    """A dress: a tight or loose top and a skirt of one fabric."""
    sleeve = rng.choice([0.0, rng.uniform(0.3, 1.2), rng.uniform(1.7, 1.95)], p=[0.55, 0.3, 0.15])
    top = _top(rng, body, "dress", sleeve, Fit(OUTER - 0.004, 0.004, 0.1, 0.004, 4), 0.2)
    return (replace(skirt(rng, body, 0.26), name="dress", material="dress"), replace(top, material="dress"))


def one_piece(rng: Rng, body: Body) -> Garment:
    """Leotard, swimsuit, singlet, wetsuit, overall."""
    kind = str(rng.choice(["leotard", "swimsuit", "singlet", "wetsuit", "overall"], p=[0.35, 0.15, 0.2, 0.15, 0.15]))
    if kind in ("leotard", "swimsuit"):
        long = kind == "leotard" and rng.random() < 0.5
        arms = meet(sleeves(1.95), _neck(rng)) if long else _straps(rng, 0.62)
        return tailor(body, kind, meet(arms, leg_openings(-0.03, rng.uniform(0.3, 1.1))), Fit(TIGHT), rng)
    if kind == "singlet":
        return tailor(body, kind, meet(_straps(rng), above(rng.uniform(-0.7, -0.2))), Fit(TIGHT), rng, panels="whole")
    arms = meet(sleeves(rng.uniform(0.4, 1.95)), _neck(rng))
    hem = rng.uniform(-1.95, -0.4)
    fit = Fit(TIGHT) if kind == "wetsuit" else replace(_loose(rng, INNER), flare_m=0.02)
    return tailor(body, kind, meet(arms, above(hem)), fit, rng, above(hem), "whole")


def footwear(rng: Rng, body: Body) -> tuple[Garment, ...]:
    """Shoes with soles, boots, slippers; socks now and then."""
    kind = str(rng.choice(["shoes", "boots", "slippers", "socks"], p=[0.7, 0.1, 0.1, 0.1]))
    top = {"shoes": rng.uniform(-2.07, -1.97), "boots": rng.uniform(-1.8, -1.3), "slippers": -2.08, "socks": 0}[kind]
    out = []
    if kind == "socks" or (kind == "shoes" and rng.random() < 0.4):
        out.append(tailor(body, "socks", below(rng.uniform(-1.95, -1.1)), Fit(TIGHT), rng, panels="bottom"))
    if kind != "socks":
        upper = below(top)
        # Narrow where the ankle comes out.
        fit = Fit(0.007, -0.006, 0.05, drape=4)
        out.append(tailor(body, kind, upper, fit, rng, upper, panels="bottom"))
        if kind == "shoes":
            out.append(tailor(body, "soles", below(SOLE), Fit(0.011, drape=2), rng, panels="bottom"))
    together = toes_together(body)
    # Toes do not stretch the cap that they are in.
    return tuple(
        g if g.name == "socks" else replace(g, moved_by=g.patch.sources @ together, margin_m=0.012) for g in out
    )


def gloves(rng: Rng, body: Body) -> Garment:
    """Of the hands' own skin, thin or thick."""
    a = anatomy(body)
    border = hands(rng.uniform(1.75, 1.95))
    skin = patch_of(body.faces, body.face_uv, body.n_vertices)
    patch = skin.cut(border(spots_on(a, skin)))
    thickness = rng.choice([0.002, 0.008])
    return Garment(
        "gloves", patch, np.full(len(patch), thickness), np.zeros((len(patch), 3)), border(spots_on(a)), 0, 0.01
    )


def _sport(rng: Rng, body: Body, bare: bool) -> tuple[Garment, ...]:
    bottom = (shorts, leggings, trousers, briefs)[rng.choice(4, p=[0.5, 0.25, 0.2, 0.05])](rng, body)
    if bare and rng.random() < 0.2:
        return (bottom,)
    top = (shirt, tight_top)[rng.choice(2, p=[0.65, 0.35])](rng, body)
    return (top, bottom) if top.name.startswith("tucked") else (bottom, top)


def _street(rng: Rng, body: Body, bare: bool) -> tuple[Garment, ...]:
    bottom = (trousers, leggings, shorts, skirt)[rng.choice(4, p=[0.6, 0.1, 0.12, 0.18])](rng, body)
    top = shirt(rng, body, tucked=bottom.name == "skirt")
    # What is tucked in lies under the bottom.
    both = (top, bottom) if top.name.startswith("tucked") else (bottom, top)
    return (*both, jacket(rng, body)) if rng.random() < 0.3 else both


def _swim(rng: Rng, body: Body, bare: bool) -> tuple[Garment, ...]:
    bottom = (briefs, shorts)[rng.choice(2)](rng, body)
    return (bottom,) if bare else (bottom, tight_top(rng, body))


STYLES: tuple[tuple[float, Callable[[Rng, Body, bool], tuple[Garment, ...]]], ...] = (
    (0.38, _sport),
    (0.35, _street),
    (0.12, lambda rng, body, bare: (one_piece(rng, body),)),
    (0.09, lambda rng, body, bare: dress_and_top(rng, body)),
    (0.06, _swim),
)


def hairstyle(rng: Rng, body: Body) -> Garment | None:
    kind = rng.choice(6, p=[0.07, 0.15, 0.36, 0.05, 0.2, 0.17])
    if kind == 0:
        return None
    if kind <= 3:
        return short_hair(rng, body, float(rng.uniform(*((0.0015, 0.004), (0.005, 0.02), (0.03, 0.055))[kind - 1])))
    return long_hair(rng, body) if kind == 4 else tied_hair(rng, body)


def _clothes(rng: Rng, body: Body, bare: bool) -> tuple[Garment, ...]:
    """Of a random style. bare: a bare chest may be."""
    style = int(rng.choice(len(STYLES), p=[share for share, _ in STYLES]))
    return STYLES[style][1](rng, body, bare)


def sample_outfit(rng: Rng, body: Body, shape: Sequence[float] | None = None, closet: Closet | None = None) -> Outfit:
    """Clothes and hair for one person, pure in the generator.

    shape: (11,) phenotypes of who wears it; only men wear beards or go with a bare chest, without `shape` nobody does.
    Children wear more than bathing suits.
    closet: with one, about half of the people wear a suit of clothes, shoes, hair or a hat from it.
    """
    male = shape is not None and shape[body.shape_names.index("gender")] < 0.5
    grown = shape is None or float(age_years(shape[body.shape_names.index("age")])) >= GROWN_YEARS
    garments = _clothes(rng, body, male and grown)
    while not grown and any(garment.name in SCANTY for garment in garments):
        garments = _clothes(rng, body, False)
    if rng.random() > BARE_GROUND:
        shoes = footwear(rng, body)
        over = shoes[0].name == "boots" and rng.random() < 0.5
        garments = garments + shoes if over else shoes + garments
    if rng.random() < 0.05:
        garments += (gloves(rng, body),)
    hair = hairstyle(rng, body)
    if male and rng.random() < 0.35 and grown:
        hair = with_beard(rng, body, hair)
    if rng.random() < 0.12:
        hat, hair = headgear(rng, body, hair)
        garments += (hat,)
    if closet is not None:
        gender = "" if shape is None else "male" if male else "female"
        garments, hair = _from_closet(rng, body, closet, gender, garments, hair)
    return Outfit(layered(garments), hair)


FOOTWEAR = ("shoes", "soles", "boots", "slippers", "socks")
HEADGEAR = ("cap", "beanie", "helmet")
ASSET_SUIT, ASSET_SHOES, ASSET_HAIR, ASSET_HAT = (
    0.5,
    0.5,
    0.5,
    0.06,
)  # shares of people, where there is something to wear


def _from_closet(
    rng: Rng, body: Body, closet: Closet, gender: str, garments: tuple[Garment, ...], hair: Garment | None
) -> tuple[tuple[Garment, ...], Garment | None]:
    """Some of what is worn put off for what the closet has."""
    hats = tuple(g for g in garments if g.name in HEADGEAR)
    feet = tuple(g for g in garments if g.name in FOOTWEAR)
    beard = hair is not None and "beard" in hair.name
    if (rack := closet.worn_as("suit", gender)) and rng.random() < ASSET_SUIT:
        # What was tucked over trousers (boots) lies under the legs of a suit.
        garments = (*feet, recolour(rng, asset_garment(body, draw(rng, rack))), *hats)
    if (rack := closet.worn_as("shoes", gender)) and rng.random() < ASSET_SHOES:
        garments = (
            recolour(rng, asset_garment(body, draw(rng, rack)), 0.3),
            *(g for g in garments if g.name not in FOOTWEAR),
        )
    if not hats and (rack := closet.worn_as("hat", gender)) and rng.random() < ASSET_HAT:
        hair = short_hair(rng, body, 0.004)
        garments = (*garments, recolour(rng, asset_garment(body, draw(rng, rack))))
    elif not hats and (rack := closet.worn_as("hair", gender)) and rng.random() < ASSET_HAIR:
        hair = asset_garment(body, draw(rng, rack))
        if beard:
            garments = (*garments, with_beard(rng, body, None))
    return garments, hair
