"""What each pixel shows: its labels from the ray through its centre, its colour from the others."""

# mypy: ignore-errors
# ruff: noqa: RUF046, UP018

import warp as wp

from humansense.render.light import SH_CONSTANTS
from humansense.render.scene import FACE, NOTHING, Hit, Maps, Scene, SunLight, View
from humansense.render.sunlight import OFFSET_M, blocked, pixel_hash, towards_disc
from humansense.render.texturing import albedo
from humansense.render.tracing import DEPTH_STEPS, nearest_hit

wp.set_module_options({"enable_backward": False})

PARTS = wp.constant(24)
STEEPEST = wp.constant(1.5)  # depth over width of what a pixel may show of one smooth surface; more is an outline
SH0 = wp.constant(SH_CONSTANTS[0])
SH1 = wp.constant(SH_CONSTANTS[1])
SH2 = wp.constant(SH_CONSTANTS[4])
SH20 = wp.constant(SH_CONSTANTS[6])
SH22 = wp.constant(SH_CONSTANTS[8])


@wp.struct
class Shaded:
    """A surface point under the light: without the sun, and what an unhidden sun adds. RGB 0..255, not clamped."""

    face: wp.int32
    ambient: wp.vec3
    sunlit: wp.vec3


@wp.func
def irradiance(n: wp.vec3, light: wp.array(dtype=wp.vec3)):
    """`light.sh_shading`."""
    x = n[0]
    y = n[1]
    z = n[2]
    value = (
        SH0 * light[0]
        + SH1 * (y * light[1] + z * light[2] + x * light[3])
        + SH2 * (x * y * light[4] + y * z * light[5] + x * z * light[7])
        + SH20 * (3.0 * z * z - 1.0) * light[6]
        + SH22 * (x * x - y * y) * light[8]
    )
    return wp.max(value, wp.vec3(0.0, 0.0, 0.0))


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
def shade(scene: Scene, light: wp.array(dtype=wp.vec3), sun: SunLight, hit: Hit, normal: wp.vec3, samples: float):
    """The sun adds nothing where the triangle itself looks away from it: no ray can tell there."""
    color = albedo(scene, hit, samples)
    shaded = Shaded()
    shaded.face = hit.face
    shaded.ambient = wp.cw_mul(color, irradiance(normal, light))
    if sun.shines != 0 and wp.dot(scene.face_normals[hit.face], sun.direction) * hit.side > 0.0:
        shaded.sunlit = wp.cw_mul(color, sun.colour) * wp.max(wp.dot(normal, sun.direction), 0.0)
    return shaded


@wp.func
def lit(scene: Scene, sun: SunLight, shaded: Shaded, hit: Hit, direction: wp.vec3):
    """RGB 0..255 of a hit under the sun, if nothing lies in this direction; all is where it is at the opening."""
    color = shaded.ambient
    if wp.max(shaded.sunlit) > 0.0:
        point = (
            scene.points[scene.faces[hit.face, 0]] * hit.a
            + scene.points[scene.faces[hit.face, 1]] * hit.b
            + scene.points[scene.faces[hit.face, 2]] * (1.0 - hit.a - hit.b)
        )
        start = point + wp.normalize(scene.face_normals[hit.face]) * (hit.side * OFFSET_M)
        if not blocked(scene, sun, start, direction):
            color += shaded.sunlit
    return wp.min(color, wp.vec3(255.0, 255.0, 255.0))


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


@wp.func
def all_see(nearest: wp.array3d(dtype=wp.int64), row: int, column: int, first: int, face: int):
    """1 if the rays of a pixel from the first of the colour on see this triangle, else 0."""
    for s in range(first, nearest.shape[2]):
        key = nearest[row, column, s]
        if key == NOTHING or int(key & FACE) != face:
            return 0
    return 1


@wp.func
def one_surface(
    scene: Scene, nearest: wp.array3d(dtype=wp.int64), row: int, column: int, first: int, hit: Hit, tolerance: float
):
    """1 if the rays of the colour see the person and material that the centre sees, as far away up to a tolerance."""
    texture = scene.face_texture[hit.face]
    instance = scene.face_instance[hit.face]
    for s in range(first, nearest.shape[2]):
        key = nearest[row, column, s]
        if key == NOTHING:
            return 0
        face = int(key & FACE)
        if scene.face_texture[face] != texture or scene.face_instance[face] != instance:
            return 0
        if wp.abs(float(key >> wp.int64(32)) / DEPTH_STEPS - hit.depth) > tolerance:
            return 0
    return 1


@wp.func
def fill_labels(scene: Scene, maps: Maps, row: int, column: int, hit: Hit, normal: wp.vec3):
    """Everything but the colour, at a pixel whose centre sees a surface; `hidden_depth` begins at the visible one."""
    maps.depth[row, column] = hit.depth
    maps.normals[row, column] = normal
    maps.face[row, column] = hit.face
    maps.bary[row, column] = wp.vec2(hit.a, hit.b)
    instance = scene.face_instance[hit.face]
    if instance > 0:
        maps.parts[row, column] = wp.uint8(part_label(scene, hit))
        maps.instance[row, column] = wp.uint8(instance)
        maps.hidden_depth[row, column] = hit.depth
        maps.garments[row, column] = wp.uint8(scene.face_garment[hit.face])
        maps.dense[row, column] = (
            scene.vertex_dense[scene.faces[hit.face, 0]] * hit.a
            + scene.vertex_dense[scene.faces[hit.face, 1]] * hit.b
            + scene.vertex_dense[scene.faces[hit.face, 2]] * (1.0 - hit.a - hit.b)
        )


@wp.func
def fill_pixel(
    scene: Scene,
    light: wp.array(dtype=wp.vec3),
    sun: SunLight,
    view: View,
    rays: wp.array(dtype=wp.vec3),
    nearest: wp.array3d(dtype=wp.int64),
    pixel: int,
    maps: Maps,
):
    """One pixel: the labels from its first ray (the centre), the colour from the others, or from the first if alone.

    `maps` shows nothing but the background before. Scenery is large and fills pictures: what the centre sees of it is
    shaded once for all rays that see the same triangle. A pixel inside one material of a person, which no outline
    crosses, is shaded once too. Where one shading serves all rays, two rays to the sun are enough.
    """
    row = pixel / nearest.shape[1]
    column = pixel % nearest.shape[1]
    x = float(column)
    y = float(row)
    layers = scene.projected.shape[0]
    first = wp.min(1, rays.shape[0] - 1)
    samples = rays.shape[0] - first
    centre = Shaded()
    centre.face = -1
    whole = int(0)
    hit = nearest_hit(scene, 0, nearest[row, column, 0], x + rays[0][0], y + rays[0][1])
    if hit.found:
        ray = view.directions[0] * wp.vec3(x + rays[0][0], y + rays[0][1], 1.0)
        normal = smooth_normal(scene, hit, ray)
        fill_labels(scene, maps, row, column, hit, view.rotation * normal)
        if layers == 1:
            if scene.face_instance[hit.face] == 0:
                centre = shade(scene, light, sun, hit, normal, 1.0)
                whole = int(all_see(nearest, row, column, first, hit.face))
            else:
                pixel_m = hit.depth * wp.length(view.directions[0] * wp.vec3(1.0, 0.0, 0.0))
                whole = int(one_surface(scene, nearest, row, column, first, hit, STEEPEST * pixel_m))
                if whole != 0:
                    centre = shade(scene, light, sun, hit, normal, 1.0)

    below = maps.image[row, column]
    behind = wp.vec3(float(below[0]), float(below[1]), float(below[2]))
    jitter = pixel_hash(row, column)
    total = wp.vec3(0.0, 0.0, 0.0)
    if whole != 0:
        looks = wp.min(samples, 2)
        for i in range(looks):
            s = first + i * (samples - 1)
            sample = nearest_hit(scene, 0, nearest[row, column, s], x + rays[s][0], y + rays[s][1])
            total += lit(scene, sun, centre, sample, towards_disc(sun, i, looks, jitter))
        total = total / float(looks)
    else:
        for s in range(first, rays.shape[0]):
            layer = wp.min(s, layers - 1)
            key = nearest[row, column, s]
            sample = nearest_hit(scene, layer, key, x + rays[s][0], y + rays[s][1])
            if sample.found:
                shaded = centre
                if sample.face != centre.face:
                    ray = view.directions[layer] * wp.vec3(x + rays[s][0], y + rays[s][1], 1.0)
                    facing = smooth_normal(scene, sample, ray)
                    shaded = shade(scene, light, sun, sample, facing, float(samples))
                total += lit(scene, sun, shaded, sample, towards_disc(sun, s - first, samples, jitter))
            else:
                total += behind
        total = total / float(samples)
    total += wp.vec3(0.5, 0.5, 0.5)
    maps.image[row, column] = wp.vec3ub(wp.uint8(total[0]), wp.uint8(total[1]), wp.uint8(total[2]))


@wp.kernel
def fill_maps(
    scene: Scene,
    light: wp.array(dtype=wp.vec3),
    sun: SunLight,
    view: View,
    rays: wp.array(dtype=wp.vec3),
    nearest: wp.array3d(dtype=wp.int64),
    pixels: wp.array(dtype=wp.int32),
    run: int,
    maps: Maps,
):
    """`fill_pixel` of a run of pixels: on a CPU a thread's start costs as much as a pixel's labels."""
    start = wp.tid() * run
    for i in range(start, wp.min(start + run, pixels.shape[0])):
        fill_pixel(scene, light, sun, view, rays, nearest, pixels[i], maps)
