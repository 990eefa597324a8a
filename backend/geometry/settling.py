"""Vertices of a coarse mesh moved to where the mesh lies best on the zero level of a distance."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.geometry.normals import vertex_normals

OF_SAG = 0.75
"""Mean height of a curved surface above a triangle of its points, against that at the centre."""

Distance = Callable[[Float[Tensor, "N 3"]], Float[Tensor, " N"]]
"""Signed distances of points, metres."""


def settled(
    vertices: Float[Tensor, "V 3"],
    faces: Int[Tensor, "F 3"],
    distance: Distance,
    *,
    steps: int,
    longest_m: float,
) -> Float[Tensor, "V 3"]:
    """Return vertices moved onto the zero level, then off it by what the faces cut corners.

    The Newton steps go along the normals, and stay only where they come nearer.

    Args:
        vertices: Metres.
        faces: A closed surface.
        distance: Whose zero level is meant.
        steps: At most.
        longest_m: Of a step.
    """
    left = distance(vertices)
    for _ in range(steps):
        normals = vertex_normals(vertices, faces)
        moved = vertices - left.clamp(-longest_m, longest_m)[:, None] * normals
        then = distance(moved)
        is_nearer = then.abs() < left.abs()
        vertices = torch.where(is_nearer[:, None], moved, vertices)
        left = torch.where(is_nearer, then, left)
    sag = _mean_of_faces(vertices, faces, distance(vertices[faces].mean(1)))
    shift = (OF_SAG * (sag - left)).clamp(-longest_m, longest_m)
    return vertices - shift[:, None] * vertex_normals(vertices, faces)


def _mean_of_faces(
    vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"], values: Float[Tensor, " F"]
) -> Float[Tensor, " V"]:
    """Return at each vertex the mean of its faces' values, weighted by area."""
    a, b, c = vertices[faces].unbind(1)
    area = torch.linalg.cross(b - a, c - a).norm(dim=1).clamp(min=1e-12)
    sums = torch.zeros(len(vertices), 2, device=vertices.device, dtype=vertices.dtype)
    both = torch.stack([area * values, area], 1)
    for corner in faces.unbind(1):
        sums.index_add_(0, corner, both)
    return sums[:, 0] / sums[:, 1].clamp(min=1e-12)
