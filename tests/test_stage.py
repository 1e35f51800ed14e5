"""Stages against plain geometry: solids that are closed, places that are free, lines of sight counted one by one."""

import numpy as np
import pytest

from humansense.core import Camera, HumansenseError, look_at
from humansense.render import Renderer, Surface
from humansense.synth.stage import PIECES, Stage, furnished_room, objects
from humansense.synth.stage_materials import MATERIALS, Palette
from humansense.synth.stage_mesh import Patch, bevelled, box, cushion, lathe, moved, quad, sheet, tube
from humansense.synth.stage_placing import HIDDEN_HIGH, Occupied, Piece, Plan, Sight, blocked

SEEDS = range(6)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def ellipsoid(centre: tuple[float, float, float] = (0.0, 0.0, 0.88)) -> tuple[np.ndarray, np.ndarray]:
    """A stand-in for a standing person: vertices, faces."""
    body = cushion((-0.3, -0.2, -0.87), (0.3, 0.2, 0.87), "cloth", 1.0, 16)
    return body.vertices + np.asarray(centre, np.float32), body.faces


def view(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """One camera 2.5 to 6 m from the person, and what it looks at."""
    yaw, far = rng(seed).uniform(0, 2 * np.pi), rng(seed + 99).uniform(2.5, 6)
    return np.array([[far * np.cos(yaw), far * np.sin(yaw), 1.4]]), np.array([[0.0, 0.0, 0.88]])


def room(seed: int, occluders: int = 0) -> Stage:
    return furnished_room(rng(seed), ellipsoid()[0], *view(seed), occluders)


def volume(patches: list[Patch]) -> float:
    """Of a closed solid whose faces look outward (divergence theorem)."""
    total = 0.0
    for patch in patches:
        a, b, c = (patch.vertices[patch.faces[:, i]].astype(float) for i in range(3))
        total += float(np.einsum("ij,ij->", a, np.cross(b, c))) / 6
    return total


def open_edges(patches: list[Patch]) -> int:
    """Directed edges without their opposite, corners at one place being one."""
    corners = np.concatenate([patch.vertices[patch.faces] for patch in patches]).reshape(-1, 3)
    index = np.unique(np.round(corners, 5), axis=0, return_inverse=True)[1].reshape(-1, 3)
    edges = {(int(a), int(b)) for f in index for a, b in ((f[0], f[1]), (f[1], f[2]), (f[2], f[0]))}
    return sum((b, a) not in edges for a, b in edges)


CYLINDER = [(0.0, 0.0), (0.3, 0.0), (0.3, 0.8), (0.0, 0.8)]


@pytest.mark.parametrize(
    ("patches", "expected", "tolerance"),
    [
        ([box((0, 1, 2), (1, 3, 2.5), "wood")], 1.0, 1e-5),
        ([box((0, 0, 0), (1, 1, 1), "wood", taper=0.5)], 7 / 12, 1e-5),  # a frustum: (1 + 1/2 + 1/4) / 3
        ([bevelled((0, 1, 2), (1, 3, 2.5), "wood", 0.01)], 1.0, 2e-3),
        ([cushion((0, 0, 0), (2, 2, 2), "cloth", 1.0, 16)], 4 / 3 * np.pi, 0.1),
        (lathe(CYLINDER, "metal", 64), np.pi * 0.3**2 * 0.8, 1e-3),
    ],
)
def test_solids_are_closed_and_look_outward(patches: list[Patch], expected: float, tolerance: float) -> None:
    assert volume(patches) == pytest.approx(expected, abs=tolerance)
    assert open_edges(patches) == 0
    turned = [moved(patch, (3.0, -1.0, 0.5), 0.7) for patch in patches]
    assert volume(turned) == pytest.approx(expected, abs=tolerance)


def test_texture_places_are_metres() -> None:
    for patch in (
        box((0, 0, 0), (1, 2, 3), "wood"),
        *lathe(CYLINDER[1:3], "metal", 128),
        bevelled((0, 0, 0), (1, 2, 3), "w"),
    ):
        corners = patch.vertices[patch.faces]
        on_surface = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
        e, f = patch.uv[:, 1] - patch.uv[:, 0], patch.uv[:, 2] - patch.uv[:, 0]
        on_texture = np.abs(e[:, 0] * f[:, 1] - e[:, 1] * f[:, 0])
        large = on_surface > 0.06  # not the bevels, which slant
        np.testing.assert_allclose(on_texture[large], on_surface[large], rtol=0.05)


def test_tubes_and_sheets_have_their_front_outside() -> None:
    bar = tube([(0, 0, 0), (0, 0, 1), (0.5, 0, 1.5)], 0.05, "metal", 12)
    middle = bar.vertices[bar.faces].mean(1)
    nearest = np.where(middle[:, 2:] < 1, middle * (0, 0, 1), np.array([[0.25, 0, 1.25]]))
    normal = np.cross(*np.diff(bar.vertices[bar.faces], axis=1).transpose(1, 0, 2))
    straight = middle[:, 2] < 0.9
    assert (np.einsum("ij,ij->i", normal, middle - nearest)[straight] > 0).all()
    for patch in (quad((0, 0, 0), (1, 0, 0), (0, 0, 1), "wall"), sheet(*_flat_sheet(), "wall")):
        a, b, c = patch.vertices[patch.faces[0]]
        assert np.cross(b - a, c - a)[1] < 0  # seen from -y, with x to the right and z up


def _flat_sheet() -> tuple[np.ndarray, np.ndarray]:
    x, z = np.meshgrid(np.linspace(0, 1, 4), np.linspace(0, 1, 3))
    return np.stack([x, 0 * x, z], -1), np.stack([x, z], -1)


# Widest, deepest and tallest that furniture of each kind comes in, metres; a chair is no sofa.
LIMITS = {
    "chair": (0.35, 0.75, 0.75, 1.1),
    "stool": (0.25, 0.6, 0.35, 0.95),
    "table": (0.8, 2.0, 0.7, 1.3),
    "sofa": (1.2, 2.8, 0.7, 1.1),
    "armchair": (0.6, 1.2, 0.7, 1.1),
    "bed": (0.8, 2.6, 0.7, 1.4),
    "wardrobe": (0.75, 2.1, 1.7, 2.6),
    "bookshelf": (0.55, 1.5, 0.85, 2.3),
    "floor lamp": (0.2, 0.7, 1.2, 1.9),
}


@pytest.mark.parametrize("name", PIECES)
def test_pieces_stand_on_the_floor_and_have_real_sizes(name: str) -> None:
    for seed in range(8):
        patches = PIECES[name](rng(seed))
        points = np.concatenate([patch.vertices for patch in patches])
        assert np.isfinite(points).all()
        assert -0.02 <= points[:, 2].min() <= 0.07  # some stand on feet that lean, some on a hidden plinth
        span = np.ptp(points, axis=0)
        low_w, high_w, low_h, high_h = LIMITS.get(name, (0.1, 3.3, 0.2, 3.1))
        assert low_w <= span[:2].max() <= high_w
        assert low_h <= span[2] <= high_h
        for patch in patches:
            assert patch.vertices.dtype == np.float32
            assert patch.faces.dtype == np.int32
            assert patch.uv.shape == (len(patch.faces), 3, 2)
            assert np.isfinite(patch.uv).all()
            assert patch.material.rstrip("0123456789") in MATERIALS


@pytest.mark.parametrize("name", MATERIALS)
def test_materials_are_textures(name: str) -> None:
    for seed in range(4):
        palette = Palette(rng(seed))
        material = palette[name]
        assert material.picture.dtype == np.uint8
        assert material.picture.shape[2] == 3
        assert max(material.picture.shape[:2]) <= 256
        assert material.metres > 0.05
        assert palette[name] is material
        assert len(palette.textures) == 1


def naive_blocked(start: np.ndarray, end: np.ndarray, triangle: np.ndarray) -> bool:
    """Where the segment pierces the plane, and whether that lies on the inner side of all three edges."""
    normal = np.cross(triangle[1] - triangle[0], triangle[2] - triangle[0])
    along = normal @ (end - start)
    if abs(along) < 1e-12:
        return False
    t = normal @ (triangle[0] - start) / along
    point = start + t * (end - start)
    sides = [normal @ np.cross(triangle[(i + 1) % 3] - triangle[i], point - triangle[i]) for i in range(3)]
    return 0 < t < 1 and min(sides) >= 0


def test_lines_of_sight_agree_with_a_loop() -> None:
    r = rng(3)
    starts, ends = r.normal(0, 1, (60, 3)), r.normal(0, 1, (60, 3))
    triangles = r.normal(0, 0.6, (25, 3, 3))
    expected = [any(naive_blocked(a, b, t) for t in triangles) for a, b in zip(starts, ends, strict=True)]
    assert 10 < sum(expected) < 50
    assert blocked(starts, ends, triangles).tolist() == expected


def test_a_wall_hides_half_of_a_person() -> None:
    piece = Piece("wall", (box((-1, -0.05, 0), (1, 0.05, 0.9), "wood"),))
    eyes = np.array([[0.0, -4.0, 0.9], [0.0, 4.0, 0.9]])
    heights = np.linspace(0.05, 1.75, 16)
    points = np.stack([np.zeros(16), np.zeros(16), heights], 1)
    sight = Sight.of(eyes, np.stack([points, points]))
    hidden = sight.hides(piece, np.array([0, -2.0, 0], np.float32), 0.0)
    assert hidden[0].tolist() == (heights < 0.9).tolist()
    assert not hidden[1].any()  # the other camera has the person in front of the wall


def test_the_clearance_follows_the_shape_of_a_piece() -> None:
    table = Piece(
        "table", (box((-1, -0.5, 0.7), (1, 0.5, 0.75), "wood"), box((-1, -0.5, 0), (-0.9, -0.4, 0.7), "wood"))
    )
    for point, expected in (
        ((0.0, 0.0, 0.95), False),  # above the top
        ((0.0, 0.0, 0.80), True),
        ((0.0, 0.0, 0.40), False),  # below it
        ((1.3, 0.0, 0.72), False),  # beside it
        ((1.05, 0.0, 0.72), True),
        ((-0.95, -0.45, 0.3), True),  # in the leg
    ):
        assert Occupied(np.array([point])).touches(table, np.zeros(3, np.float32), 0.0) == expected, point
        c, s = np.cos(0.6), np.sin(0.6)
        turned = np.array([[c * point[0] - s * point[1] + 2, s * point[0] + c * point[1] - 1, point[2]]])
        assert Occupied(turned).touches(table, np.array([2, -1, 0], np.float32), 0.6) == expected, point


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ((2.0, 2.0, 2.5), True),
        ((0.0, -3.5, 2.2), False),  # 70 cm from the camera
        ((0.0, -1.6, 1.55), False),  # half-way to the person's head and chest
        ((0.0, 0.0, 1.80), False),  # on the head
    ],
)
def test_lamps_hang_clear_of_people_and_cameras(at: tuple[float, float, float], expected: bool) -> None:
    lamp = Piece("lamp", (moved(box((-0.3, -0.1, -0.3), (0.3, 0.1, 0.0), "shade"), at),))
    eyes, targets = np.array([[0.0, -3.2, 1.5]]), np.array([[0.0, 0.0, 0.88]])
    reach = np.array([5.0, 5.0])
    plan = Plan(-reach, reach, Occupied(ellipsoid()[0]), Sight.of(eyes, targets), eyes)
    assert plan.may_hang(lamp) == expected


def surface_points(stage: Stage, chosen: np.ndarray, spacing: float = 0.05) -> np.ndarray:
    """Points all over the chosen triangles, no farther apart than `spacing`."""
    points = [np.zeros((0, 3))]
    for a, b, c in stage.vertices[stage.faces[chosen]]:
        n = int(max(np.linalg.norm(b - a), np.linalg.norm(c - a), np.linalg.norm(c - b)) / spacing) + 1
        i, j = np.meshgrid(np.arange(n + 1), np.arange(n + 1))
        u, v = (i[i + j <= n] / n)[:, None], (j[i + j <= n] / n)[:, None]
        points.append(a + u * (b - a) + v * (c - a))
    return np.concatenate(points)


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_walks_into_furniture(seed: int) -> None:
    """A person walks 2 m; no point of the furniture is nearer than 8 cm to any point of the body, nor around it."""
    body = ellipsoid()[0][::4]
    path = np.concatenate([body + np.array([x, 0.4 * x, 0]) for x in np.arange(0, 2, 0.2)]).astype(np.float32)
    eye, target = view(seed)
    stage = furnished_room(rng(seed), path, eye, target, occluders=2)
    corners = stage.vertices[stage.faces]
    reach = (corners.max(1) > path.min(0) - 0.2).all(1) & (corners.min(1) < path.max(0) + 0.2).all(1)
    made = surface_points(stage, stage.face_casts & reach)
    near = made[(made > path.min(0) - 0.2).all(1) & (made < path.max(0) + 0.2).all(1)]
    for part in np.array_split(near, max(1, len(near) // 500)):
        if len(part):
            assert np.linalg.norm(part[:, None] - path[None], axis=2).min() > 0.08
    for name, (x0, y0, x1, y1, height) in zip(stage.names, stage.solids, strict=True):
        if name in ("wardrobe", "cupboard", "barrel", "hedge", "low wall", "counter"):  # solid through and through
            inside = (path[:, 0] > x0) & (path[:, 0] < x1) & (path[:, 1] > y0) & (path[:, 1] < y1)
            assert not (inside & (path[:, 2] < height * 0.6)).any() or name == "low wall"  # which may stand askew
        outside = np.maximum(np.maximum([x0 - eye[0, 0], y0 - eye[0, 1]], [eye[0, 0] - x1, eye[0, 1] - y1]), 0)
        assert np.linalg.norm(outside) > 0.3 or eye[0, 2] > height + 0.3


@pytest.mark.parametrize("seed", SEEDS)
def test_a_room_is_closed_around_people_and_cameras(seed: int) -> None:
    stage = room(seed)
    body, eye = ellipsoid()[0], view(seed)[0][0]
    shell = stage.vertices[stage.faces[stage.face_front_only]].astype(float)
    low, high = shell.reshape(-1, 3).min(0), shell.reshape(-1, 3).max(0)
    assert (low[:2] < body.min(0)[:2] - 0.5).all()
    assert (high[:2] > body.max(0)[:2] + 0.5).all()
    assert (low[:2] < eye[:2]).all()
    assert (high[:2] > eye[:2]).all()
    assert low[2] == 0
    assert 2.3 < high[2] < 4.1
    normals = np.cross(shell[:, 1] - shell[:, 0], shell[:, 2] - shell[:, 0])
    directions = rng(seed).normal(0, 1, (100, 3))
    for direction in directions / np.linalg.norm(directions, axis=1, keepdims=True):
        fronts = shell[normals @ direction < 0]
        assert blocked(eye[None], eye[None] + 40 * direction, fronts).any()


def test_the_walls_are_a_dolls_house() -> None:
    """A camera outside looks through the near wall and sees the far one."""
    eye, body = np.array([[40.0, 0.3, 1.2]]), ellipsoid()[0]
    for seed in SEEDS:
        stage = furnished_room(rng(seed), body, eye, np.array([[0, 0, 0.88]]))
        shell = stage.vertices[stage.faces[stage.face_front_only]].astype(float)
        assert shell[..., 0].max() < 10
        normals = np.cross(shell[:, 1] - shell[:, 0], shell[:, 2] - shell[:, 0])
        for z in (0.5, 0.9, 1.3):
            end = np.array([[0.0, 0.0, z]])
            facing = ((eye - shell[:, 0]) * normals).sum(1) > 0
            assert not blocked(eye, end, shell[facing]).any()
            assert blocked(eye, end, shell).any()  # the wall is there
            assert blocked(end, end - (40, 0, 0), shell[facing]).any()  # and the far one is seen


@pytest.mark.parametrize("seed", SEEDS)
def test_a_stage_is_one_whole_mesh(seed: int) -> None:
    stage = room(seed, occluders=seed % 3)
    count = len(stage.faces)
    assert 2000 < count < 15000
    assert stage.vertices.dtype == np.float32
    assert np.isfinite(stage.vertices).all()
    assert stage.faces.dtype == np.int32
    assert stage.faces.min() == 0
    assert stage.faces.max() == len(stage.vertices) - 1
    assert stage.face_uv.shape == (count, 3, 2)
    assert stage.face_uv.dtype == np.float32
    assert stage.face_texture.dtype == np.int32
    assert stage.face_texture.max() < len(stage.textures)
    assert all(t.dtype == np.uint8 and t.ndim == 3 and max(t.shape) <= 1024 for t in stage.textures)
    assert (stage.face_casts != stage.face_front_only).all()
    assert stage.face_casts.any()
    assert len(stage.names) == len(stage.solids) >= 4
    assert set(stage.names) <= set(PIECES)
    furniture = stage.vertices[stage.faces[stage.face_casts]].reshape(-1, 3)
    np.testing.assert_allclose(stage.solids[:, :2].min(0), furniture.min(0)[:2], atol=0.25)
    shell = stage.vertices[stage.faces[stage.face_front_only]].reshape(-1, 3)
    assert (furniture[:, :2] > shell.min(0)[:2] - 1e-4).all()
    assert (furniture[:, :2] < shell.max(0)[:2] + 1e-4).all()


def test_pieces_do_not_stand_in_each_other() -> None:
    for seed in range(12):
        stage = room(seed)
        for i, (a, first) in enumerate(zip(stage.names, stage.solids, strict=True)):
            for b, second in zip(stage.names[i + 1 :], stage.solids[i + 1 :], strict=True):
                if "chair" in a + b or "coffee table" in (a, b):
                    continue  # drawn up to a table
                apart = (first[:2] > second[2:4]).any() or (second[:2] > first[2:4]).any()
                assert apart, (seed, a, b)


def test_rooms_hold_many_kinds_of_furniture() -> None:
    seen = {name for seed in range(25) for name in room(seed, 1).names}
    assert len(seen) >= 20, sorted(seen)


def shown(stage: Stage | None, camera: Camera) -> int:
    """Pixels of the person that the renderer shows."""
    body, faces = ellipsoid()
    vertices, uv = body, np.zeros((len(faces), 3, 2), np.float32)
    texture, instance = np.zeros(len(faces), np.int32), np.ones(len(faces), np.int32)
    front_only = np.zeros(len(faces), bool)
    textures: tuple[np.ndarray, ...] = (np.full((4, 4, 3), 128, np.uint8),)
    if stage is not None:
        faces = np.concatenate([faces, stage.faces + len(body)])
        vertices, uv = np.concatenate([body, stage.vertices]), np.concatenate([uv, stage.face_uv])
        texture = np.concatenate([texture, stage.face_texture + 1])
        instance = np.concatenate([instance, np.zeros(len(stage.faces), np.int32)])
        front_only = np.concatenate([front_only, stage.face_front_only])
        textures += stage.textures
    parts = np.full((len(vertices), 24), 1 / 24, np.float32)
    renderer = Renderer(Surface(faces, uv, texture, instance, parts, face_front_only=front_only), textures)
    frame = renderer.render(vertices, camera, np.full(9, 0.3), np.zeros((*camera.size, 3), np.uint8), samples=1)
    return int((frame.instance == 1).sum())


@pytest.mark.parametrize("outdoors", [False, True])
def test_occluders_hide_a_part_of_the_person(outdoors: bool) -> None:
    """The share of pixels, counted in the rendered picture; the 15 points of the plan only estimate it."""
    shares = []
    for seed in SEEDS:
        eye, target = view(seed)
        R, t = look_at(eye[0], target[0])
        camera = Camera(np.array([[120.0, 0, 60], [0, 120, 60], [0, 0, 1]]), R, t, (120, 120))
        body = ellipsoid()[0]
        stage = objects(rng(seed), body, eye, target, 2) if outdoors else room(seed, 1)
        whole = shown(None, camera)
        share = 1 - shown(stage, camera) / whole
        if stage.occluders:
            shares.append(share)
            assert share < HIDDEN_HIGH + 0.2
    assert len(shares) >= len(SEEDS) - 1
    assert min(shares) > 0.01
    assert 0.1 < np.mean(shares) < HIDDEN_HIGH


def test_a_camera_outside_sees_the_person_in_the_room() -> None:
    eye, target = np.array([[30.0, 4.0, 1.5]]), np.array([[0.0, 0.0, 0.88]])
    R, t = look_at(eye[0], target[0])
    camera = Camera(np.array([[800.0, 0, 60], [0, 800, 60], [0, 0, 1]]), R, t, (120, 120))
    for seed in SEEDS:
        stage = furnished_room(rng(seed), ellipsoid()[0], eye, target)
        assert shown(stage, camera) > 0.6 * shown(None, camera)


def test_without_occluders_people_are_seen() -> None:
    for seed in SEEDS:
        eye, target = view(seed)
        R, t = look_at(eye[0], target[0])
        camera = Camera(np.array([[120.0, 0, 60], [0, 120, 60], [0, 0, 1]]), R, t, (120, 120))
        assert shown(room(seed), camera) > 0.75 * shown(None, camera)


def test_things_in_the_open_have_no_walls() -> None:
    stage = objects(rng(1), ellipsoid()[0], *view(1), 6)
    assert 3 <= len(stage.names) <= 6
    assert stage.face_casts.all()
    assert not stage.face_front_only.any()
    assert stage.vertices[:, 2].max() < 3.2
    empty = objects(rng(1), ellipsoid()[0], *view(1), 0)
    assert empty.names == ()
    assert empty.faces.shape == (0, 3)
    assert empty.face_uv.shape == (0, 3, 2)


def test_a_seed_decides_every_byte() -> None:
    for make in (lambda seed: room(seed, 1), lambda seed: objects(rng(seed), ellipsoid()[0], *view(seed), 4)):
        first, second, other = make(5), make(5), make(6)
        for name in ("vertices", "faces", "face_uv", "face_texture", "solids"):
            assert getattr(first, name).tobytes() == getattr(second, name).tobytes()
        assert all((a == b).all() for a, b in zip(first.textures, second.textures, strict=True))
        assert first.names == second.names
        assert first.vertices.tobytes() != other.vertices.tobytes()


def test_many_cameras_and_a_long_way() -> None:
    """A run of 40 m past 100 cameras: the grid of where people are stays small, and the hall takes all in."""
    body = ellipsoid()[0][::8]
    path = np.concatenate([body + np.array([x, 0, 0]) for x in np.arange(0, 40, 0.1)]).astype(np.float32)
    eyes = np.stack([np.linspace(0, 40, 100), np.full(100, -5.0), np.full(100, 1.5)], 1)
    targets = np.stack([np.linspace(0, 40, 100), np.zeros(100), np.full(100, 0.9)], 1)
    stage = furnished_room(rng(2), path, eyes, targets, 1)
    assert np.ptp(stage.vertices[:, 0]) > 40
    assert len(stage.names) >= 4
    assert all(max(texture.shape) <= 1024 for texture in stage.textures)


def test_wrong_shapes_are_named() -> None:
    body, (eye, target) = ellipsoid()[0], view(0)
    with pytest.raises(HumansenseError, match=r"occupied has shape \(0, 3\)"):
        furnished_room(rng(), body[:0], eye, target)
    with pytest.raises(HumansenseError, match=r"eyes .* and targets .* do not fit"):
        objects(rng(), body, eye, np.zeros((2, 3)), 1)
