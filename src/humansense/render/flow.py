"""Optical flow from the true motion: where the point that a pixel sees lies in another frame, if it is seen there."""

# mypy: ignore-errors
# ruff: noqa: UP018

import warp as wp

from humansense.render.scene import NEAR_M

wp.set_module_options({"enable_backward": False})

TOUCHES = wp.constant(0.02)  # a pixel that bears less of the landing point is not near it; flow is stored to 1/64
STEEPEST = wp.constant(4.0)  # depth over width: beyond, a triangle is taken for this steep


@wp.struct
class Seen:
    """What a frame shows, (H, W)."""

    face: wp.array2d(dtype=wp.int32)
    bary: wp.array2d(dtype=wp.vec2)
    instance: wp.array2d(dtype=wp.uint8)
    depth: wp.array2d(dtype=wp.float32)


@wp.struct
class Moved:
    """Where the triangles are in the other frame, and its camera: K [R | t], mean focal length in pixels."""

    faces: wp.array2d(dtype=wp.int32)
    points: wp.array(dtype=wp.vec3)
    projection: wp.mat33
    offset: wp.vec3
    focal: float


@wp.func
def projected(moved: Moved, face: int, corner: int):
    return moved.projection * moved.points[moved.faces[face, corner]] + moved.offset


@wp.func
def sheared(p: wp.vec3, x: float, y: float):
    """A projected corner as the ray through (x, y) sees it, as in `tracing.intersect`."""
    return wp.vec3(p[0] - x * p[2], p[1] - y * p[2], p[2])


@wp.func
def plane_at(moved: Moved, face: int, x: float, y: float):
    """The plane of a triangle as the ray through (x, y) sees it: depth at (x + dx, y + dy) is inverse to
    plane . (dx, dy, 1). The sign of the last number tells which side is seen."""
    p = sheared(projected(moved, face, 0), x, y)
    q = sheared(projected(moved, face, 1), x, y)
    r = sheared(projected(moved, face, 2), x, y)
    return wp.cross(q, r) + wp.cross(r, p) + wp.cross(p, q)


@wp.func
def agrees(moved: Moved, there: Seen, own: int, row: int, column: int, x: float, y: float, depth: float):
    """Whether the triangle seen at a pixel, continued to the point (x, y) of the triangle `own`, has that depth there.

    Both must show the same side: what has turned away is hidden, however near the surface in front of it may lie.

    The triangle's plane takes the slope out of the comparison. What is left is the surface's bend within a pixel, and
    that grows with the slope, too: half the change of depth over a pixel plus half the pixel's width is let through.
    At 8 m and 600 pixels of focal length that is 7 mm head on and at most 33 mm, at an outline.
    """
    face = there.face[row, column]
    qx = float(column) + 0.5
    qy = float(row) + 0.5
    plane = plane_at(moved, face, qx, qy)
    if plane_at(moved, own, x, y)[2] * plane[2] < 0.0:
        return False
    seen = there.depth[row, column]
    width = seen / moved.focal
    steepest = STEEPEST * width
    slope = steepest
    change = float(0.0)
    if plane[2] != 0.0:
        scale = seen / plane[2]
        slope = wp.min(wp.abs(scale) * wp.sqrt(plane[0] * plane[0] + plane[1] * plane[1]), steepest)
        change = -scale * (plane[0] * (x - qx) + plane[1] * (y - qy))
    change = wp.clamp(change, -1.5 * slope, 1.5 * slope)
    return wp.abs(depth - seen - change) <= 0.5 * (width + slope)


@wp.func
def is_seen(moved: Moved, there: Seen, face: int, instance: wp.uint8, x: float, y: float, depth: float):
    """Whether one of the (up to) four pixels around (x, y) shows the same surface."""
    left = int(wp.floor(x - 0.5))
    top = int(wp.floor(y - 0.5))
    for i in range(4):
        column = left + i % 2
        row = top + i / 2
        if row >= 0 and column >= 0 and row < there.face.shape[0] and column < there.face.shape[1]:
            dx = wp.abs(x - float(column) - 0.5)
            dy = wp.abs(y - float(row) - 0.5)
            seen = there.face[row, column]
            near = wp.max(dx, dy) < 1.0 - TOUCHES
            if near and seen >= 0 and there.instance[row, column] == instance:
                if seen == face:
                    return True
                if agrees(
                    moved, there, face, row, column, x, y, depth
                ):  # no `or`: the kernel language evaluates both sides
                    return True
    return False


@wp.func
def flow_of_pixel(here: Seen, there: Seen, moved: Moved, pixel: int, flow: wp.array2d(dtype=wp.vec2)):
    """One pixel with a surface; `flow` comes filled with NaN."""
    row = pixel / flow.shape[1]
    column = pixel % flow.shape[1]
    face = here.face[row, column]
    weights = here.bary[row, column]
    point = (
        projected(moved, face, 0) * weights[0]
        + projected(moved, face, 1) * weights[1]
        + projected(moved, face, 2) * (1.0 - weights[0] - weights[1])
    )
    depth = point[2]
    if depth <= NEAR_M:
        return
    x = point[0] / depth
    y = point[1] / depth
    if x < 0.0 or y < 0.0 or x > float(flow.shape[1]) or y > float(flow.shape[0]):
        return
    if is_seen(moved, there, face, here.instance[row, column], x, y, depth):
        flow[row, column] = wp.vec2(x - float(column) - 0.5, y - float(row) - 0.5)


@wp.kernel
def find_flow(
    here: Seen, there: Seen, moved: Moved, pixels: wp.array(dtype=wp.int32), run: int, flow: wp.array2d(dtype=wp.vec2)
):
    """`flow_of_pixel` of a run of pixels."""
    start = wp.tid() * run
    for i in range(start, wp.min(start + run, pixels.shape[0])):
        flow_of_pixel(here, there, moved, pixels[i], flow)
