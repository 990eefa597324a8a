"""Winding numbers of a closed surface at all samples of a grid."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.geometry.grid import Grid

OFF_THE_GRID = (1.4142e-5, 1.7321e-5)
"""Shares of a voxel; no column of samples then runs exactly through a vertex or an edge."""


def winding_numbers(
    vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"], grid: Grid
) -> Int[Tensor, "X Y Z"]:
    """Return how often a closed surface runs around each sample of a grid: 0 outside.

    Along each column of samples (the last axis) the number changes by one where a face is crossed
    (Jacobson et al. 2013: the generalised winding number of a closed mesh is this integer). So it
    is right where the surface runs through itself, and costs as much as drawing the faces once.
    """
    return winding_steps(vertices, faces, grid).cumsum(dim=2, dtype=torch.int16)


def winding_steps(
    vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"], grid: Grid
) -> Int[Tensor, "X Y Z"]:
    """Return how often columns (the last axis) enter, less leave, below each sample.

    Since the sample before; below the first sample, all that is there.
    """
    columns = _columns(vertices, grid)[faces.long()]  # (F, 3 corners, 3)
    face, i, j = _columns_under_faces(columns[..., :2], grid)
    height, turn = _crossings(columns[face], torch.stack([i, j], dim=1))
    first = height.ceil().long().clamp_min(0)
    met = (turn != 0) & (first < grid.shape[2])
    place = (i * grid.shape[1] + j) * grid.shape[2] + first
    steps = torch.zeros(grid.size, dtype=torch.int16, device=faces.device)
    steps.scatter_add_(0, place[met], turn[met].to(torch.int16))
    return steps.view(grid.shape)


def _columns(vertices: Float[Tensor, "V 3"], grid: Grid) -> Float[Tensor, "V 3"]:
    """Return vertices in units of the grid, a little beside its columns."""
    points = (vertices.double() - grid.origin.double()) / grid.voxel_m
    return points + points.new_tensor([*OFF_THE_GRID, 0.0])


def _columns_under_faces(
    corners: Float[Tensor, "F 3 2"], grid: Grid
) -> tuple[Int[Tensor, " N"], Int[Tensor, " N"], Int[Tensor, " N"]]:
    """Return the columns (face, i, j) within the bounding box of each face."""
    last = torch.tensor(grid.shape[:2], device=corners.device) - 1
    low = corners.amin(dim=1).ceil().long().clamp_min(0)
    high = torch.minimum(corners.amax(dim=1).floor().long(), last)
    count = (high - low + 1).clamp_min(0)
    total = count.prod(dim=1)
    face = torch.arange(len(corners), device=corners.device).repeat_interleave(total)
    start = total.cumsum(0) - total
    rank = torch.arange(len(face), device=corners.device) - start[face]
    width = count[face, 1]
    return face, low[face, 0] + rank // width, low[face, 1] + rank % width


def _crossings(
    corners: Float[Tensor, "N 3 3"], column: Int[Tensor, "N 2"]
) -> tuple[Float[Tensor, " N"], Int[Tensor, " N"]]:
    """Return where each column crosses its face, and +1 where it enters there, -1 where it leaves.

    0 where it passes beside.
    """
    ahead, onwards = corners.roll(-1, dims=1), corners.roll(-2, dims=1)
    to_ahead = ahead[..., :2] - column[:, None]
    to_onwards = onwards[..., :2] - column[:, None]
    areas = to_ahead[..., 0] * to_onwards[..., 1] - to_ahead[..., 1] * to_onwards[..., 0]  # (N, 3)
    total = areas.sum(dim=1)
    leaves, enters = (areas > 0).all(dim=1), (areas < 0).all(dim=1)
    height = (areas * corners[..., 2]).sum(dim=1) / torch.where(total == 0, 1.0, total)
    return height, enters.int() - leaves.int()
