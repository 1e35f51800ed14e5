"""The kernels: smooth normals, which triangle each ray sees, and the maps.

Every sample point of the image is a ray, and every hit is an exact ray-triangle intersection (Woop 2013). Which
triangles a ray has to be tried against follows from their bounds on the image, not from a search tree: all rays start
at the camera, and a body's triangles are about a pixel large. On the CPU this takes between a half and a third of the
time of casting the same rays into Warp's BVH, and nothing has to be built or refitted.

Plain loops, compiled by Warp for the CPU and for CUDA. Shapes are checked and memory is held by `renderer.py`.
"""

# The kernel language is not Python: its annotations are calls, and `int(0)` declares a variable that may change.
# mypy: ignore-errors
# ruff: noqa: RUF046, UP018

import warp as wp

from humansense.render.light import SH_CONSTANTS

wp.set_module_options({"enable_backward": False})

PARTS = wp.constant(24)
ROUNDING = wp.constant(0.01)  # pixels: bounds on the image are divided, rays are not
NEAR_M = wp.constant(1.0e-3)
FAR_M = wp.constant(2000.0)
DEPTH_STEPS = wp.constant(1048576.0)  # a metre in the integer that orders hits: FAR_M fits into 31 bits
NOTHING = wp.constant(wp.int64(2**63 - 1))
SH0 = wp.constant(SH_CONSTANTS[0])
SH1 = wp.constant(SH_CONSTANTS[1])
SH2 = wp.constant(SH_CONSTANTS[4])
SH20 = wp.constant(SH_CONSTANTS[6])
SH22 = wp.constant(SH_CONSTANTS[8])


@wp.struct
class Scene:
    """What stays over a clip, and the arrays that follow the vertices and the camera."""

    faces: wp.array2d(dtype=wp.int32)
    face_uv: wp.array2d(dtype=wp.vec2)
    face_texture: wp.array(dtype=wp.int32)
    face_instance: wp.array(dtype=wp.int32)
    vertex_parts: wp.array2d(dtype=wp.float32)
    texels: wp.array(dtype=wp.uint8)
    levels: wp.array(dtype=wp.vec3i)  # offset, height, width of each picture in each pyramid, largest first
    textures: wp.array(dtype=wp.vec2i)  # first level, number of levels
    face_normals: wp.array(dtype=wp.vec3)  # world, as long as twice the area
    vertex_normals: wp.array(dtype=wp.vec3)  # world, unit
    projected: wp.array(dtype=wp.vec3)  # K (R x + t): (x z, y z, z) of pixel (x, y) and depth z


@wp.struct
class View:
    """One camera. A direction advances one metre along the camera's z."""

    directions: wp.mat33  # pixel (x, y, 1) to world
    rotation: wp.mat33  # world to camera


@wp.struct
class Maps:
    """One value for each pixel of a list."""

    image: wp.array(dtype=wp.vec3ub)
    parts: wp.array(dtype=wp.uint8)
    depth: wp.array(dtype=wp.float32)
    normals: wp.array(dtype=wp.vec3)
    instance: wp.array(dtype=wp.uint8)
    face: wp.array(dtype=wp.int32)
    bary: wp.array(dtype=wp.vec2)


@wp.struct
class Hit:
    """Where a ray meets a triangle: weights of the corners (a, b, 1 - a - b) and depth.

    side: 1 if the front is hit, -1 if the back. area: twice the triangle's area on the image, pixels, as near the hit.
    """

    found: wp.bool
    face: wp.int32
    a: wp.float32
    b: wp.float32
    depth: wp.float32
    side: wp.float32
    area: wp.float32


@wp.kernel
def face_normals(points: wp.array(dtype=wp.vec3), faces: wp.array2d(dtype=wp.int32), normals: wp.array(dtype=wp.vec3)):
    f = wp.tid()
    a = points[faces[f, 0]]
    normals[f] = wp.cross(points[faces[f, 1]] - a, points[faces[f, 2]] - a)


@wp.kernel
def vertex_normals(
    corner_normals: wp.array(dtype=wp.vec3),
    starts: wp.array(dtype=wp.int32),
    neighbours: wp.array(dtype=wp.int32),
    normals: wp.array(dtype=wp.vec3),
):
    """Area-weighted mean over the faces around a vertex; gathered, so the sum has the same order every time."""
    v = wp.tid()
    total = wp.vec3(0.0, 0.0, 0.0)
    for i in range(starts[v], starts[v + 1]):
        total += corner_normals[neighbours[i]]
    normals[v] = wp.normalize(total)


@wp.kernel
def project_vertices(
    points: wp.array(dtype=wp.vec3),
    projection: wp.mat33,
    offset: wp.vec3,
    projected: wp.array(dtype=wp.vec3),
):
    v = wp.tid()
    projected[v] = projection * points[v] + offset


@wp.func
def intersect(p: wp.vec3, q: wp.vec3, r: wp.vec3, x: float, y: float):
    """The ray through the point (x, y) of the image against the projected corners of a triangle, from both sides.

    Sheared so that the ray is the z axis, a corner is the same for all triangles that share it: no ray slips between.
    """
    px = p[0] - x * p[2]
    py = p[1] - y * p[2]
    qx = q[0] - x * q[2]
    qy = q[1] - y * q[2]
    rx = r[0] - x * r[2]
    ry = r[1] - y * r[2]
    a = qx * ry - qy * rx
    b = rx * py - ry * px
    c = px * qy - py * qx
    hit = Hit()
    total = a + b + c
    same_sign = wp.max(wp.min(wp.min(a, b), c), -wp.max(wp.max(a, b), c)) >= 0.0  # one branch, not six
    if same_sign and total != 0.0:
        hit.a = a / total
        hit.b = b / total
        hit.depth = (a * p[2] + b * q[2] + c * r[2]) / total
        hit.found = hit.depth > NEAR_M and hit.depth < FAR_M
        # The image's y points down, so what is anticlockwise from outside has a negative area.
        hit.side = -wp.sign(total)
        hit.area = wp.abs(total) / (hit.depth * hit.depth)
    return hit


@wp.func
def image_bounds(p: wp.vec3, q: wp.vec3, r: wp.vec3, width: float, height: float):
    """(left, top, right, bottom) of a triangle within the image; nothing is inside them if it cannot be seen."""
    if wp.max(wp.max(p[2], q[2]), r[2]) <= NEAR_M:
        return wp.vec4(1.0, 1.0, 0.0, 0.0)
    if wp.min(wp.min(p[2], q[2]), r[2]) <= NEAR_M:  # passes the camera: its projection has no bounds
        return wp.vec4(0.0, 0.0, width, height)
    a = wp.vec2(p[0], p[1]) / p[2]
    b = wp.vec2(q[0], q[1]) / q[2]
    c = wp.vec2(r[0], r[1]) / r[2]
    low = wp.min(wp.min(a, b), c)
    high = wp.max(wp.max(a, b), c)
    return wp.vec4(
        wp.clamp(low[0] - ROUNDING, 0.0, width + 1.0),
        wp.clamp(low[1] - ROUNDING, 0.0, height + 1.0),
        wp.clamp(high[0] + ROUNDING, -1.0, width),
        wp.clamp(high[1] + ROUNDING, -1.0, height),
    )


@wp.kernel
def find_nearest(
    scene: Scene,
    offsets: wp.array(dtype=wp.vec2),
    nearest: wp.array3d(dtype=wp.int64),
    touched: wp.array2d(dtype=wp.uint8),
):
    """One triangle against the rays within its bounds: `nearest[y, x, s]` becomes the least of (depth, face).

    The order is total, so the result does not depend on which triangle comes first.
    """
    face = wp.tid()
    p = scene.projected[scene.faces[face, 0]]
    q = scene.projected[scene.faces[face, 1]]
    r = scene.projected[scene.faces[face, 2]]
    height = touched.shape[0]
    width = touched.shape[1]
    bounds = image_bounds(p, q, r, float(width), float(height))
    for row in range(int(bounds[1]), wp.min(int(bounds[3]) + 1, height)):
        for column in range(int(bounds[0]), wp.min(int(bounds[2]) + 1, width)):
            for s in range(offsets.shape[0]):
                hit = intersect(p, q, r, float(column) + offsets[s][0], float(row) + offsets[s][1])
                if hit.found:
                    key = (wp.int64(hit.depth * DEPTH_STEPS) << wp.int64(32)) | wp.int64(face)
                    if key < nearest[row, column, s]:
                        wp.atomic_min(nearest, row, column, s, key)
                        touched[row, column] = wp.uint8(1)


@wp.func
def nearest_hit(scene: Scene, key: wp.int64, x: float, y: float):
    """The hit that `find_nearest` chose for a ray."""
    hit = Hit()
    if key != NOTHING:
        f = int(key & wp.int64(0x7FFFFFFF))
        p = scene.projected[scene.faces[f, 0]]
        hit = intersect(p, scene.projected[scene.faces[f, 1]], scene.projected[scene.faces[f, 2]], x, y)
        hit.face = f
    return hit


@wp.func
def irradiance(n: wp.vec3, light: wp.array(dtype=wp.vec3)):
    """`light.sh_shading`, without the clamp."""
    x = n[0]
    y = n[1]
    z = n[2]
    return (
        SH0 * light[0]
        + SH1 * (y * light[1] + z * light[2] + x * light[3])
        + SH2 * (x * y * light[4] + y * z * light[5] + x * z * light[7])
        + SH20 * (3.0 * z * z - 1.0) * light[6]
        + SH22 * (x * x - y * y) * light[8]
    )


@wp.func
def texel(scene: Scene, offset: int, width: int, y: int, x: int):
    i = offset + 3 * (y * width + x)
    return wp.vec3(float(scene.texels[i]), float(scene.texels[i + 1]), float(scene.texels[i + 2]))


@wp.func
def albedo(scene: Scene, hit: Hit, samples: float):
    """Bilinear look-up at the texture coordinates of a hit, repeating, in the level whose texels are as large as the
    share of a pixel that a sample stands for; RGB 0..255."""
    u = scene.face_uv[hit.face, 0]
    v = scene.face_uv[hit.face, 1]
    w = scene.face_uv[hit.face, 2]
    uv = u * hit.a + v * hit.b + w * (1.0 - hit.a - hit.b)
    pyramid = scene.textures[scene.face_texture[hit.face]]
    texture = scene.levels[pyramid[0]]
    height = texture[1]
    width = texture[2]
    uv_area = wp.abs((v[0] - u[0]) * (w[1] - u[1]) - (v[1] - u[1]) * (w[0] - u[0]))
    texels = uv_area * float(height) * float(width) / wp.max(hit.area * samples, 1.0e-12)
    if texels > 2.0:  # half a level
        level = int(0.5 * wp.log2(wp.min(texels, 1.0e9)) + 0.5)
        texture = scene.levels[pyramid[0] + wp.min(level, pyramid[1] - 1)]
        height = texture[1]
        width = texture[2]
    x = (uv[0] - wp.floor(uv[0])) * float(width) - 0.5
    y = (wp.ceil(uv[1]) - uv[1]) * float(height) - 0.5
    x_floor = wp.floor(x)
    y_floor = wp.floor(y)
    fx = x - x_floor
    fy = y - y_floor
    x0 = int(x_floor)
    y0 = int(y_floor)
    x1 = x0 + 1
    y1 = y0 + 1
    if x0 < 0:
        x0 = width - 1
    if y0 < 0:
        y0 = height - 1
    if x1 >= width:
        x1 = 0
    if y1 >= height:
        y1 = 0
    upper = texel(scene, texture[0], width, y0, x0) * (1.0 - fx) + texel(scene, texture[0], width, y0, x1) * fx
    lower = texel(scene, texture[0], width, y1, x0) * (1.0 - fx) + texel(scene, texture[0], width, y1, x1) * fx
    return upper * (1.0 - fy) + lower * fy


@wp.func
def smooth_normal(scene: Scene, hit: Hit, ray: wp.vec3):
    """Interpolated vertex normal of the side that is seen, unit, world axes; never turned away from the ray's origin.

    At an outline the interpolated normal can point away though the triangle faces the camera: it is tilted back to 90
    degrees. Where nothing is left of it, the triangle's own normal steps in.
    """
    n = (
        scene.vertex_normals[scene.faces[hit.face, 0]] * hit.a
        + scene.vertex_normals[scene.faces[hit.face, 1]] * hit.b
        + scene.vertex_normals[scene.faces[hit.face, 2]] * (1.0 - hit.a - hit.b)
    )
    away = wp.max(wp.dot(n, ray) * hit.side, 0.0) / wp.dot(ray, ray)
    n = n * hit.side - ray * away
    if wp.dot(n, n) < 1.0e-8:
        n = scene.face_normals[hit.face] * hit.side
    return wp.normalize(n)


@wp.func
def shade(scene: Scene, light: wp.array(dtype=wp.vec3), hit: Hit, normal: wp.vec3, samples: float):
    """RGB 0..255 of a hit."""
    color = wp.cw_mul(albedo(scene, hit, samples), irradiance(normal, light))
    return wp.vec3(wp.clamp(color[0], 0.0, 255.0), wp.clamp(color[1], 0.0, 255.0), wp.clamp(color[2], 0.0, 255.0))


@wp.func
def part_label(scene: Scene, hit: Hit):
    """1..24: the largest interpolated column of `vertex_parts`; the first of equals."""
    i = scene.faces[hit.face, 0]
    j = scene.faces[hit.face, 1]
    k = scene.faces[hit.face, 2]
    c = 1.0 - hit.a - hit.b
    best = int(0)
    best_weight = float(-1.0e30)
    for part in range(PARTS):
        weight = scene.vertex_parts[i, part] * hit.a + scene.vertex_parts[j, part] * hit.b
        weight += scene.vertex_parts[k, part] * c
        if weight > best_weight:
            best_weight = weight
            best = part
    return best + 1


@wp.kernel
def fill_maps(
    scene: Scene,
    light: wp.array(dtype=wp.vec3),
    view: View,
    offsets: wp.array(dtype=wp.vec2),
    nearest: wp.array3d(dtype=wp.int64),
    pixels: wp.array(dtype=wp.int32),
    background: wp.array(dtype=wp.vec3ub),
    maps: Maps,
):
    """One pixel: the labels from its first ray (the centre), the colour from the others, or from the first if alone."""
    i = wp.tid()
    row = pixels[i] / nearest.shape[1]
    column = pixels[i] % nearest.shape[1]
    x = float(column)
    y = float(row)
    hit = nearest_hit(scene, nearest[row, column, 0], x + offsets[0][0], y + offsets[0][1])
    maps.parts[i] = wp.uint8(0)
    maps.depth[i] = wp.NAN
    maps.normals[i] = wp.vec3(0.0, 0.0, 0.0)
    maps.instance[i] = wp.uint8(0)
    maps.face[i] = -1
    maps.bary[i] = wp.vec2(0.0, 0.0)
    if hit.found:
        maps.parts[i] = wp.uint8(part_label(scene, hit))
        maps.depth[i] = hit.depth
        ray = view.directions * wp.vec3(x + offsets[0][0], y + offsets[0][1], 1.0)
        maps.normals[i] = view.rotation * smooth_normal(scene, hit, ray)
        maps.instance[i] = wp.uint8(scene.face_instance[hit.face])
        maps.face[i] = hit.face
        maps.bary[i] = wp.vec2(hit.a, hit.b)

    behind = wp.vec3(float(background[i][0]), float(background[i][1]), float(background[i][2]))
    color = wp.vec3(0.0, 0.0, 0.0)
    first = wp.min(1, offsets.shape[0] - 1)
    samples = float(offsets.shape[0] - first)
    for s in range(first, offsets.shape[0]):
        sample = nearest_hit(scene, nearest[row, column, s], x + offsets[s][0], y + offsets[s][1])
        if sample.found:
            ray = view.directions * wp.vec3(x + offsets[s][0], y + offsets[s][1], 1.0)
            color += shade(scene, light, sample, smooth_normal(scene, sample, ray), samples)
        else:
            color += behind
    color = color / samples + wp.vec3(0.5, 0.5, 0.5)
    maps.image[i] = wp.vec3ub(wp.uint8(color[0]), wp.uint8(color[1]), wp.uint8(color[2]))
