"""The sun: rays from a surface towards points of its disc, and the shadow that falls on an undrawn floor.

Rays towards the sun start anywhere, so they need what the rays of the camera do not: trees of the casting triangles.
"""

# mypy: ignore-errors
# ruff: noqa: RUF046, UP018

import warp as wp

from humansense.render.scene import FAR_M, NEAR_M, NOTHING, Maps, Scene, SunLight, View
from humansense.render.texturing import opacity

wp.set_module_options({"enable_backward": False})

OFFSET_M = wp.constant(1.5e-3)  # a ray starts so far above its surface, or rounding would let it hit the surface itself
SHEETS = wp.constant(16)  # most cut-out triangles that a ray passes through
GOLDEN_ANGLE = wp.constant(2.3999632)


@wp.func
def blocked(scene: Scene, sun: SunLight, start: wp.vec3, direction: wp.vec3):
    """Whether a casting triangle lies on the ray; one with alpha does where its alpha is 0.5 or more."""
    hit = False
    if sun.opaque != wp.uint64(0):
        hit = wp.mesh_query_ray_anyhit(sun.opaque, start, direction, FAR_M)
    if not hit and sun.cut_out != wp.uint64(0):
        at = start
        for _ in range(SHEETS):
            query = wp.mesh_query_ray(sun.cut_out, at, direction, FAR_M)
            if not query.result:
                break
            if opacity(scene, sun.cut_out_faces[query.face], query.u, query.v) >= 0.5:
                hit = True
                break
            at = at + direction * (query.t + 1.0e-4)
    return hit


@wp.func
def pixel_hash(row: int, column: int):
    """Two numbers 0..1 of a pixel: the turn of its points on the disc, and their shift outwards."""
    state = wp.rand_init(row, column)
    turn = wp.randf(state)
    return wp.vec2(turn, wp.randf(state))


@wp.func
def towards_disc(sun: SunLight, s: int, samples: int, jitter: wp.vec2):
    """Direction to the point of the disc for ray s: rings of equal area, a golden angle apart (Vogel 1979)."""
    radius = wp.sqrt((float(s) + jitter[1]) / float(samples))
    angle = float(s) * GOLDEN_ANGLE + 6.2831853 * jitter[0]
    return wp.normalize(sun.direction + sun.right * (radius * wp.cos(angle)) + sun.up * (radius * wp.sin(angle)))


@wp.kernel
def shade_floor(
    scene: Scene,
    sun: SunLight,
    view: View,
    floor: wp.vec2,
    window: wp.vec4i,
    rays: wp.array(dtype=wp.vec3),
    nearest: wp.array3d(dtype=wp.int64),
    maps: Maps,
):
    """Darken one pixel of the background by the share of its rays that meet the floor in the shadow.

    floor: height, strength. window: left, top, width, height of the pixels that the shadow may reach. Only rays that
    see no surface count, so that the background behind an edge is as dark as the background beside it.
    """
    i = wp.tid()
    row = window[1] + i / window[2]
    column = window[0] + i % window[2]
    first = wp.min(1, rays.shape[0] - 1)
    samples = rays.shape[0] - first
    jitter = pixel_hash(row, column)
    free = int(0)
    dark = int(0)
    for s in range(first, rays.shape[0]):
        if nearest[row, column, s] == NOTHING:
            free += 1
            ray = view.directions[0] * wp.vec3(float(column) + rays[s][0], float(row) + rays[s][1], 1.0)
            if ray[2] < 0.0 and view.centre[2] > floor[0]:
                depth = (floor[0] - view.centre[2]) / ray[2]
                if depth > NEAR_M and depth < FAR_M:
                    point = view.centre + ray * depth
                    if blocked(scene, sun, point, towards_disc(sun, s - first, samples, jitter)):
                        dark += 1
    if dark > 0:
        kept = 1.0 - floor[1] * float(dark) / float(free)
        color = maps.image[row, column]
        maps.image[row, column] = wp.vec3ub(
            wp.uint8(float(color[0]) * kept + 0.5),
            wp.uint8(float(color[1]) * kept + 0.5),
            wp.uint8(float(color[2]) * kept + 0.5),
        )
