"""Closest points on a surface, signed distances, and their narrow band on a voxel grid."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import warp as wp
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.geometry.signed_distance_kernels import find_closest, sign_by_normal, sign_by_winding
from backend.geometry.warp_runtime import launch, start

BLOCK = 8
"""Voxels along each side of a block that is evaluated as a whole."""
POINTS_AT_ONCE = 1 << 20
"""Bounds the memory of a narrow band: 12 MB of points a call."""

DistanceFunction = Callable[[Float[Tensor, "N 3"]], Float[Tensor, " N"]]


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
                support_winding_number=True,
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
        return self._signed(sign_by_normal, points, max_distance_m)

    def signed_distance_by_winding(
        self, points: Float[Tensor, "N 3"], max_distance_m: float
    ) -> Float[Tensor, " N"]:
        """Return distances as `signed_distance` does, for open, overlapping or nested surfaces.

        Inside is where the generalised winding number (Barill et al. 2018) exceeds one half, so a
        body with separate eyes is one solid; 3 to 7 times slower.
        """
        return self._signed(sign_by_winding, points, max_distance_m)

    def _signed(
        self, kernel: Callable[..., None] | wp.Kernel, points: Tensor, max_distance_m: float
    ) -> Float[Tensor, " N"]:
        queries = _queries(points)
        distance = torch.full_like(queries[:, 0], max_distance_m)
        if self._mesh is not None and len(queries):
            inputs = [
                self._mesh.id,
                wp.from_torch(queries, dtype=wp.vec3),
                max_distance_m,
                wp.from_torch(distance, dtype=wp.float32),
            ]
            launch(kernel, len(queries), inputs, queries.device)
        return distance


def _queries(points: Float[Tensor, "N 3"]) -> Float[Tensor, "N 3"]:
    return points.detach().to(torch.float32).contiguous()


def narrow_band(
    bounds: Float[Tensor, "2 3"],
    voxel_m: float,
    band_m: float,
    *,
    coarse: DistanceFunction,
    fine: DistanceFunction,
) -> Volume:
    """Return a volume of signed distances that is evaluated near the surface only.

    `coarse` is asked at the centres of blocks of 8 x 8 x 8 voxels; the voxels of blocks that may
    come within the band are given to `fine`. Every voxel elsewhere holds the band with the coarse
    sign, and no value exceeds the band.

    Args:
        bounds: Lower and upper corner of the region; the grid covers it whole.
        voxel_m: Edge of a voxel.
        band_m: Half the width of the band, at least one voxel; more if the zero level of `fine`
            departs from that of `coarse`: by how far it may.
        coarse: Signed distances with the right sign at any depth (a maximum beyond the bounds).
        fine: Signed values whose zero level is wanted; asked for points up to
            `band_m + 12.2 voxel_m` from `coarse`'s surface, values beyond the band may be clamped.
    """
    origin, upper = bounds.to(torch.float32)
    blocks = [math.ceil((s / voxel_m + 1) / BLOCK) for s in (upper - origin).tolist()]
    reach_m = 0.5 * (BLOCK - 1) * math.sqrt(3) * voxel_m + band_m
    corners = torch.cartesian_prod(*(torch.arange(n, device=bounds.device) for n in blocks))
    centres = origin + (corners * BLOCK + 0.5 * (BLOCK - 1)) * voxel_m
    distance = torch.cat([coarse(part) for part in centres.split(POINTS_AT_ONCE)])
    values = (torch.where(distance < 0, -band_m, band_m))[:, None].repeat(1, BLOCK**3)
    near = (distance.abs() < reach_m).nonzero()[:, 0]
    local = torch.cartesian_prod(*[torch.arange(BLOCK, device=bounds.device)] * 3)  # (512, 3)
    for part in near.split(POINTS_AT_ONCE // BLOCK**3):
        voxels = (corners[part, None] * BLOCK + local).reshape(-1, 3)
        found = fine(origin + voxels * voxel_m).clamp(-band_m, band_m)
        values[part] = found.reshape(-1, BLOCK**3)
    grid = values.reshape(*blocks, BLOCK, BLOCK, BLOCK).permute(0, 3, 1, 4, 2, 5)
    sizes = [n * BLOCK for n in blocks]
    return Volume(values=grid.reshape(sizes), origin=origin, voxel_m=voxel_m)
