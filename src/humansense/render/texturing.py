"""Look-ups in the textures: colour from the level of the pyramid that fits, alpha from the full size."""

# mypy: ignore-errors

import warp as wp

from humansense.render.scene import Hit, Scene

wp.set_module_options({"enable_backward": False})


@wp.struct
class Bilinear:
    """The four texels around a point, row-major, and how far it lies from the first towards the others."""

    upper_left: wp.int32
    upper_right: wp.int32
    lower_left: wp.int32
    lower_right: wp.int32
    fx: wp.float32
    fy: wp.float32


@wp.func
def texture_point(scene: Scene, face: int, a: float, b: float):
    """Texture coordinates of a point of a triangle."""
    return scene.face_uv[face, 0] * a + scene.face_uv[face, 1] * b + scene.face_uv[face, 2] * (1.0 - a - b)


@wp.func
def texels_around(uv: wp.vec2, height: int, width: int):
    """The texels whose centres surround a point, repeating."""
    x = (uv[0] - wp.floor(uv[0])) * float(width) - 0.5
    y = (wp.ceil(uv[1]) - uv[1]) * float(height) - 0.5
    x_floor = wp.floor(x)
    y_floor = wp.floor(y)
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
    at = Bilinear()
    at.upper_left = y0 * width + x0
    at.upper_right = y0 * width + x1
    at.lower_left = y1 * width + x0
    at.lower_right = y1 * width + x1
    at.fx = x - x_floor
    at.fy = y - y_floor
    return at


@wp.func
def texel(scene: Scene, offset: int, index: int):
    i = offset + 3 * index
    return wp.vec3(float(scene.texels[i]), float(scene.texels[i + 1]), float(scene.texels[i + 2]))


@wp.func
def albedo(scene: Scene, hit: Hit, samples: float):
    """Bilinear look-up at the texture coordinates of a hit, repeating, in the level whose texels are as large as the
    share of a pixel that a sample stands for; RGB 0..255."""
    u = scene.face_uv[hit.face, 0]
    v = scene.face_uv[hit.face, 1]
    w = scene.face_uv[hit.face, 2]
    pyramid = scene.textures[scene.face_texture[hit.face]]
    texture = scene.levels[pyramid[0]]
    uv_area = wp.abs((v[0] - u[0]) * (w[1] - u[1]) - (v[1] - u[1]) * (w[0] - u[0]))
    texels = uv_area * float(texture[1]) * float(texture[2]) / wp.max(hit.area * samples, 1.0e-12)
    if texels > 2.0:  # half a level
        level = int(0.5 * wp.log2(wp.min(texels, 1.0e9)) + 0.5)
        texture = scene.levels[pyramid[0] + wp.min(level, pyramid[1] - 1)]
    at = texels_around(texture_point(scene, hit.face, hit.a, hit.b), texture[1], texture[2])
    upper = texel(scene, texture[0], at.upper_left) * (1.0 - at.fx) + texel(scene, texture[0], at.upper_right) * at.fx
    lower = texel(scene, texture[0], at.lower_left) * (1.0 - at.fx) + texel(scene, texture[0], at.lower_right) * at.fx
    return upper * (1.0 - at.fy) + lower * at.fy


@wp.func
def opacity(scene: Scene, face: int, a: float, b: float):
    """Bilinear alpha 0..1 at a point of a triangle whose texture has one."""
    pyramid = scene.textures[scene.face_texture[face]]
    texture = scene.levels[pyramid[0]]
    at = texels_around(texture_point(scene, face, a, b), texture[1], texture[2])
    start = pyramid[2]
    upper = float(scene.alphas[start + at.upper_left]) * (1.0 - at.fx)
    upper += float(scene.alphas[start + at.upper_right]) * at.fx
    lower = float(scene.alphas[start + at.lower_left]) * (1.0 - at.fx)
    lower += float(scene.alphas[start + at.lower_right]) * at.fx
    return (upper * (1.0 - at.fy) + lower * at.fy) / 255.0
