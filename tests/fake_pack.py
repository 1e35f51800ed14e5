"""A tiny pack in MakeHuman's own formats: a bib, a wig and a skin, with every number known."""

from pathlib import Path

import numpy as np
from PIL import Image

CC0 = "# This asset was explicitly released as CC0.\n"
ROWS = (
    "1355 1360 1365 0.2 0.3 0.5 0.1 0.2 0.3",
    "1355 1360 1365 1.6 -0.3 -0.3 0.0 0.1 0.4",
    "1372",
    "1355 1365 1372 0.5 0.25 0.25 -0.1 0.0 0.5",
)
SCALES = "x_scale 5399 11998 1.5\ny_scale 791 881 2.2\nz_scale 962 5320 1.9\n"
OBJ = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nf 1/1 2/2 3/3 4/4\n"


def mhclo(name: str, rows: tuple[str, ...] = ROWS, extra: str = "delete_verts\n1355 - 1360 1372\n") -> str:
    head = f"{CC0}uuid 1-2-3\nbasemesh hm08\ntag Female\nname {name}\nobj_file {name}.obj\n{SCALES}"
    return f"{head}z_depth 50\nmaterial {name}.mhmat\nverts 0\n" + "\n".join(rows) + f"\n\n{extra}"


def picture(path: Path, colour: tuple[int, ...] = (200, 40, 40), size: int = 8) -> None:
    mode = "RGBA" if len(colour) == 4 else "RGB"
    Image.fromarray(np.full((size, size, len(colour)), colour, np.uint8), mode).save(path)


def write_asset(folder: Path, name: str, colour: tuple[int, ...] = (200, 40, 40), **changes: str) -> Path:
    """One asset of `clothes` or `hair`; returns its .mhclo. changes: other words for mhclo, obj or mhmat."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.mhclo").write_text(changes.get("mhclo", mhclo(name)), encoding="utf-8")
    (folder / f"{name}.obj").write_text(changes.get("obj", OBJ))
    material = f"{CC0}name {name}\ndiffuseColor 1 1 1\ntransparent False\ndiffuseTexture {name}.png\n"
    (folder / f"{name}.mhmat").write_text(changes.get("mhmat", material))
    picture(folder / f"{name}.png", colour)
    return folder / f"{name}.mhclo"


def write_pack(root: Path) -> Path:
    """clothes/bib, clothes/bib2, hair/wig, skins/young_asian_female: all of them can be used."""
    write_asset(root / "clothes" / "bib", "bib")
    write_asset(root / "clothes" / "bib2", "bib2", (10, 90, 40))
    write_asset(root / "hair" / "wig", "wig", (60, 40, 20, 255))
    skin = root / "skins" / "young_asian_female"
    skin.mkdir(parents=True)
    # Packs name textures that lie elsewhere than they say.
    (skin / "young_asian_female.mhmat").write_text(
        f"{CC0}diffuseColor 1.0 0.5 1.0\ndiffuseTexture ../textures/pale.png\n"
    )
    picture(skin / "pale.png", (200, 180, 160), 256)
    return root
