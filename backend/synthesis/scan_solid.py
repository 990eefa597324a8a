"""The solid that a closed body and thick sheets make up, and its outer surface.

Samples of two grids: a coarse one, all in memory, that tells air from gaps that nobody looks into,
and a fine one, in slabs, of which only samples near the surface are measured.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.geometry.double_edges import part_double_edges
from backend.geometry.grid import Grid, grid_around, sample_positions
from backend.geometry.open_air import coverage, distance_to, grown, joined_to_corner
from backend.geometry.signed_distance import ClosestPoints, SurfaceQuery
from backend.geometry.slab_isosurface import outer_component, surface_of_slabs
from backend.geometry.winding import winding_numbers

STRIDE = 2
"""Coarse samples are so many voxels apart; those that a ball rolls on, twice as many."""
BLOCK = 4
"""Coarse samples along the side of a block that is measured or left out as a whole."""
SLAB = 16
"""Coarse layers in a slab."""
NEAR = 1.7
"""Voxels from the surface, by interpolation of the coarse samples, within which fine ones are
measured: a marching cube's own reach and the interpolation's mean error."""
BAND = 2.0
"""Coarse samples from the surface within which coarse ones are measured."""
COVERED = 4
"""Of six directions: a tube has so many."""
CLOSED = 0.51
"""Samples: no two neighbours on either side of a sheet are both farther from it than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solid:
    """What is united: posed surfaces, metres."""

    body: Float[Tensor, "V 3"]
    body_faces: Int[Tensor, "F 3"]
    """Closed; it may run through itself."""
    middle: Float[Tensor, "W 3"]
    """Of the sheets' thickness."""
    sheet_faces: Int[Tensor, "G 3"]
    sheet_thickness_m: float
    two_sided: Bool[Tensor, " G"]
    """Faces without an inner side: strands of hair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How finely the solid is sampled."""

    voxel_m: float
    gap_m: float
    """Space under cloth into which no ball of this diameter can roll belongs to the solid."""
    opening_m: float
    """But not where it opens: so deep one sees into it."""
    strand_gap_m: float
    """So do narrower gaps than this between strands of hair."""
    max_samples: int
    """Of the coarse grid."""


def outer_surface(
    solid: Solid, sampling: Sampling
) -> tuple[Float[Tensor, "V 3"], Int[Tensor, "F 3"]]:
    """Return the closed outer surface of the largest solid, without cavities; metres."""
    coarse_m = STRIDE * sampling.voxel_m
    points = torch.cat([solid.body, solid.middle])
    margin_m = 0.5 * sampling.strand_gap_m + BLOCK * coarse_m
    grid = grid_around(points, margin_m, coarse_m, sampling.max_samples)
    shape = tuple(-(-count // BLOCK) * BLOCK + 1 for count in grid.shape)
    grid = replace(grid, shape=(shape[0], shape[1], shape[2]))
    fields = _Fields(solid)
    distance, filling = _coarse_volumes(fields, grid, sampling)
    vertices, faces = surface_of_slabs(_fine_slabs(fields, grid, distance, filling))
    vertices, faces = outer_component(vertices.to(points), faces.to(points.device))
    vertices, faces = part_double_edges(vertices, faces)
    return vertices * (grid.voxel_m / STRIDE) + grid.origin, faces


class _Fields:
    """Signed distances to a solid. Owns the search trees of its surfaces."""

    def __init__(self, solid: Solid) -> None:
        self.solid = solid
        self._body = SurfaceQuery(solid.body, solid.body_faces)
        self._sheets = SurfaceQuery(solid.middle, solid.sheet_faces)

    def is_inside(self, grid: Grid) -> Bool[Tensor, "X Y Z"]:
        """Return which samples are inside the body."""
        return winding_numbers(self.solid.body, self.solid.body_faces, grid) != 0

    def sheets(self, points: Float[Tensor, "N 3"], limit_m: float) -> ClosestPoints:
        """Return the nearest points on the middle of sheets."""
        return self._sheets.closest_points(points, limit_m)

    def distance(
        self, points: Float[Tensor, "N 3"], inside: Bool[Tensor, " N"], limit_m: float
    ) -> Float[Tensor, " N"]:
        """Return signed distances to the body and the thick sheets, up to a limit."""
        half_m = 0.5 * self.solid.sheet_thickness_m
        body = self._body.closest_points(points, limit_m).distance
        sheets = self.sheets(points, limit_m + half_m).distance - half_m
        return torch.minimum(torch.where(inside, -body, body), sheets)

    def before(self, points: Float[Tensor, "N 3"], closest: ClosestPoints) -> Float[Tensor, " N"]:
        """Return how far points are before their nearest sheets; negative behind them."""
        corners = self.solid.middle[self.solid.sheet_faces[closest.face]]
        a, b, c = corners.unbind(dim=1)
        foot = (closest.barycentric[..., None] * corners).sum(dim=1)
        side = (torch.linalg.cross(b - a, c - a) * (points - foot)).sum(dim=1)
        return torch.where(side < 0, -closest.distance, closest.distance)


def _coarse_volumes(
    fields: _Fields, grid: Grid, sampling: Sampling
) -> tuple[Float[Tensor, "X Y Z"], Float[Tensor, "X Y Z"]]:
    """Return signed distances, and a second field that is negative in gaps to be closed; metres."""
    band_m = max(BAND * grid.voxel_m, 0.5 * sampling.strand_gap_m)
    inside = fields.is_inside(grid)
    samples = _near_samples(fields, grid, inside, band_m)
    points = sample_positions(grid, samples)
    distance = torch.where(inside, -band_m, band_m).flatten()
    distance[samples] = fields.distance(points, inside.flatten()[samples], band_m)
    closest = fields.sheets(points, band_m)
    is_free, is_hair = ~inside.flatten(), torch.zeros_like(inside).flatten()
    is_free[samples] &= closest.distance > CLOSED * grid.voxel_m
    if len(fields.solid.sheet_faces) > 0:
        of_hair = closest.found & fields.solid.two_sided[closest.face.clamp_min(0)]
        is_hair[samples] = of_hair & (closest.distance < 0.5 * sampling.strand_gap_m)
    is_free, is_hair = is_free.view(grid.shape), is_hair.view(grid.shape)
    allowed = is_free & ~_narrow(fields, grid, is_free, 0.5 * sampling.gap_m)
    air = joined_to_corner(allowed & ~is_hair)
    air = grown(air, allowed, round(0.5 * sampling.strand_gap_m / grid.voxel_m) + 1)
    air = grown(air, is_free & ~is_hair, round(sampling.opening_m / grid.voxel_m))
    filling = _filling(air, is_free & ~air, grid.voxel_m)
    at_border = closest.found & (filling.flatten()[samples] == 0)
    filling.view(-1)[samples[at_border]] = _before_border(
        fields, points[at_border], closest, at_border
    )
    return distance.view(grid.shape), filling


def _before_border(
    fields: _Fields,
    points: Float[Tensor, "N 3"],
    closest: ClosestPoints,
    chosen: Bool[Tensor, " M"],
) -> Float[Tensor, " N"]:
    """Return distances before the sheet between air and a closed gap; hair counts as before."""
    here = ClosestPoints(
        distance=closest.distance[chosen],
        face=closest.face[chosen],
        barycentric=closest.barycentric[chosen],
    )
    before = fields.before(points, here)
    return torch.where(fields.solid.two_sided[here.face], here.distance, before)


def _narrow(
    fields: _Fields, grid: Grid, is_free: Bool[Tensor, "X Y Z"], radius_m: float
) -> Bool[Tensor, "X Y Z"]:
    """Return the samples under one-sided sheets where no ball of a radius, under them too, comes.

    On every second sample. Balls outside do not count: the sheet is thinner than the samples tell.
    """
    one_sided = fields.solid.sheet_faces[~fields.solid.two_sided]
    covered = coverage(fields.solid.middle, one_sided, grid) >= COVERED
    counts = [(count + 1) // 2 for count in grid.shape]
    shape = (counts[0], counts[1], counts[2])
    coarser = Grid(origin=grid.origin, voxel_m=2 * grid.voxel_m, shape=shape)
    room = (covered & is_free)[::2, ::2, ::2]
    samples = room.flatten().nonzero().flatten()
    points = sample_positions(coarser, samples)
    free = torch.ones_like(samples, dtype=torch.bool)
    centres = torch.zeros_like(room).flatten()
    # A limit of exactly the radius would be missed by a rounding error.
    centres[samples] = fields.distance(points, ~free, 1.01 * radius_m) >= radius_m
    radius = radius_m / coarser.voxel_m
    gap = distance_to(centres.view(room.shape), radius + 2.0)
    fine = torch.nn.functional.interpolate(
        gap[None, None], size=grid.shape, mode="trilinear", align_corners=True
    )[0, 0]
    return covered & (fine > radius + 1.0)


def _filling(
    air: Bool[Tensor, "X Y Z"], gap: Bool[Tensor, "X Y Z"], voxel_m: float
) -> Float[Tensor, "X Y Z"]:
    """Return -1 sample in and around gaps, +1 sample elsewhere, 0 between gaps and air; metres."""
    everywhere = torch.ones_like(air)
    solid = ~(air | gap)
    by_gap, by_air = (grown(kind, everywhere, 2) & solid for kind in (gap, air))
    sign = 1.0 - 2.0 * (gap | (by_gap & ~by_air)).float()
    return voxel_m * sign.masked_fill_(by_gap & by_air, 0.0)


def _near_samples(
    fields: _Fields, grid: Grid, inside: Bool[Tensor, "X Y Z"], band_m: float
) -> Int[Tensor, " N"]:
    """Return the samples of all blocks that a surface is near to."""
    counts = [(count - 1) // BLOCK for count in grid.shape]
    shape = (counts[0], counts[1], counts[2])
    half_m = 0.5 * BLOCK * grid.voxel_m
    blocks = Grid(origin=grid.origin + half_m, voxel_m=BLOCK * grid.voxel_m, shape=shape)
    numbers = torch.arange(blocks.size, device=inside.device)
    limit_m = band_m + 3**0.5 * half_m
    centres = inside[BLOCK // 2 :: BLOCK, BLOCK // 2 :: BLOCK, BLOCK // 2 :: BLOCK].flatten()
    gap = fields.distance(sample_positions(blocks, numbers), centres, limit_m).abs()
    is_near = (gap < limit_m).view(shape)
    for axis in range(3):
        is_near = is_near.repeat_interleave(BLOCK, dim=axis)
    padded = torch.nn.functional.pad(is_near, (0, 1, 0, 1, 0, 1))
    return padded.flatten().nonzero().flatten()


def _fine_slabs(
    fields: _Fields,
    coarse: Grid,
    distance: Float[Tensor, "X Y Z"],
    filling: Float[Tensor, "X Y Z"],
) -> Iterator[Float[Tensor, "x n z"]]:
    """Yield slabs of signed distances on the fine grid, in voxels."""
    voxel_m = coarse.voxel_m / STRIDE
    columns = [(coarse.shape[axis] - 1) * STRIDE + 1 for axis in (0, 2)]
    for first in range(0, coarse.shape[1] - 1, SLAB):
        layers = slice(first, min(first + SLAB, coarse.shape[1] - 1) + 1)
        shift = coarse.origin.new_tensor([0.0, first * coarse.voxel_m, 0.0])
        count = (layers.stop - 1 - first) * STRIDE + 1
        grid = Grid(
            origin=coarse.origin + shift, voxel_m=voxel_m, shape=(columns[0], count, columns[1])
        )
        values = _interpolated(distance[:, layers], grid)
        filled = _interpolated(filling[:, layers], grid)
        near = (values.abs() < NEAR * voxel_m) & (filled > -voxel_m)
        samples = near.flatten().nonzero().flatten()
        inside = fields.is_inside(grid).flatten()[samples]
        exact = fields.distance(sample_positions(grid, samples), inside, coarse.voxel_m)
        values.view(-1)[samples] = exact
        yield torch.minimum(values, filled) / voxel_m


def _interpolated(values: Float[Tensor, "X Y Z"], grid: Grid) -> Float[Tensor, "x y z"]:
    return torch.nn.functional.interpolate(
        values[None, None], size=grid.shape, mode="trilinear", align_corners=True
    )[0, 0].contiguous()
