"""The space between an open surface and what lies behind it."""

import torch
from jaxtyping import Float
from torch import Tensor

from backend.geometry.grid import Grid, coarsened, refined, sample_positions
from backend.geometry.nearest import nearest_vertices

MOST_VERTICES = 1_000_000
"""Of many photos' surfaces every so many vertices are taken: they lie denser than needed."""


def pocket_distance(
    points: Float[Tensor, "N 3"],
    vertices: Float[Tensor, "V 3"],
    normals: Float[Tensor, "V 3"],
    *,
    max_distance_m: float,
    min_cosine: float,
) -> Float[Tensor, " N"]:
    """Return the distance to the nearest vertex, negative straight behind the surface; metres.

    A point counts as behind if on average the nearest vertices look away from it within
    acos(`min_cosine`): beside the border of an open surface it does not.

    Args:
        points: Where to ask.
        vertices: Of an oriented surface, which may be open.
        normals: Unit, outward.
        max_distance_m: Farther points are not behind, and get this distance.
        min_cosine: Between the inward normal and the direction to the point.
    """
    nearest = nearest_vertices(points, vertices, 8, max_distance_m)
    offset = points[:, None] - vertices[nearest.index]
    direction = torch.nn.functional.normalize(offset, dim=-1)
    cosine = -(direction * normals[nearest.index]).sum(-1)
    cosine = torch.where(nearest.found, cosine, -1.0).mean(1)
    distance = nearest.distance[:, 0].clamp(max=max_distance_m)
    return torch.where(cosine > min_cosine, -distance, distance)


def pocket_volume(
    vertices: Float[Tensor, "V 3"],
    normals: Float[Tensor, "V 3"],
    grid: Grid,
    *,
    stride: int,
    max_distance_m: float,
    min_cosine: float,
) -> Float[Tensor, " M"]:
    """Return `pocket_distance` at the samples of a grid, measured at every `stride`-th alone."""
    step = -(-len(vertices) // MOST_VERTICES) or 1
    vertices, normals = vertices[::step], normals[::step]
    coarse = coarsened(grid, stride)
    points = sample_positions(coarse, torch.arange(coarse.size, device=vertices.device))
    distance = pocket_distance(
        points, vertices, normals, max_distance_m=max_distance_m, min_cosine=min_cosine
    )
    return refined(distance, coarse, grid, stride)
