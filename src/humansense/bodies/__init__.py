"""The body model and what fits it: shapes, part labels, joints of every set, garments and hair."""

from humansense.bodies.anny_body import Body, PosedBody, RestBody, body_is_built, build_body, load_body
from humansense.bodies.assets_closet import Closet, load_closet, sample_skin, split_closet
from humansense.bodies.assets_skins import load_skin
from humansense.bodies.assets_texture import tinted
from humansense.bodies.dense import dense_coordinates, nearest_vertices
from humansense.bodies.dress import Dressed, DressedPose, dress
from humansense.bodies.faces import sample_expression, with_expression
from humansense.bodies.faces_identity import sample_identity, with_identity
from humansense.bodies.garments import Garment, Outfit
from humansense.bodies.shapes import POPULATIONS, sample_shapes
from humansense.bodies.solids import Solid, body_solid, crop_solid, pose_stored
from humansense.bodies.wardrobe import sample_outfit

__all__ = [
    "POPULATIONS",
    "Body",
    "Closet",
    "Dressed",
    "DressedPose",
    "Garment",
    "Outfit",
    "PosedBody",
    "RestBody",
    "Solid",
    "body_is_built",
    "body_solid",
    "build_body",
    "crop_solid",
    "dense_coordinates",
    "dress",
    "load_body",
    "load_closet",
    "load_skin",
    "nearest_vertices",
    "pose_stored",
    "sample_expression",
    "sample_identity",
    "sample_outfit",
    "sample_shapes",
    "sample_skin",
    "split_closet",
    "tinted",
    "with_expression",
    "with_identity",
]
