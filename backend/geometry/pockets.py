"""The space between an open surface and what lies behind it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from backend.geometry.closed_parts import ClosedParts
from backend.geometry.grid import Grid, coarsened, refined, sample_positions
from backend.geometry.nearest import nearest_vertices
from backend.geometry.observer import OpenSurface

MOST_VERTICES = 1_000_000
"""Of many photos' surfaces every so many vertices are taken: they lie denser than needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PocketRules:
    """Where there is no air behind what was seen: it is the outside of a solid."""

    max_depth_m: float = 0.15
    """Air up to this deep behind observed cloth is filled."""
    min_cosine: float = 0.75
    """Only straight behind the surface (41°); beside its border, under an arm, air stays air."""
    sure_confidence: float = 0.9
    """Only behind what is trusted more is there no air: at the borders of a scan the template comes
    through, and a pocket that ended there would be a step …"""
    far_m: float = 0.06
    """… but farther off there is no template to pass over to: a hem is whole."""
    voxel_m: float = 0.02
    """Pockets are found on samples this far apart."""


def pockets_behind(
    seen: Sequence[OpenSurface], body: ClosedParts, grid: Grid, rules: PocketRules
) -> Float[Tensor, " M"]:
    """Return the distance to what lies behind what was seen at all samples, metres; inside < 0.

    Args:
        seen: Of all scans.
        body: The template.
        grid: In the bind pose, body frame.
        rules: See there.
    """
    vertices = torch.cat([one.vertices for one in seen])
    normals = torch.cat([one.normals for one in seen])
    confidence = torch.cat([one.confidence for one in seen])
    is_near = body.closest_points(vertices, rules.far_m).found
    kept = torch.nonzero((confidence > rules.sure_confidence) | ~is_near)[:, 0]
    kept = kept[:: -(-len(kept) // MOST_VERTICES) or 1]
    stride = max(1, round(rules.voxel_m / grid.voxel_m))
    coarse = coarsened(grid, stride)
    points = sample_positions(coarse, torch.arange(coarse.size, device=vertices.device))
    distance = pocket_distance(
        points,
        vertices[kept],
        normals[kept],
        max_distance_m=rules.max_depth_m,
        min_cosine=rules.min_cosine,
    )
    return refined(distance, coarse, grid, stride)


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
    if len(vertices) == 0:
        return torch.full_like(points[:, 0], max_distance_m)
    nearest = nearest_vertices(points, vertices, 8, max_distance_m)
    offset = points[:, None] - vertices[nearest.index]
    direction = torch.nn.functional.normalize(offset, dim=-1)
    cosine = -(direction * normals[nearest.index]).sum(-1)
    cosine = torch.where(nearest.found, cosine, -1.0).mean(1)
    distance = nearest.distance[:, 0].clamp(max=max_distance_m)
    return torch.where(cosine > min_cosine, -distance, distance)
