"""The body model and what fits it: shapes, faces, part labels, joints of every set, garments, hair and solids."""

from humansense.bodies.anny_body import Body, PosedBody, RestBody, body_is_built, build_body, load_body
from humansense.bodies.assets_closet import Closet, load_closet, sample_skin, split_closet
from humansense.bodies.assets_skins import load_skin
from humansense.bodies.assets_texture import tinted
from humansense.bodies.dense import dense_coordinates, nearest_vertices, snapped_to_skin
from humansense.bodies.dress import Dressed, DressedPose, dress
from humansense.bodies.faces import sample_expression, with_expression
from humansense.bodies.faces_identity import sample_identity, with_identity
from humansense.bodies.garments import Garment, Outfit
from humansense.bodies.measures import Measures, extreme_subset, measure, surface_distances
from humansense.bodies.shapes import POPULATIONS, age_years, sample_shapes
from humansense.bodies.solids import Solid, body_solid, crop_solid, pose_stored
from humansense.bodies.wardrobe import sample_outfit

__all__ = [
    "POPULATIONS",
    "Body",
    "Closet",
    "Dressed",
    "DressedPose",
    "Garment",
    "Measures",
    "Outfit",
    "PosedBody",
    "RestBody",
    "Solid",
    "age_years",
    "body_is_built",
    "body_solid",
    "build_body",
    "crop_solid",
    "dense_coordinates",
    "dress",
    "extreme_subset",
    "load_body",
    "load_closet",
    "load_skin",
    "measure",
    "nearest_vertices",
    "pose_stored",
    "sample_expression",
    "sample_identity",
    "sample_outfit",
    "sample_shapes",
    "sample_skin",
    "snapped_to_skin",
    "split_closet",
    "surface_distances",
    "tinted",
    "with_expression",
    "with_identity",
]
