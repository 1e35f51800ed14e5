"""Readers of MakeHuman's files: `.mhclo` (how a mesh rides on the body), `.obj` (the mesh), `.mhmat` (its material).

The files speak of the hm08 base mesh in decimetres, y up, facing +z; the body here is in metres, z up, facing -y:
`(x, y, z)` of a file is `(x, -z, y) / 10` of the body (exact: the body's template is hm08's `base.obj` so turned).
The formats are those of MakeHuman 1.2 (`shared/proxy.py`, `shared/material.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from humansense.core import HumansenseError

HM08_VERTICES = 19158
DECIMETRE_M = 0.1
AXES = ("x_scale", "y_scale", "z_scale")
TO_BODY = np.array([0, 2, 1])  # the body's x, y, z are the file's x, -z, y
TO_BODY_SIGN = np.array([1.0, -1.0, 1.0])


@dataclass(frozen=True)
class Mhclo:
    """A `.mhclo` file: N vertices of a mesh as places on the V = 19,158 vertices of the hm08 base mesh.

    references: (N, 3) int64. weights: (N, 3), rows sum to 1, values may be negative or above 1. offsets_dm: (N, 3) in
    the file's axes, for a body on which the pairs of vertices `scale_pairs` (3, 2) lie `scale_dm` (3,) apart along x, y
    and z; an axis without a pair has the pair (-1, -1) and is not scaled. deleted: (V,) bool, what the cloth hides.
    obj, material: paths as the file gives them; material may be empty.
    """

    path: Path
    name: str
    uuid: str
    tags: tuple[str, ...]
    comments: tuple[str, ...]
    references: np.ndarray
    weights: np.ndarray
    offsets_dm: np.ndarray
    scale_pairs: np.ndarray
    scale_dm: np.ndarray
    deleted: np.ndarray
    z_depth: int
    obj: str
    material: str

    def __len__(self) -> int:
        return len(self.references)


@dataclass(frozen=True)
class ObjMesh:
    """A triangulated mesh. n_vertices. faces: (F, 3) int64. uv: (F, 3, 2) float32, v up."""

    n_vertices: int
    faces: np.ndarray
    uv: np.ndarray


@dataclass(frozen=True)
class Mhmat:
    """A `.mhmat` file. diffuse, ao: paths of pictures that exist; ao may be None. colour: RGB that multiplies it."""

    path: Path
    name: str
    tags: tuple[str, ...]
    comments: tuple[str, ...]
    diffuse: Path
    ao: Path | None
    colour: tuple[float, float, float]
    transparent: bool


def _lines(path: Path, what: str) -> Iterator[tuple[int, str]]:
    """Numbered lines of a text file that exists."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise HumansenseError(
            f"{path}: cannot read this {what} ({error.strerror}): give the asset's whole folder"
        ) from (error)
    if b"\0" in data:
        raise HumansenseError(f"{path}: is no text, expected a MakeHuman {what}: fetch it again")
    yield from enumerate(data.decode("utf-8", errors="replace").splitlines(), 1)


def _numbers(path: Path, line: int, words: list[str], expected: str) -> list[float]:
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = [np.nan]
    if not np.isfinite(values).all():
        raise HumansenseError(f"{path}:{line}: {' '.join(words)[:60]!r}, expected {expected}: fetch or export it again")
    return values


def _vertex(path: Path, line: int, value: float) -> int:
    if value != int(value) or not 0 <= value < HM08_VERTICES:
        raise HumansenseError(
            f"{path}:{line}: refers to vertex {value:g}, expected 0 to {HM08_VERTICES - 1} of the hm08 base mesh: "
            "the asset was made for another mesh or is damaged; fetch or export it again"
        )
    return int(value)


@dataclass
class _Reading:
    """What has been read of a `.mhclo` file so far."""

    words: dict[str, str] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    rows: list[list[float]] = field(default_factory=list)
    pairs: dict[str, list[float]] = field(default_factory=dict)
    deleted: np.ndarray = field(default_factory=lambda: np.zeros(HM08_VERTICES, dtype=bool))


ROW = "one vertex, or 3 vertices, 3 weights and 3 offsets"


def _row(path: Path, line: int, words: list[str]) -> list[float]:
    """Nine numbers of a line of `verts`."""
    if len(words) not in (1, 6, 9):
        raise HumansenseError(
            f"{path}:{line}: a line of verts has {len(words)} numbers, expected {ROW}: "
            "the file is cut off or damaged; fetch or export it again"
        )
    values = _numbers(path, line, words, ROW)
    references = [float(_vertex(path, line, value)) for value in values[: 1 if len(words) == 1 else 3]]
    if len(words) == 1:
        return references * 3 + [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    row = references + values[3:] + [0.0] * (9 - len(words))
    if abs(sum(row[3:6]) - 1) > 0.01:
        raise HumansenseError(
            f"{path}:{line}: the weights sum to {sum(row[3:6]):.3f}, expected 1: fetch or export the asset again"
        )
    return row


def _mark_deleted(path: Path, line: int, words: list[str], deleted: np.ndarray) -> None:
    """`7 10 - 12` marks 7, 10, 11 and 12."""
    expected = "vertices and ranges like 10 - 20"
    k = 0
    while k < len(words):
        is_range = k + 1 < len(words) and words[k + 1] == "-"
        ends = words[k : k + 3 : 2] if is_range else words[k : k + 1]
        if is_range and len(ends) < 2:
            raise HumansenseError(f"{path}:{line}: delete_verts ends in a range without an end, expected {expected}: "
                                  "the file is cut off; fetch or export it again")  # fmt: skip
        first, last = (_vertex(path, line, v) for v in (_numbers(path, line, ends, expected) * 2)[:2])
        deleted[first : last + 1] = True
        k += 3 if is_range else 1


def _read_mhclo_lines(path: Path) -> _Reading:
    got, section = _Reading(), ""
    for line, text in _lines(path, ".mhclo"):
        words = text.split()
        if not words:
            continue
        key = words[0]
        if key.startswith("#"):
            got.comments.append(text.lstrip("# ").rstrip())
        elif re.fullmatch(r"[-+.\d].*", key):
            if section == "verts":
                got.rows.append(_row(path, line, words))
            elif section == "delete_verts":
                _mark_deleted(path, line, words, got.deleted)
            elif section != "weights":
                raise HumansenseError(f"{path}:{line}: numbers before verts or delete_verts: fetch or export it again")
        elif key in ("verts", "delete_verts", "weights"):
            section = key
        elif key in AXES:
            numbers = _numbers(path, line, words[1:], "two vertices and the decimetres between them")
            if len(numbers) != 3 or numbers[2] <= 0:
                raise HumansenseError(
                    f"{path}:{line}: {key} is {' '.join(words[1:])!r}, expected two vertices and the distance between "
                    "them in decimetres: fetch or export the asset again"
                )
            got.pairs[key] = [_vertex(path, line, numbers[0]), _vertex(path, line, numbers[1]), numbers[2]]
        elif key == "tag":
            got.tags.append(" ".join(words[1:]))
        elif re.match(r"(l_|r_)?shear_", key):
            raise HumansenseError(f"{path}:{line}: {key} is not supported, expected x_scale, y_scale and z_scale: "
                                  "export the asset without shearing")  # fmt: skip
        else:
            got.words[key] = " ".join(words[1:])
    return got


def read_mhclo(path: str | Path) -> Mhclo:
    """Read a `.mhclo` file.

    Raises `HumansenseError` with file and line for references outside the mesh, broken lines, another base mesh than
    hm08, and for files without vertices or without a mesh.
    """
    path = Path(path)
    got = _read_mhclo_lines(path)
    mesh = got.words.get("basemesh", "hm08")
    if mesh.lower() not in ("hm08", "hm08.obj"):
        raise HumansenseError(
            f"{path}: basemesh is {mesh!r}, expected hm08: only assets for MakeHuman 1.0 and later fit"
        )
    if not got.rows:
        raise HumansenseError(f"{path}: has no vertices after verts, expected one line each: fetch or export it again")
    if not got.words.get("obj_file"):
        raise HumansenseError(f"{path}: names no obj_file, expected the asset's mesh: fetch or export it again")
    rows = np.array(got.rows)
    pairs = np.array([got.pairs.get(axis, [-1, -1, 1.0]) for axis in AXES])
    depth = got.words.get("z_depth", "50")
    return Mhclo(
        path=path,
        name=got.words.get("name", path.stem),
        uuid=got.words.get("uuid", ""),
        tags=tuple(got.tags),
        comments=tuple(got.comments),
        references=rows[:, :3].astype(np.int64),
        weights=rows[:, 3:6],
        offsets_dm=rows[:, 6:],
        scale_pairs=pairs[:, :2].astype(np.int64),
        scale_dm=pairs[:, 2],
        deleted=got.deleted,
        z_depth=int(depth) if depth.lstrip("-").isdigit() else 50,
        obj=got.words["obj_file"],
        material=got.words.get("material", ""),
    )


def beside(path: Path, given: str, what: str) -> Path:
    """The file that `path` names as `given`: there, or beside `path` under its bare name.

    Packs are often unpacked flat, so that the folder which a file names is not there. A path that leads out of the
    asset's own folder and the one above is not followed.
    """
    given = given.replace("\\", "/")
    folder = path.parent.resolve()
    for candidate in (folder / given, folder / Path(given).name):
        if candidate.is_file() and candidate.resolve().is_relative_to(folder.parent):
            return candidate.resolve()
    raise HumansenseError(
        f"{path}: names the {what} {given!r}, which is neither there nor beside it: put the file into {folder}"
    )


def _corner(path: Path, line: int, token: str, counts: tuple[int, int]) -> tuple[int, int]:
    """`7/3` or `7/3/1` as indices from 0; negative ones count from the end, as OBJ has it."""
    parts = token.split("/")
    if len(parts) < 2 or not parts[1]:
        raise HumansenseError(f"{path}:{line}: corner {token!r} has no texture coordinate, expected v/vt: "
                              "export the mesh with UVs")  # fmt: skip
    out = []
    for text, count, name in zip(parts[:2], counts, ("vertex", "texture coordinate"), strict=True):
        index = int(text) if re.fullmatch(r"-?\d+", text) else 0
        index = index - 1 if index > 0 else count + index
        if not 0 <= index < count or text == "0":
            raise HumansenseError(
                f"{path}:{line}: corner {token!r} refers to a {name} that the mesh does not have ({count} before it): "
                "the file is damaged; fetch or export it again"
            )
        out.append(index)
    return out[0], out[1]


def read_obj(path: str | Path) -> ObjMesh:
    """Read the triangles of an OBJ file with texture coordinates; polygons are split from their first corner."""
    path = Path(path)
    vertices, texture, corners = 0, [], []
    for line, text in _lines(path, ".obj"):
        kind, _, rest = text.strip().partition(" ")
        if kind == "v":
            _numbers(path, line, rest.split()[:3], "v x y z")
            vertices += 1
        elif kind == "vt":
            uv = _numbers(path, line, rest.split()[:2], "vt u v")
            texture.append(uv if len(uv) == 2 else [np.nan, np.nan])
        elif kind == "f":
            polygon = [_corner(path, line, token, (vertices, len(texture))) for token in rest.split()]
            if len(polygon) < 3:
                raise HumansenseError(f"{path}:{line}: a face of {len(polygon)} corners, expected 3 or more: "
                                      "the file is cut off or damaged; fetch or export it again")  # fmt: skip
            corners += [(polygon[0], polygon[k], polygon[k + 1]) for k in range(1, len(polygon) - 1)]
    if not corners:
        raise HumansenseError(f"{path}: has no faces, expected a mesh with v, vt and f: fetch or export it again")
    indices = np.array(corners, dtype=np.int64)
    return ObjMesh(vertices, indices[..., 0], np.array(texture, dtype=np.float32)[indices[..., 1]])


def read_mhmat(path: str | Path) -> Mhmat:
    """Read a `.mhmat` file and find its pictures; normal, bump and specular maps are not used."""
    path = Path(path)
    words: dict[str, str] = {}
    tags, comments = [], []
    colour = [1.0, 1.0, 1.0]
    for line, text in _lines(path, ".mhmat"):
        key, _, rest = text.strip().partition(" ")
        if key.startswith("#"):
            comments.append(text.lstrip("# ").rstrip())
        elif key == "tag":
            tags.append(rest.strip())
        elif key == "diffuseColor":
            colour = _numbers(path, line, rest.split(), "diffuseColor r g b of 0 to 1")
            if len(colour) != 3:
                raise HumansenseError(f"{path}:{line}: diffuseColor has {len(colour)} numbers, expected r g b: mend it")
        elif key:
            words[key] = rest.strip()
    if not words.get("diffuseTexture"):
        raise HumansenseError(f"{path}: names no diffuseTexture, expected the picture of the material: add that line")
    diffuse = beside(path, words["diffuseTexture"], "texture")
    ao = None
    if words.get("aomapTexture"):
        try:
            ao = beside(path, words["aomapTexture"], "texture")
        except HumansenseError:
            ao = None  # only darkens the folds: the asset is whole without it
    return Mhmat(
        path, words.get("name", path.stem), tuple(tags), tuple(comments), diffuse, ao,
        (colour[0], colour[1], colour[2]), words.get("transparent", "").lower() == "true",
    )  # fmt: skip
