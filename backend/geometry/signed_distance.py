"""Closest points on a surface, and signed distances to it."""

from dataclasses import dataclass

import torch
import warp as wp
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.geometry.signed_distance_kernels import find_closest, sign_by_normal
from backend.geometry.warp_runtime import launch, start


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosestPoints:
    """For each of N points, the closest point of a surface."""

    distance: Float[Tensor, " N"]
    """Metres; the maximum asked for where nothing was found."""
    face: Int[Tensor, " N"]
    """-1 where nothing was found."""
    barycentric: Float[Tensor, "N 3"]
    """Shares of the face's three corners; 0 where nothing was found."""

    @property
    def found(self) -> Bool[Tensor, " N"]:
        """True where the surface is nearer than the maximum distance."""
        return self.face >= 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """Values on a regular grid: that of (i, j, k) is at origin + voxel_m (i, j, k)."""

    values: Float[Tensor, "X Y Z"]
    origin: Float[Tensor, " 3"]
    voxel_m: float


class SurfaceQuery:
    """A triangle mesh with its search tree, to be asked many times. Owns the tree.

    Faces without area are never found. Answers carry no gradients.
    """

    def __init__(self, vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"]) -> None:
        start()
        self._points = vertices.detach().to(torch.float32).contiguous()
        self._corners = faces.to(vertices.device, torch.int32).contiguous().flatten()
        self._mesh = (
            wp.Mesh(
                points=wp.from_torch(self._points, dtype=wp.vec3),
                indices=wp.from_torch(self._corners, dtype=wp.int32),
            )
            if len(self._corners)
            else None
        )

    def closest_points(self, points: Float[Tensor, "N 3"], max_distance_m: float) -> ClosestPoints:
        """Return the closest point of the surface to each point, if nearer than the maximum.

        A small maximum makes points far from the surface cheap.
        """
        queries = _queries(points)
        distance = torch.full_like(queries[:, 0], max_distance_m)
        face = torch.full_like(queries[:, 0], -1, dtype=torch.int64)
        barycentric = torch.zeros_like(queries)
        if self._mesh is not None and len(queries):
            inputs = [
                self._mesh.id,
                wp.from_torch(queries, dtype=wp.vec3),
                max_distance_m,
                wp.from_torch(distance, dtype=wp.float32),
                wp.from_torch(face, dtype=wp.int64),
                wp.from_torch(barycentric, dtype=wp.vec3),
            ]
            launch(find_closest, len(queries), inputs, queries.device)
        return ClosestPoints(distance=distance, face=face, barycentric=barycentric)

    def signed_distance(
        self, points: Float[Tensor, "N 3"], max_distance_m: float
    ) -> Float[Tensor, " N"]:
        """Return distances to the surface, negative inside, for a watertight surface.

        The side is that of the angle-weighted pseudo-normal (Baerentzen and Aanaes 2005): fast,
        but wrong where pieces of the surface overlap. Points farther than the maximum, on either
        side, get +`max_distance_m`, because no closest point tells their side.
        """
        queries = _queries(points)
        distance = torch.full_like(queries[:, 0], max_distance_m)
        if self._mesh is not None and len(queries):
            inputs = [
                self._mesh.id,
                wp.from_torch(queries, dtype=wp.vec3),
                max_distance_m,
                wp.from_torch(distance, dtype=wp.float32),
            ]
            launch(sign_by_normal, len(queries), inputs, queries.device)
        return distance


def _queries(points: Float[Tensor, "N 3"]) -> Float[Tensor, "N 3"]:
    return points.detach().to(torch.float32).contiguous()
