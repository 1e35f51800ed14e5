"""The installed assets as a wardrobe to draw from: who wears what, train and test apart, colours varied."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from humansense.bodies.anny_body import Body
from humansense.bodies.assets import Asset, assets_dir, list_assets
from humansense.bodies.garments import Garment
from humansense.bodies.makehuman_fit import ready_made
from humansense.core import HumansenseError

Rng = np.random.Generator

TEST_SHARE = 0.2
AS_IT_IS = 0.35  # share of garments that keep the colours of their picture
AGES: Mapping[str, float] = MappingProxyType({"young": 2 / 3, "middleage": 0.82, "old": 1.0})  # phenotypes of the words
ANCESTRIES = ("african", "asian", "caucasian")
PHENOTYPES = (
    "gender", "age", "muscle", "weight", "height", "proportions", "cupsize", "firmness", *ANCESTRIES,
)  # fmt: skip

# Assets of the system pack that look wrong on anybody, with the reason. They can be worn by name; nobody draws them.
NOT_DRAWN: Mapping[str, str] = MappingProxyType(
    {"male_worksuit01": "its picture was made for another layout than its mesh has: buckles lie on the thighs"}
)


@dataclass(frozen=True)
class Closet:
    """Assets that people may wear, by kind and name. `assets`: whole ones, in the order of the store."""

    root: Path
    assets: tuple[Asset, ...]

    @property
    def digest(self) -> str:
        """SHA-256 over the files of all assets: sets made from equal closets can be resumed."""
        parts = [f"{asset.name} {name} {sha256}" for asset in self.assets for name, sha256 in asset.files]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def worn_as(self, wear: str, gender: str = "") -> tuple[Asset, ...]:
        """Those worn as "suit", "shoes", "hat", "hair" ...; with `gender`, those for it or for anybody."""
        return tuple(
            asset
            for asset in self.assets
            if asset.wear == wear and asset.name not in NOT_DRAWN and (not gender or asset.gender in ("", gender))
        )

    def skins(self, gender: str = "", age: str = "", ancestry: str = "") -> tuple[Asset, ...]:
        """Skins by the words in their names; a word left out is not asked for. Suits painted on skin are no skins."""
        return tuple(
            asset
            for asset in self.worn_as("skin", gender)
            if "special" not in asset.words
            and (not age or age in asset.words)
            and (not ancestry or ancestry in asset.words)
        )


def load_closet(root: Path | None = None) -> Closet | None:
    """What is installed, or None where nothing is. Reads manifests alone; raises `HumansenseError` for broken ones."""
    root = assets_dir() if root is None else Path(root)
    assets = tuple(list_assets(root))
    for asset in assets:
        for name, _ in asset.files:
            if not (asset.folder / name).is_file():
                raise HumansenseError(f"{asset.folder / name}: is missing: add the pack again or delete {asset.folder}")
    return Closet(root, assets) if assets else None


def _place(asset: Asset) -> float:
    """0..1, decided by the name alone."""
    return int.from_bytes(hashlib.sha256(asset.name.encode()).digest()[:8], "big") / 2**64


def split_closet(closet: Closet | None, split: str) -> Closet | None:
    """The part of a closet that people of "train" or "test" wear: no asset is in both.

    A hash of its name sends one in five to test. Of five or more that are worn alike (suits, shoes, hair ...) each part
    has at least one. None where nothing is left.
    """
    if split not in ("train", "test"):
        raise HumansenseError(f"split is {split!r}, expected train or test")
    if closet is None:
        return None
    test: set[Path] = set()
    for wear in dict.fromkeys(asset.wear for asset in closet.assets):
        rack = sorted((asset for asset in closet.assets if asset.wear == wear), key=_place)
        # What nobody draws does not count as one.
        drawn = [asset for asset in rack if asset.name not in NOT_DRAWN and "special" not in asset.words]
        chosen = {asset.folder for asset in rack if _place(asset) < TEST_SHARE}
        if len(drawn) >= 5:
            chosen |= {drawn[0].folder}
            chosen -= {drawn[-1].folder}
        test |= chosen
    kept = tuple(asset for asset in closet.assets if (asset.folder in test) == (split == "test"))
    return Closet(closet.root, kept) if kept else None


def asset_garment(body: Body, asset: Asset) -> Garment:
    """An asset as a garment."""
    if asset.wear == "skin":
        raise HumansenseError(f"{asset.name} is a skin, expected clothes or hair: use load_skin({str(asset.path)!r})")
    return ready_made(body, str(asset.path), "hair" if asset.wear == "hair" else "garment")


def recolour(rng: Rng, garment: Garment, share: float = 1 - AS_IT_IS) -> Garment:
    """Another colour of the same ready-made garment for `share` of the draws: hue, saturation and brightness turned."""
    if garment.texture is None or rng.random() >= share:
        return garment
    texture = replace(
        garment.texture,
        # Pictures are kept in memory: a grid of tints lets people share them.
        hue_deg=float(30 * rng.integers(0, 12)),
        saturation=float(rng.choice([0.4, 0.75, 1.0, 1.3])),
        brightness=float(rng.choice([0.6, 0.8, 1.0, 1.25])),
    )
    return replace(garment, texture=texture)


def draw(rng: Rng, rack: Sequence[Asset]) -> Asset:
    """One of a rack that is not empty, each as likely as another."""
    return rack[int(rng.integers(len(rack)))]


def sample_skin(rng: Rng, closet: Closet | None, shape: Sequence[float] | None = None) -> Path | None:
    """The skin (for `load_skin`) of a person with phenotypes `shape` (11,): of the gender, near in age and ancestry.

    None where the closet has no skin for the gender. Draws once in any case.
    """
    u = rng.random()
    if closet is None:
        return None
    if shape is not None and len(shape) != len(PHENOTYPES):
        raise HumansenseError(f"shape has {len(shape)} values, expected {len(PHENOTYPES)}: {', '.join(PHENOTYPES)}")
    values = {} if shape is None else dict(zip(PHENOTYPES, map(float, shape), strict=True))
    gender = "" if shape is None else "male" if values["gender"] < 0.5 else "female"
    skins = closet.skins(gender)
    if not skins:
        return None
    fit = np.array([_likeness(asset, values) for asset in skins])
    chances = np.exp(4 * (fit - fit.max()))
    return skins[int(np.searchsorted(np.cumsum(chances / chances.sum()), u, side="right").clip(0, len(skins) - 1))].path


def _likeness(asset: Asset, values: Mapping[str, float]) -> float:
    """0 or more: how well the words of a skin's name go with phenotypes."""
    age = next((AGES[word] for word in AGES if word in asset.words), None)
    ancestry = next((word for word in ANCESTRIES if word in asset.words), None)
    close = 0.0 if age is None or "age" not in values else -3 * abs(age - values["age"])
    return close + (values.get(ancestry, 1 / 3) if ancestry else 1 / 3)
