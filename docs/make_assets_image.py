"""Makes docs/images/assets.jpg of the assets that are installed: `python docs/make_assets_image.py [FILE]`.

Each suit with shoes and a skin, standing and sitting on another body, and each hair.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import torch

from humansense.bodies import Closet, Outfit, dress, load_body, load_closet, load_skin, sample_shapes, sample_skin
from humansense.bodies.assets_closet import asset_garment
from humansense.core import Camera, look_at
from humansense.geometry import axis_angle_to_matrix
from humansense.render import Renderer, Surface

GREY = 96
BENT = {"upperleg01": -1.1, "lowerleg01": 1.1, "lowerarm01": -0.9}  # radians about the person's left-right axis


def photograph(outfit: Outfit, closet: Closet, seed: int, gender: str, bent: bool, head: bool) -> np.ndarray:
    """(h, w, 3) uint8: the outfit on a body of its own."""
    body, rng = load_body(), np.random.default_rng(seed)
    people = sample_shapes(rng, 32)
    male = people[:, 0] < 0.5
    shape = people[male if gender == "male" else ~male if gender == "female" else male | ~male][0]
    rest = body.rest(torch.from_numpy(shape)[None])
    dressed = dress(body, outfit, rest)
    pose = body.identity_pose()
    for bone, turn in BENT.items() if bent else ():
        for side in ("L", "R"):
            pose[0, body.joint_names.index(f"{bone}.{side}")] = axis_angle_to_matrix(torch.tensor([turn, 0.0, 0.0]))
    posed = dressed.pose(body, rest, pose, torch.zeros(1, 3), ("anny",))
    vertices = posed.vertices[0].numpy()
    skin = sample_skin(rng, closet, shape.tolist())
    plain = np.full((2, 2, 3), (190, 140, 115), np.uint8)
    textures = [load_skin(skin) if skin else plain, *(t for t in dressed.material_textures[1:] if t is not None)]
    surface = Surface(
        dressed.faces,
        dressed.face_uv,
        dressed.face_material,
        np.ones(len(dressed.faces), np.int32),
        dressed.part_weights,
    )
    size, focal = ((150, 150), 1500.0) if head else ((300, 160), 720.0)
    middle = (vertices.min(0) + vertices.max(0)) / 2
    target = posed.joints["anny"][0, body.joint_names.index("head")].numpy() if head else middle
    yaw = rng.uniform(-0.9, 0.9)
    R, t = look_at(target - 5 * np.array([np.sin(yaw), np.cos(yaw), -0.08]), target)
    camera = Camera(np.array([[focal, 0, size[1] / 2], [0, focal, size[0] / 2], [0, 0, 1]]), R, t, size)
    light = np.array([0.85, -0.1, 0.2, 0.15, 0, 0, 0, 0, 0], np.float32)
    return Renderer(surface, textures).render(vertices, camera, light, np.full((*size, 3), GREY, np.uint8), 9).image


def sheet(closet: Closet) -> np.ndarray:
    suits, shoes, hair = (closet.worn_as(wear) for wear in ("suit", "shoes", "hair"))
    if not suits:
        sys.exit("no clothes are installed: humansense assets add PATH")
    body, tall, small = load_body(), [], []
    for k, asset in enumerate(suits):
        wig = [a for a in hair if a.gender in ("", asset.gender)]
        under = [asset_garment(body, shoes[k % len(shoes)])] if shoes else []
        on_top = asset_garment(body, wig[k % len(wig)]) if wig else None
        outfit = Outfit((*under, asset_garment(body, asset)), on_top)
        tall += [photograph(outfit, closet, 2 * k + bent, asset.gender, bool(bent), False) for bent in (0, 1)]
    for k, asset in enumerate(hair):
        small.append(photograph(Outfit((), asset_garment(body, asset)), closet, 100 + k, asset.gender, False, True))
    rows = [tall[k : k + 8] for k in range(0, len(tall), 8)] + [small[k : k + 8] for k in range(0, len(small), 8)]
    width = max(sum(p.shape[1] for p in row) for row in rows)
    lines = [np.concatenate(row, 1) for row in rows]
    return np.concatenate(
        [np.pad(r, ((0, 0), (0, width - r.shape[1]), (0, 0)), constant_values=GREY) for r in lines], 0
    )


if __name__ == "__main__":
    wardrobe = load_closet()
    if wardrobe is None:
        sys.exit("no assets are installed: humansense assets add PATH")
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "images" / "assets.jpg"
    cv2.imwrite(str(target), sheet(wardrobe)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
