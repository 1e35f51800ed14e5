"""Which triangle each ray of the camera sees, and the farthest one of the same person behind it.

Every sample point of the image is a ray, and every hit is an exact ray-triangle intersection (Woop 2013). Which
triangles a ray has to be tried against follows from their bounds on the image, not from a search tree: all rays start
at the camera, and a body's triangles are about a pixel large. On the CPU this takes between a half and a third of the
time of casting the same rays into Warp's BVH, and nothing has to be built or refitted. Of the few large triangles (a
wall, the floor of a room) only the pixels between their edges are tried, row by row: the edges are lines on the image
even where a triangle passes the camera (Olano and Greer 1997).

Plain loops, compiled by Warp for the CPU and for CUDA. Shapes are checked and memory is held by `renderer.py`.
"""

# mypy: ignore-errors
# ruff: noqa: RUF046, UP018

import warp as wp

from humansense.render.scene import CUT_OUT, FACE, FAR_M, FRONT_ONLY, NEAR_M, NOTHING, Hit, Maps, Scene
from humansense.render.texturing import opacity

wp.set_module_options({"enable_backward": False})

ROUNDING = wp.constant(0.01)  # pixels: bounds on the image are divided, rays are not
EDGE_ROUNDING = wp.constant(1.0e-6)  # of the sum of the terms of an edge's equation: 16 units of float32
LARGE = wp.constant(200.0)  # pixels of a triangle's bounds from which finding its edges in each row pays
DEPTH_STEPS = wp.constant(1048576.0)  # a metre in the integer that orders hits: FAR_M fits into 31 bits


@wp.struct
class Triangle:
    """A projected triangle, its bounds (left, top, right, bottom) on the image and, if it is large, its edges.

    A point (x, y) of the image is within an edge e if e . (x, y, 1) + slack >= 0.
    """

    p: wp.vec3
    q: wp.vec3
    r: wp.vec3
    bounds: wp.vec4
    large: wp.bool
    edge_p: wp.vec3
    edge_q: wp.vec3
    edge_r: wp.vec3
    slack: wp.vec3


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
    layer: int,
    projected: wp.array2d(dtype=wp.vec3),
):
    v = wp.tid()
    projected[layer, v] = projection * points[v] + offset


@wp.kernel
def project_moving(
    points: wp.array(dtype=wp.vec3),
    ends: wp.array(dtype=wp.vec3),
    fraction: float,
    projection: wp.mat33,
    offset: wp.vec3,
    layer: int,
    projected: wp.array2d(dtype=wp.vec3),
):
    """`project_vertices` of what is that fraction of the straight way from `points` to `ends`."""
    v = wp.tid()
    projected[layer, v] = projection * (points[v] + (ends[v] - points[v]) * fraction) + offset


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
    a = wp.vec2(p[0], p[1]) * (1.0 / p[2])
    b = wp.vec2(q[0], q[1]) * (1.0 / q[2])
    c = wp.vec2(r[0], r[1]) * (1.0 / r[2])
    low = wp.min(wp.min(a, b), c)
    high = wp.max(wp.max(a, b), c)
    return wp.vec4(
        wp.clamp(low[0] - ROUNDING, 0.0, width + 1.0),
        wp.clamp(low[1] - ROUNDING, 0.0, height + 1.0),
        wp.clamp(high[0] + ROUNDING, -1.0, width),
        wp.clamp(high[1] + ROUNDING, -1.0, height),
    )


@wp.func
def edge_slack(q: wp.vec3, r: wp.vec3, width: float, height: float):
    """How far rounding can move the value of the edge q x r anywhere on the image."""
    terms = wp.abs(q[0] * r[1]) + wp.abs(q[1] * r[0]) + (wp.abs(q[1] * r[2]) + wp.abs(q[2] * r[1])) * width
    return EDGE_ROUNDING * (terms + (wp.abs(q[2] * r[0]) + wp.abs(q[0] * r[2])) * height)


@wp.func
def triangle_on_image(scene: Scene, face: int, layer: int, width: float, height: float):
    t = Triangle()
    t.p = scene.projected[layer, scene.faces[face, 0]]
    t.q = scene.projected[layer, scene.faces[face, 1]]
    t.r = scene.projected[layer, scene.faces[face, 2]]
    t.bounds = image_bounds(t.p, t.q, t.r, width, height)
    if (t.bounds[2] - t.bounds[0]) * (t.bounds[3] - t.bounds[1]) > LARGE:
        t.edge_p = wp.cross(t.q, t.r)
        # What is hit in front of the camera has weights of the sign of the determinant: depth = determinant / total.
        determinant = wp.dot(t.p, t.edge_p)
        slack_p = edge_slack(t.q, t.r, width, height)
        if wp.abs(determinant) > 4.0 * slack_p * (wp.abs(t.p[2]) + NEAR_M):  # else its sign is not sure
            sign = wp.sign(determinant)
            t.edge_p = t.edge_p * sign
            t.edge_q = wp.cross(t.r, t.p) * sign
            t.edge_r = wp.cross(t.p, t.q) * sign
            t.slack = wp.vec3(slack_p, edge_slack(t.r, t.p, width, height), edge_slack(t.p, t.q, width, height))
            t.large = True
    return t


@wp.func
def within_edge(span: wp.vec2, edge: wp.vec3, slack: float, top: float):
    """The part of a span of x that lies within an edge for any y of top..top + 1."""
    low = span[0]
    high = span[1]
    rest = edge[2] + wp.max(edge[1] * top, edge[1] * (top + 1.0)) + slack
    if edge[0] > 0.0:
        low = wp.max(low, -rest / edge[0])
    elif edge[0] < 0.0:
        high = wp.min(high, -rest / edge[0])
    elif rest < 0.0:
        high = low - 2.0
    return wp.vec2(low, high)


@wp.func
def row_span(t: Triangle, row: int):
    """(left, right): the x of a row of pixels that the triangle may cover."""
    span = wp.vec2(t.bounds[0], t.bounds[2])
    if t.large:
        top = float(row)
        span = within_edge(span, t.edge_p, t.slack[0], top)
        span = within_edge(span, t.edge_q, t.slack[1], top)
        span = within_edge(span, t.edge_r, t.slack[2], top)
        span = wp.vec2(wp.min(span[0], t.bounds[2] + 1.0), wp.max(span[1], -1.0))  # integers end, floats do not
    return span


@wp.func
def try_triangle(
    scene: Scene,
    rays: wp.array(dtype=wp.vec3),
    layer: int,
    face: int,
    rows: wp.vec2i,
    nearest: wp.array3d(dtype=wp.int64),
    touched: wp.array2d(dtype=wp.uint8),
):
    """One triangle against the rays within its bounds: `nearest[y, x, s]` becomes the least of (depth, face).

    rows: the first of the bounds' rows to try, and the step to the next. A single layer serves all rays; of several,
    each serves its own. The order is total, so the result does not depend on which triangle comes first.
    """
    height = touched.shape[0]
    width = touched.shape[1]
    t = triangle_on_image(scene, face, layer, float(width), float(height))
    flags = scene.face_flags[face]
    first = int(0)
    last = rays.shape[0]
    if scene.projected.shape[0] > 1:
        first = layer
        last = layer + 1
    for row in range(int(t.bounds[1]) + rows[0], wp.min(int(t.bounds[3]) + 1, height), rows[1]):
        span = row_span(t, row)
        for column in range(int(span[0]), wp.min(int(span[1] + 1.0), width)):
            for s in range(first, last):
                hit = intersect(t.p, t.q, t.r, float(column) + rays[s][0], float(row) + rays[s][1])
                seen = hit.found
                if seen and flags != 0:
                    if (flags & FRONT_ONLY) != 0 and hit.side < 0.0:
                        seen = False
                    elif (flags & CUT_OUT) != 0:
                        seen = opacity(scene, face, hit.a, hit.b) >= rays[s][2]
                if seen:
                    key = (wp.int64(hit.depth * DEPTH_STEPS) << wp.int64(32)) | wp.int64(face)
                    if key < nearest[row, column, s]:
                        wp.atomic_min(nearest, row, column, s, key)
                        touched[row, column] = wp.uint8(1)


@wp.kernel
def find_nearest(
    scene: Scene,
    rays: wp.array(dtype=wp.vec3),
    run: int,
    strips: int,
    nearest: wp.array3d(dtype=wp.int64),
    touched: wp.array2d(dtype=wp.uint8),
):
    """`try_triangle` of a run of triangles.

    rays: place in the pixel, and the alpha below which a triangle lets the ray pass. run: on a CPU the start of a
    thread costs as much as a small triangle; strips: on a GPU the rows of a large one are shared out.
    """
    layer, part, strip = wp.tid()
    for face in range(part * run, wp.min(part * run + run, scene.faces.shape[0])):
        try_triangle(scene, rays, layer, face, wp.vec2i(strip, strips), nearest, touched)


@wp.func
def nearest_hit(scene: Scene, layer: int, key: wp.int64, x: float, y: float):
    """The hit that `find_nearest` chose for a ray."""
    hit = Hit()
    if key != NOTHING:
        f = int(key & FACE)
        p = scene.projected[layer, scene.faces[f, 0]]
        hit = intersect(p, scene.projected[layer, scene.faces[f, 1]], scene.projected[layer, scene.faces[f, 2]], x, y)
        hit.face = f
    return hit


@wp.func
def try_behind(scene: Scene, face: int, rows: wp.vec2i, maps: Maps):
    """One triangle of a person against the centres of the pixels that see this person: the largest depth stays.

    A maximum does not depend on the order. It starts from the visible depth, so it is never in front of it.
    """
    height = maps.face.shape[0]
    width = maps.face.shape[1]
    t = triangle_on_image(scene, face, 0, float(width), float(height))
    instance = scene.face_instance[face]
    flags = scene.face_flags[face]
    for row in range(int(t.bounds[1] + 0.5) + rows[0], wp.min(int(t.bounds[3] + 0.5), height), rows[1]):
        span = row_span(t, row)
        for column in range(int(span[0] + 0.5), wp.min(int(span[1] + 0.5), width)):
            if int(maps.instance[row, column]) == instance:
                hit = intersect(t.p, t.q, t.r, float(column) + 0.5, float(row) + 0.5)
                if hit.found and hit.depth > maps.hidden_depth[row, column]:
                    solid = True
                    if (flags & CUT_OUT) != 0:
                        solid = opacity(scene, face, hit.a, hit.b) >= 0.5
                    if solid:
                        wp.atomic_max(maps.hidden_depth, row, column, hit.depth)


@wp.kernel
def find_farthest(scene: Scene, person_faces: wp.array(dtype=wp.int32), run: int, strips: int, maps: Maps):
    """`try_behind` of a run of triangles."""
    part, strip = wp.tid()
    for i in range(part * run, wp.min(part * run + run, person_faces.shape[0])):
        try_behind(scene, person_faces[i], wp.vec2i(strip, strips), maps)
