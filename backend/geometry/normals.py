"""Unit normals of triangle meshes: outwards where faces are counter-clockwise from outside."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def vertex_normals(
    vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"]
) -> Float[Tensor, "V 3"]:
    """Return the mean normal of the faces around each vertex, weighted by their area.

    Unit vectors; 0 for a vertex that no face uses. Differentiable.
    """
    a, b, c = vertices[faces.long()].unbind(1)
    directions = torch.linalg.cross(b - a, c - a)  # as long as twice the area
    total = torch.zeros_like(vertices)
    total = total.index_add(0, faces.long().flatten(), directions.repeat_interleave(3, dim=0))
    # The squares of a 0.1 mm face's cross product are 1e-16: far above float32's least number.
    return torch.nn.functional.normalize(total, dim=-1, eps=1e-18)
