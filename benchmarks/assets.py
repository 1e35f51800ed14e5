"""Skin that shows through clothes: built-in outfits and, where the pack is at hand, every MakeHuman garment.

`python benchmarks/assets.py [--pack FOLDER]` dresses varied bodies, poses them (rest, sitting, reaching, random bends)
and prints one line of JSON for each kind: the share of the cloth's area in front of which skin lies by more than 2 mm,
mean and worst.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from humansense.bodies import Body, Dressed, Outfit, dress, load_body, sample_outfit, sample_shapes
from humansense.bodies.makehuman_cover import ray_hits
from humansense.bodies.makehuman_fit import ready_made
from humansense.bodies.patch import vertex_normals
from humansense.geometry import axis_angle_to_matrix

POKE_M, REACH_M, PLACE_M = 0.002, 0.03, 0.08


def skin_through(dressed: Dressed, posed: np.ndarray) -> float:
    """Share of the area of the clothes that has skin in front of it by more than `POKE_M`.

    From each vertex of drawn skin a ray of 3 cm goes inwards. Cloth that it meets, that faces the same way, and that is
    worn at that place of the body (8 cm at rest) should lie outside of the skin.
    """
    kinds = np.array(dressed.material_kinds)[dressed.face_material]
    skin_faces, cloth_faces = dressed.faces[kinds == "skin"], dressed.faces[kinds == "garment"]
    skin = np.unique(skin_faces)
    normals = vertex_normals(posed, skin_faces)[skin]
    _, face = ray_hits(posed[skin] - POKE_M * normals, -normals, REACH_M, posed, cloth_faces)
    corners = posed[cloth_faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(across, axis=1) / 2
    facing = (across[face] / np.maximum(2 * area[face, None], 1e-12) * normals).sum(1) > 0.3
    apart = np.linalg.norm(dressed.vertices[skin] - dressed.vertices[cloth_faces[face]].mean(1), axis=1)
    poking = (face >= 0) & facing & (apart < PLACE_M)
    a, b, c = (posed[skin_faces[:, k]] for k in range(3))
    share = np.bincount(
        skin_faces.ravel(), np.repeat(np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6, 3), len(posed)
    )
    return float(share[skin[poking]].sum() / area.sum())


def poses(body: Body) -> dict[str, torch.Tensor]:
    """(104, 3, 3) each."""

    def posed(**turns: tuple[float, float, float]) -> torch.Tensor:
        pose = torch.eye(3).repeat(len(body.joint_names), 1, 1)
        for name, turn in turns.items():
            bones = [name.replace("_", ".")] if name[-2:] in ("_L", "_R") else [f"{name}.L", f"{name}.R"]
            for bone in bones if bones[0] in body.joint_names else [name]:
                pose[body.joint_names.index(bone)] = axis_angle_to_matrix(torch.tensor(turn))
        return pose

    out = {
        "rest": posed(),
        "sit": posed(upperleg01=(-1.4, 0, 0), lowerleg01=(1.4, 0, 0), spine03=(0.3, 0, 0), lowerarm01=(-1.2, 0, 0)),
        "reach": posed(
            upperarm01_L=(0, -1.6, 0), upperarm01_R=(-1.0, 0.3, 0), upperleg01_L=(-0.8, 0, 0), lowerleg01_L=(1.0, 0, 0)
        ),
    }
    for seed in (0, 1):
        generator = torch.Generator().manual_seed(seed)
        out[f"random {seed}"] = axis_angle_to_matrix(0.25 * torch.randn(len(body.joint_names), 3, generator=generator))
    return out


def measured(body: Body, outfit: Outfit, shape: np.ndarray) -> dict[str, float]:
    """`skin_through` in each pose."""
    rest = body.rest(torch.from_numpy(shape)[None])
    dressed = dress(body, outfit, rest)
    moves = poses(body)
    vertices = dressed.pose_vertices(body, rest, torch.stack(list(moves.values())), torch.zeros(len(moves), 3)).numpy()
    return {name: skin_through(dressed, posed) for name, posed in zip(moves, vertices, strict=True)}


def built_in(body: Body, count: int) -> Iterator[tuple[str, dict[str, float]]]:
    for seed in range(count):
        rng = np.random.default_rng([5, seed])
        shape = sample_shapes(rng, 1)[0]
        outfit = sample_outfit(rng, body, shape.tolist())
        yield ", ".join(outfit.describe()), measured(body, outfit, shape)


def pack(body: Body, folder: Path, count: int) -> Iterator[tuple[str, dict[str, float]]]:
    shapes = sample_shapes(np.random.default_rng(6), 64)
    for path in sorted((folder / "clothes").rglob("*.mhclo")):
        if "fedora" in path.name:  # its material is absent from the pack
            continue
        men, women = shapes[shapes[:, 0] < 0.5], shapes[shapes[:, 0] >= 0.5]
        who = women if "female" in path.name else men if "male" in path.name else shapes
        for shape in who[:count]:
            yield path.stem, measured(body, Outfit((ready_made(body, str(path)),)), shape)


def line(kind: str, rows: list[tuple[str, dict[str, float]]]) -> str:
    shares = np.array([list(poses.values()) for _, poses in rows]) * 100
    names = list(rows[0][1])
    worst = np.unravel_index(shares.argmax(), shares.shape)
    return json.dumps(
        {
            "kind": kind,
            "dressed": len(rows),
            "percent_mean": {name: round(float(v), 3) for name, v in zip(names, shares.mean(0), strict=True)},
            "percent_worst": round(float(shares.max()), 2),
            "worst": f"{rows[worst[0]][0]}; {names[worst[1]]}",
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    data = os.environ.get("HUMANSENSE_DATA", "")
    parser.add_argument("--pack", type=Path, default=Path(data, "makehuman") if data else None)
    parser.add_argument(
        "--bodies", type=int, default=3, help="bodies a garment, and four times as many built-in outfits"
    )
    parser.add_argument("--each", action="store_true", help="a line for each garment")
    args = parser.parse_args()
    body = load_body()
    print(line("built-in", list(built_in(body, 4 * args.bodies))))
    if args.pack and args.pack.is_dir():
        rows = list(pack(body, args.pack, args.bodies))
        for name in dict.fromkeys(name for name, _ in rows) if args.each else ():
            print(line(name, [row for row in rows if row[0] == name]))
        print(line("MakeHuman", rows))


if __name__ == "__main__":
    main()
