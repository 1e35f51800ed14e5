"""What the kernels pass between them: the scene, the light of the sun, the maps, a hit, and their constants."""

# The kernel language is not Python: its annotations are calls, and `int(0)` declares a variable that may change.
# mypy: ignore-errors

import warp as wp

NEAR_M = wp.constant(1.0e-3)
FAR_M = wp.constant(2000.0)
NOTHING = wp.constant(wp.int64(2**63 - 1))
FACE = wp.constant(wp.int64(0x7FFFFFFF))  # the part of a ray's key that tells the triangle
FRONT_ONLY = wp.constant(1)  # bits of Scene.face_flags
CUT_OUT = wp.constant(2)


@wp.struct
class Scene:
    """What stays over a clip, and the arrays that follow the vertices and the camera."""

    faces: wp.array2d(dtype=wp.int32)
    face_uv: wp.array2d(dtype=wp.vec2)
    face_texture: wp.array(dtype=wp.int32)
    face_instance: wp.array(dtype=wp.int32)
    face_garment: wp.array(dtype=wp.int32)
    face_flags: wp.array(dtype=wp.int32)
    vertex_parts: wp.array2d(dtype=wp.float32)
    vertex_dense: wp.array(dtype=wp.vec3)
    texels: wp.array(dtype=wp.uint8)  # RGB
    levels: wp.array(dtype=wp.vec3i)  # offset, height, width of each picture in each pyramid, largest first
    textures: wp.array(dtype=wp.vec3i)  # first level, number of levels, offset of the alpha (or -1)
    alphas: wp.array(dtype=wp.uint8)  # of the full size alone
    points: wp.array(dtype=wp.vec3)  # world
    face_normals: wp.array(dtype=wp.vec3)  # world, as long as twice the area
    vertex_normals: wp.array(dtype=wp.vec3)  # world, unit
    projected: wp.array2d(dtype=wp.vec3)  # K (R x + t): (x z, y z, z) of pixel (x, y) and depth z; (layers, vertices)


@wp.struct
class View:
    """The camera of the frame and those of the layers. A direction advances one metre along the camera's z."""

    directions: wp.array(dtype=wp.mat33)  # of each layer: pixel (x, y, 1) to world
    rotation: wp.mat33  # world to camera
    centre: wp.vec3  # world


@wp.struct
class SunLight:
    """The sun, and the trees of what casts its shadows (0: there is none)."""

    shines: wp.int32
    direction: wp.vec3
    colour: wp.vec3
    right: wp.vec3  # half axes of the disc at unit distance
    up: wp.vec3
    opaque: wp.uint64
    cut_out: wp.uint64
    cut_out_faces: wp.array(dtype=wp.int32)  # triangle of the tree to triangle of the scene


@wp.struct
class Maps:
    """The maps of a frame, (H, W)."""

    image: wp.array2d(dtype=wp.vec3ub)
    parts: wp.array2d(dtype=wp.uint8)
    depth: wp.array2d(dtype=wp.float32)
    normals: wp.array2d(dtype=wp.vec3)
    instance: wp.array2d(dtype=wp.uint8)
    hidden_depth: wp.array2d(dtype=wp.float32)
    garments: wp.array2d(dtype=wp.uint8)
    dense: wp.array2d(dtype=wp.vec3)
    face: wp.array2d(dtype=wp.int32)
    bary: wp.array2d(dtype=wp.vec2)


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


MAP_TYPES = {
    "image": wp.vec3ub,
    "parts": wp.uint8,
    "depth": wp.float32,
    "normals": wp.vec3,
    "instance": wp.uint8,
    "hidden_depth": wp.float32,
    "garments": wp.uint8,
    "dense": wp.vec3,
    "face": wp.int32,
    "bary": wp.vec2,
}
