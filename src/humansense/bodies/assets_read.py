"""What an asset is: where packs keep it, which files belong to it, its licence, what it is worn as."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from humansense.bodies.anatomy import anatomy, reference_shape
from humansense.bodies.anny_body import Body
from humansense.bodies.assets_texture import load_texture, read_picture
from humansense.bodies.dress import displaced
from humansense.bodies.garments import Garment
from humansense.bodies.makehuman import HM08_VERTICES, beside, read_mhclo, read_mhmat
from humansense.bodies.makehuman_fit import read_material, ready_made
from humansense.core import HumansenseError

KINDS = ("clothes", "hair", "skins")
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
NOT_WORN = ("eyes", "eyebrows", "eyelashes", "teeth", "tongue", "genitals", "proxymeshes")
FARTHEST_M = 0.4  # hair to the waist stands off by 0.2 m
LICENCES = (  # the first that is named counts; CC0 first, because packs tell of their former licences too
    ("CC0-1.0", r"\bCC0\b|creative commons zero|public domain"),
    ("CC-BY-NC", r"CC[- ]BY[- ]NC"),
    ("CC-BY-SA", r"CC[- ]BY[- ]SA"),
    ("CC-BY", r"CC[- ]BY\b"),
    ("AGPL-3.0", r"\bAGPL"),
    ("GPL", r"\bGPL"),
    ("MIT", r"\bMIT licen[cs]e"),
)


@dataclass(frozen=True)
class Found:
    """An asset in a folder. main: its `.mhclo`, `.mhmat` or picture."""

    name: str
    kind: str
    main: Path


@dataclass(frozen=True)
class Facts:
    """What was learned by reading an asset. files: all it needs. wear: see `Asset`."""

    files: tuple[Path, ...]
    wear: str
    tags: tuple[str, ...]
    words: frozenset[str]
    licence: str
    licence_text: str
    triangles: int
    texture_size: tuple[int, int]
    z_depth: int = 50


def find(folder: Path, skins: bool) -> tuple[list[Found], list[tuple[str, str]]]:
    """Assets below a folder in the official layout, and `(name, reason)` of what is none that can be worn.

    skins: take pictures that lie apart from other assets as skins.
    """
    found, left = [], []
    clothes = sorted(folder.rglob("*.mhclo"))
    for path in clothes:
        parts = {part.lower() for part in path.resolve().parts[-4:-1]}
        if strange := parts & set(NOT_WORN):
            left.append((path.stem, f"{min(strange)} are not worn here"))
            continue
        found.append(Found(path.stem, "hair" if "hair" in parts else "clothes", path))
    dressed = {path.parent for path in clothes}
    for path in sorted(folder.rglob("*.mhmat")):
        if "skins" in {part.lower() for part in path.resolve().parts[-4:-1]} or not dressed:
            found.append(Found(path.stem, "skins", path))
    if skins:
        taken = dressed | {item.main.parent for item in found}
        pictures = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in PICTURES)
        found += [Found(path.stem, "skins", path) for path in pictures if path.parent not in taken]
    return [f for f in found if not f.name.startswith(".")], left


def words_of(*texts: str) -> frozenset[str]:
    """The lower-case words of names and tags: `female_casualsuit01` has "female" and "casualsuit"."""
    return frozenset(word for text in texts for word in re.findall(r"[a-z]+", text.lower()))


def licence_of(comments: tuple[str, ...], folder: Path, root: Path) -> tuple[str, str]:
    """`(short name, the words it was found in)`: from the file's comments, else from LICENSE or README up to `root`."""
    said = [line for line in comments if line]
    texts = ["\n".join(said)] if said else []
    for parent in (folder, *folder.parents):
        for path in sorted(parent.glob("*")):
            if path.is_file() and re.match(r"(.*_)?(licen[cs]e|copying|readme)", path.name.lower()):
                texts.append(path.read_text(encoding="utf-8", errors="replace")[:20000])
        if parent == root or parent == parent.parent:
            break
    for text in texts:
        for name, pattern in LICENCES:
            if re.search(pattern, text, re.IGNORECASE):
                return name, _excerpt(text)
    return "not stated", ""


def _excerpt(text: str) -> str:
    """The lines that speak of licence or copyright."""
    lines = (line.strip("#* \t") for line in text.splitlines())
    keep = [
        line for line in lines if re.search(r"licen[cs]e|CC0|CC[- ]BY|copyright|public domain|GPL|author", line, re.I)
    ]
    return "\n".join(keep[:12])[:1500]


def read_asset(body: Body, found: Found, root: Path) -> Facts:
    """Read, fit on the average body, and look at everything. Raises `HumansenseError` where it can not be used."""
    return _read_skin(found, root) if found.kind == "skins" else _read_worn(body, found, root)


def _read_worn(body: Body, found: Found, root: Path) -> Facts:
    asset = read_mhclo(found.main)
    material = read_material(asset)
    garment = ready_made(body, str(found.main), "hair" if found.kind == "hair" else "garment")
    pixels = load_texture(garment.texture) if garment.texture else np.zeros((0, 0, 3))
    off = fitted_distance_m(body, garment)
    if off > FARTHEST_M:
        raise HumansenseError(
            f"{found.main}: stands {off:.2f} m off the body, expected less than {FARTHEST_M} m: the asset is damaged "
            "or made for another mesh; fetch or export it again"
        )
    files = [found.main, beside(found.main, asset.obj, "mesh"), material.path, material.diffuse]
    files += [material.ao] if material.ao else []
    words = words_of(found.name, found.main.parent.name, asset.name, *asset.tags)
    wear = "hair" if found.kind == "hair" else _wear(body, garment, words)
    licence, text = licence_of(asset.comments, found.main.parent, root)
    return Facts(
        tuple(files), wear, asset.tags, words, licence, text,
        len(garment.patch.faces), (pixels.shape[1], pixels.shape[0]), asset.z_depth,
    )  # fmt: skip


def fitted_distance_m(body: Body, garment: Garment, shape: np.ndarray | None = None) -> float:
    """How far the farthest vertex of a garment is from the nearest of the body, metres; on the average body."""
    import torch
    from scipy.spatial import cKDTree

    rest = body.rest(reference_shape(body) if shape is None else torch.as_tensor(shape)[None])
    points = rest.vertices[0].numpy()
    worn = displaced(garment, points)
    if not np.isfinite(worn).all():
        return float("inf")
    return float(cKDTree(points[:HM08_VERTICES]).query(worn)[0].max())


def _wear(body: Body, garment: Garment, words: frozenset[str]) -> str:
    """What clothes are worn as, by the heights that they span."""
    a = anatomy(body)
    worn = garment.patch.carry(a.points) + garment.shift_on(a.points)
    low, high = worn[:, 2].min(), worn[:, 2].max()
    if high < a.height_z(-1) or words & {"shoes", "boots", "sandals", "heels"}:
        return "shoes"
    if low > a.height_z(0.95):
        return "hat"
    if high > a.height_z(0.6):
        return "suit" if low < a.height_z(-0.02) else "top"
    return "bottom"


def _read_skin(found: Found, root: Path) -> Facts:
    if found.main.suffix == ".mhmat":
        material = read_mhmat(found.main)
        files, tags, comments = [found.main, material.diffuse], material.tags, material.comments
    else:
        files, tags, comments = [found.main], (), ()
    pixels = read_picture(files[-1])
    licence, text = licence_of(comments, found.main.parent, root)
    # Tags of skins are copied from other files now and then: the name has the last word.
    return Facts(tuple(files), "skin", tags, words_of(found.name), licence, text, 0, (pixels.shape[1], pixels.shape[0]))
