"""The body model and what fits it: shapes, part labels, joints of every set, garments and hair."""

from humansense.bodies.anny_body import Body, PosedBody, RestBody, body_is_built, build_body, load_body
from humansense.bodies.shapes import sample_shapes

__all__ = ["Body", "PosedBody", "RestBody", "body_is_built", "build_body", "load_body", "sample_shapes"]
