"""Points of one surface and where they lie on another: closest points that face the same way."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.spatial import KDTree
from torch import Tensor
from torch.nn.functional import normalize

from backend.geometry.nearest import interpolate_at
from backend.geometry.normals import vertex_normals
from backend.geometry.signed_distance import SurfaceQuery
from backend.types import SkinnedMesh

EVERYWHERE_M = 10.0
"""A distance that no point of a person is from the person's surface."""
OBSERVED = 0.99
"""Share of a point's face that must be observed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """For each of N points, a point of a surface that may be the same point of the person."""

    points: Float[Tensor, "N 3"]
    """Metres; meaningless where `found` is False."""
    normals: Float[Tensor, "N 3"]
    """Unit, of the surface there."""
    found: Bool[Tensor, " N"]


class Target:
    """A surface to be matched many times. Owns its search tree."""

    def __init__(
        self,
        vertices: Float[Tensor, "V 3"],
        faces: Int[Tensor, "F 3"],
        is_observed: Bool[Tensor, " V"],
    ) -> None:
        self._query = SurfaceQuery(vertices, faces)
        self._faces = faces
        normals = vertex_normals(vertices, faces)
        self._values = torch.cat([vertices, normals, is_observed.to(vertices)[:, None]], 1)

    def match(
        self,
        points: Float[Tensor, "N 3"],
        normals: Float[Tensor, "N 3"],
        reach_m: float,
        min_cosine: float,
    ) -> Matches:
        """Return the closest points within the reach, of observed skin that faces the same way.

        Args:
            points: Metres, in the surface's frame.
            normals: Unit.
            reach_m: Farther points are no matches.
            min_cosine: Between both normals.
        """
        closest = self._query.closest_points(points, reach_m)
        at, facing, observed = interpolate_at(closest, self._faces, self._values).split(
            [3, 3, 1], dim=1
        )
        facing = normalize(facing, dim=1)
        agrees = (facing * normals).sum(1) > min_cosine
        found = closest.found & agrees & (observed[:, 0] > OBSERVED)
        return Matches(points=at, normals=facing, found=found)


def carried_weights(
    mesh: SkinnedMesh,
    points: Float[Tensor, "N 3"],
    normals: Float[Tensor, "N 3"],
    *,
    normal_scale_m: float,
) -> Float[Tensor, "N J"]:
    """Return a posed surface's weights at the points of it nearest to others that face likewise.

    At the closest point, between the corners of its face, where normals agree within 90°; where
    they do not (the closest skin is another limb's, or the far side of cloth), those of the vertex
    nearest in position and normal together, |Δx|² + (scale |Δn|)².

    Args:
        mesh: Posed, metres.
        points: Metres, in the same frame.
        normals: Unit.
        normal_scale_m: Distance that counts as much as 60° between normals.

    Returns:
        Rows sum to 1.
    """
    own = vertex_normals(mesh.vertices, mesh.faces)
    closest = SurfaceQuery(mesh.vertices, mesh.faces).closest_points(points, EVERYWHERE_M)
    weights = interpolate_at(closest, mesh.faces, mesh.weights)
    facing = interpolate_at(closest, mesh.faces, own)
    other = torch.nonzero((facing * normals).sum(1) <= 0)[:, 0]
    if len(other):
        surface, asked = (
            np.concatenate([x.cpu().numpy(), normal_scale_m * n.cpu().numpy()], 1)
            for x, n in ((mesh.vertices, own), (points[other], normals[other]))
        )
        index = torch.from_numpy(KDTree(surface).query(asked)[1])
        weights[other] = mesh.weights[index.to(weights.device)]
    return weights / weights.sum(1, keepdim=True)
