"""Ways to bone weights for the vertices of a posed surface that has none."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from backend.evaluate.protocols.mesh import Surface
from backend.geometry.body_parts import used_vertices
from backend.geometry.cloth_weights import Dummy, cloth_weights
from backend.geometry.nearest import nearest_vertices
from backend.geometry.normals import vertex_normals
from backend.settings import Settings

Weigher = Callable[[Surface, Dummy, Settings], Float[Tensor, "V J"]]
"""Bone weights of a posed surface's vertices, from the surface and the posed body in it."""


def nearest_vertex(surface: Surface, dummy: Dummy, settings: Settings) -> Float[Tensor, "V J"]:
    """Return the weights of the body's vertex nearest to each vertex of a posed surface."""
    del settings
    body = dummy.body
    used = used_vertices(body.faces, len(body.vertices))
    nearest = nearest_vertices(surface.vertices, body.vertices[used], 1, torch.inf)
    return body.weights[used][nearest.index[:, 0]]


def pipeline_weights(surface: Surface, dummy: Dummy, settings: Settings) -> Float[Tensor, "V J"]:
    """Return the pipeline's own weights: cloth hangs on the body."""
    normals = vertex_normals(surface.vertices, surface.faces)
    return cloth_weights(surface.vertices, normals, dummy, settings.weigh.cloth)
