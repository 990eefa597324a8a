"""Signed distances to a surface of several closed pieces, which may overlap."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.geometry.grid import Grid, sample_positions, samples_near
from backend.geometry.isosurface import face_components
from backend.geometry.nearest import nearest_vertices
from backend.geometry.signed_distance import ClosestPoints, SurfaceQuery
from backend.geometry.solids import enclosed


class ClosedParts:
    """The union of the closed components of a mesh (skin, eyes). Owns their search trees."""

    def __init__(self, vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"]) -> None:
        component = face_components(faces, len(vertices))
        self._used = vertices[torch.unique(faces)]
        self._whole = SurfaceQuery(vertices, faces)
        self._parts = [
            SurfaceQuery(vertices, faces[component == k]) for k in torch.unique(component)
        ]

    def closest_points(self, points: Float[Tensor, "N 3"], max_distance_m: float) -> ClosestPoints:
        """Return the closest point of any part."""
        return self._whole.closest_points(points, max_distance_m)

    def signed_distance(
        self, points: Float[Tensor, "N 3"], max_distance_m: float
    ) -> Float[Tensor, " N"]:
        """Return distances, negative inside; farther points, on either side, get the maximum."""
        return torch.stack(
            [part.signed_distance(points, max_distance_m) for part in self._parts]
        ).amin(0)

    def volume(self, grid: Grid, reach_m: float) -> Float[Tensor, " M"]:
        """Return signed distances at all samples of a grid, cut off at the reach on both sides."""
        samples = samples_near(grid, self._used, reach_m)
        values = torch.full((grid.size,), torch.nan, device=samples.device)
        distance = self.signed_distance(sample_positions(grid, samples), reach_m)
        values[samples] = torch.where(distance < reach_m, distance, torch.nan)
        unknown = values.isnan()
        inside = enclosed(unknown.view(grid.shape)).flatten()
        return torch.where(unknown, torch.where(inside, -reach_m, reach_m), values)


def mean_distances(points: Float[Tensor, "N 3"], vertices: Float[Tensor, "V 3"]) -> float:
    """Return the mean distance from points to the nearest vertices and back, summed; metres."""
    if not len(points):
        return float("inf")
    there = nearest_vertices(points, vertices, 1, torch.inf).distance.mean()
    return float(there + nearest_vertices(vertices, points, 1, torch.inf).distance.mean())
