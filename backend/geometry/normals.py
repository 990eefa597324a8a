"""Unit normals of triangle meshes: outwards where faces are counter-clockwise from outside."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def face_areas_and_directions(
    vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"]
) -> Float[Tensor, "F 3"]:
    """Return each face's normal times twice its area."""
    a, b, c = vertices[faces.long()].unbind(1)
    return torch.linalg.cross(b - a, c - a)


def face_normals(vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"]) -> Float[Tensor, "F 3"]:
    """Return the unit normal of each face; 0 for a face without area."""
    return _unit(face_areas_and_directions(vertices, faces))


def vertex_normals(
    vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"]
) -> Float[Tensor, "V 3"]:
    """Return the mean normal of the faces around each vertex, weighted by their area.

    Unit vectors; 0 for a vertex that no face uses. Differentiable.
    """
    directions = face_areas_and_directions(vertices, faces)
    total = torch.zeros_like(vertices)
    corners = faces.long().flatten()
    return _unit(total.index_add(0, corners, directions.repeat_interleave(3, dim=0)))


def _unit(directions: Float[Tensor, "N 3"]) -> Float[Tensor, "N 3"]:
    # The squares of a 0.1 mm face's cross product are 1e-16: far above float32's least number.
    return torch.nn.functional.normalize(directions, dim=-1, eps=1e-18)
