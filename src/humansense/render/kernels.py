"""The kernels: face and vertex normals, the bounds on the image, and the one ray pass that makes every map.

Plain loops over pixels, compiled by Warp for the CPU and for CUDA. Nothing here decides anything: shapes are checked and
memory is held by `renderer.py`.
"""

import warp as wp

from humansense.render.light import SH_CONSTANTS

wp.set_module_options({"enable_backward": False})

PARTS = wp.constant(24)
SH0 = wp.constant(SH_CONSTANTS[0])
SH1 = wp.constant(SH_CONSTANTS[1])
SH2 = wp.constant(SH_CONSTANTS[4])
SH20 = wp.constant(SH_CONSTANTS[6])
SH22 = wp.constant(SH_CONSTANTS[8])


@wp.struct
class Scene:
    """What stays over a clip, and the two arrays that follow the vertices."""

    mesh: wp.uint64
    faces: wp.array2d(dtype=wp.int32)
    face_uv: wp.array2d(dtype=wp.vec2)
    face_texture: wp.array(dtype=wp.int32)
    face_instance: wp.array(dtype=wp.int32)
    vertex_parts: wp.array2d(dtype=wp.float32)
    vertex_normals: wp.array(dtype=wp.vec3)
    texels: wp.array(dtype=wp.uint8)
    textures: wp.array(dtype=wp.vec3i)  # offset, height, width


@wp.struct
class View:
    """One camera, and the box of pixels to fill."""

    origin: wp.vec3
    rays: wp.mat33  # pixel (x, y, 1) to a world direction that advances one metre along the camera's z
    rotation: wp.mat33  # world to camera
    left: wp.int32
    top: wp.int32
    width: wp.int32


@wp.struct
class Maps:
    """One value for each pixel of the box, row by row."""

    image: wp.array(dtype=wp.vec3ub)
    parts: wp.array(dtype=wp.uint8)
    depth: wp.array(dtype=wp.float32)
    normals: wp.array(dtype=wp.vec3)
    instance: wp.array(dtype=wp.uint8)
    face: wp.array(dtype=wp.int32)
    bary: wp.array(dtype=wp.vec2)


@wp.kernel
def face_normals(points: wp.array(dtype=wp.vec3), faces: wp.array2d(dtype=wp.int32), normals: wp.array(dtype=wp.vec3)):
    """Cross products of the edges: as long as twice the area."""
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
    """Area-weighted mean over the faces around a vertex. Gathered, not scattered: the same sum in the same order always."""
    v = wp.tid()
    total = wp.vec3(0.0, 0.0, 0.0)
    for i in range(starts[v], starts[v + 1]):
        total += corner_normals[neighbours[i]]
    normals[v] = wp.normalize(total)


@wp.kernel
def image_bounds(
    points: wp.array(dtype=wp.vec3),
    used: wp.array(dtype=wp.int32),
    projection: wp.mat33,
    offset: wp.vec3,
    near: float,
    bounds: wp.array(dtype=wp.float32),
):
    """Minimum of (x, y, -x, -y) over the projected vertices, and of (z, -z)."""
    p = projection * points[used[wp.tid()]] + offset
    wp.atomic_min(bounds, 4, p[2])
    wp.atomic_min(bounds, 5, -p[2])
    if p[2] > near:
        x = p[0] / p[2]
        y = p[1] / p[2]
        wp.atomic_min(bounds, 0, x)
        wp.atomic_min(bounds, 1, y)
        wp.atomic_min(bounds, 2, -x)
        wp.atomic_min(bounds, 3, -y)


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
def albedo(scene: Scene, face: int, a: float, b: float):
    """Bilinear look-up at the texture coordinates of a hit, repeating; RGB 0..255."""
    uv = scene.face_uv[face, 0] * a + scene.face_uv[face, 1] * b + scene.face_uv[face, 2] * (1.0 - a - b)
    texture = scene.textures[scene.face_texture[face]]
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
def smooth_normal(scene: Scene, hit: wp.MeshQueryRay):
    """Interpolated vertex normal of the side that is seen, world axes."""
    f = hit.face
    n = (
        scene.vertex_normals[scene.faces[f, 0]] * hit.u
        + scene.vertex_normals[scene.faces[f, 1]] * hit.v
        + scene.vertex_normals[scene.faces[f, 2]] * (1.0 - hit.u - hit.v)
    )
    if wp.dot(n, n) < 1.0e-12:
        n = hit.normal
    n = wp.normalize(n)
    if hit.sign < 0.0:
        n = -n
    return n


@wp.func
def shade(scene: Scene, light: wp.array(dtype=wp.vec3), hit: wp.MeshQueryRay, normal: wp.vec3):
    """RGB 0..255 of a hit."""
    color = wp.cw_mul(albedo(scene, hit.face, hit.u, hit.v), irradiance(normal, light))
    return wp.vec3(wp.clamp(color[0], 0.0, 255.0), wp.clamp(color[1], 0.0, 255.0), wp.clamp(color[2], 0.0, 255.0))


@wp.func
def part_label(scene: Scene, hit: wp.MeshQueryRay):
    """1..24: the largest interpolated column of `vertex_parts`; the first of equals."""
    i = scene.faces[hit.face, 0]
    j = scene.faces[hit.face, 1]
    k = scene.faces[hit.face, 2]
    w = 1.0 - hit.u - hit.v
    best = int(0)
    best_weight = float(-1.0e30)
    for part in range(PARTS):
        weight = (
            scene.vertex_parts[i, part] * hit.u + scene.vertex_parts[j, part] * hit.v + scene.vertex_parts[k, part] * w
        )
        if weight > best_weight:
            best_weight = weight
            best = part
    return best + 1


@wp.func
def cast(scene: Scene, view: View, x: float, y: float):
    """The first surface along the ray through a point of the image; `t` is the depth along the camera's z."""
    return wp.mesh_query_ray(scene.mesh, view.origin, view.rays * wp.vec3(x, y, 1.0), 1.0e6)


@wp.kernel
def render_pixels(
    scene: Scene,
    view: View,
    light: wp.array(dtype=wp.vec3),
    offsets: wp.array(dtype=wp.vec2),
    background: wp.array(dtype=wp.vec3ub),
    maps: Maps,
):
    """Labels from one ray through the pixel's centre, colour from one ray through each of `offsets`."""
    i = wp.tid()
    x = float(view.left + i % view.width)
    y = float(view.top + i / view.width)
    hit = cast(scene, view, x + 0.5, y + 0.5)
    normal = wp.vec3(0.0, 0.0, 0.0)
    if hit.result:
        normal = smooth_normal(scene, hit)
        maps.parts[i] = wp.uint8(part_label(scene, hit))
        maps.depth[i] = hit.t
        maps.normals[i] = view.rotation * normal
        maps.instance[i] = wp.uint8(scene.face_instance[hit.face])
        maps.face[i] = hit.face
        maps.bary[i] = wp.vec2(hit.u, hit.v)
    else:
        maps.parts[i] = wp.uint8(0)
        maps.depth[i] = wp.NAN
        maps.normals[i] = normal
        maps.instance[i] = wp.uint8(0)
        maps.face[i] = -1
        maps.bary[i] = wp.vec2(0.0, 0.0)

    behind = background[i]
    behind_color = wp.vec3(float(behind[0]), float(behind[1]), float(behind[2]))
    color = wp.vec3(0.0, 0.0, 0.0)
    samples = offsets.shape[0]
    if samples == 1:
        color = behind_color
        if hit.result:
            color = shade(scene, light, hit, normal)
    else:
        for s in range(samples):
            sample = cast(scene, view, x + offsets[s][0], y + offsets[s][1])
            if sample.result:
                color += shade(scene, light, sample, smooth_normal(scene, sample))
            else:
                color += behind_color
        color /= float(samples)
    maps.image[i] = wp.vec3ub(wp.uint8(color[0] + 0.5), wp.uint8(color[1] + 0.5), wp.uint8(color[2] + 0.5))


