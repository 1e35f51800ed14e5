"""The body model and what fits it: shapes, part labels, joints of every set, garments and hair."""

from humansense.bodies.anny_body import Body, PosedBody, RestBody, body_is_built, build_body, load_body
from humansense.bodies.assets_closet import Closet, load_closet, sample_skin, split_closet
from humansense.bodies.assets_skins import load_skin
from humansense.bodies.assets_texture import tinted
from humansense.bodies.dress import Dressed, DressedPose, dress
from humansense.bodies.garments import Garment, Outfit
from humansense.bodies.shapes import sample_shapes
from humansense.bodies.wardrobe import sample_outfit

__all__ = [
    "Body",
    "Closet",
    "Dressed",
    "DressedPose",
    "Garment",
    "Outfit",
    "PosedBody",
    "RestBody",
    "body_is_built",
    "build_body",
    "dress",
    "load_body",
    "load_closet",
    "load_skin",
    "sample_outfit",
    "sample_shapes",
    "sample_skin",
    "split_closet",
    "tinted",
]
