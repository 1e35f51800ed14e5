"""Light as nine spherical-harmonic coefficients (Ramamoorthi and Hanrahan 2001; Green 2003).

Order of the coefficients: L00, L1-1 (y), L10 (z), L11 (x), L2-2 (xy), L2-1 (yz), L20 (3z^2 - 1), L21 (xz),
L22 (x^2 - y^2). The axes are the world's, z up: a positive third coefficient is light from above. The coefficients are
of the light; the shading of a surface is its irradiance, `sum_i A_i L_i Y_i(n)` with A = (pi, 2 pi / 3, pi / 4) for the
three bands, which is the polynomial of SURREAL's shader (Varol 2017).
"""

from __future__ import annotations

import numpy as np

# Ramamoorthi and Hanrahan 2001, eq. 12: A_l times the norm of Y_lm, one for each polynomial of `sh_basis`.
SH_CONSTANTS = (0.886227, 1.023328, 1.023328, 1.023328, 0.858086, 0.858086, 0.247708, 0.858086, 0.429043)


def sh_basis(normals: np.ndarray) -> np.ndarray:
    """The nine irradiance polynomials A_i Y_i of unit normals (..., 3) in world axes: (..., 9)."""
    x, y, z = np.moveaxis(np.asarray(normals, dtype=np.float64), -1, 0)
    polynomials = [np.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y]
    return np.stack(polynomials, -1) * SH_CONSTANTS


def sh_shading(normals: np.ndarray, light: np.ndarray) -> np.ndarray:
    """What an albedo is multiplied by: irradiance at unit world normals (..., 3), not negative.

    light: (9,) -> (...,), or (9, 3) RGB -> (..., 3).
    """
    return np.maximum(sh_basis(normals) @ np.asarray(light, dtype=np.float64), 0.0)


def sh_light(rng: np.random.Generator) -> np.ndarray:
    """Random light (9,) float32 by SURREAL's recipe (Varol 2019, 3.3.1).

    Uniform in [-0.7, 0.7]; the ambient coefficient uniform in [0.5, 1.4] as in SURREAL's code; the vertical one uniform
    in [0, 0.7], so that light comes from above.
    """
    light = rng.uniform(-0.7, 0.7, 9)
    light[0] = rng.uniform(0.5, 1.4)
    light[2] = rng.uniform(0.0, 0.7)
    return light.astype(np.float32)
