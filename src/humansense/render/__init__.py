"""Rays to surface hits to an image with every ground-truth map. Warp loads with the first `Renderer`, not on import."""

from humansense.render.light import sh_basis, sh_light, sh_shading
from humansense.render.renderer import Renderer
from humansense.render.values import Floor, Frame, Shutter, Sun, Surface

__all__ = ["Floor", "Frame", "Renderer", "Shutter", "Sun", "Surface", "sh_basis", "sh_light", "sh_shading"]
