"""Rays to surface hits to an image with every ground-truth map. Warp loads with the first `Renderer`, not on import."""

from humansense.render.light import sh_basis, sh_light, sh_shading
from humansense.render.renderer import Renderer
from humansense.render.values import Frame, Surface

__all__ = ["Frame", "Renderer", "Surface", "sh_basis", "sh_light", "sh_shading"]
