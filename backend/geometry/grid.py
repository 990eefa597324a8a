"""A regular grid of sample points in space, and the ones near a surface."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.ndimage import maximum_filter1d
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Sample points `origin + voxel_m · (i, j, k)`; they are numbered with k running fastest."""

    origin: Float[Tensor, " 3"]
    voxel_m: float
    shape: tuple[int, int, int]

    @property
    def size(self) -> int:
        """Number of samples."""
        return self.shape[0] * self.shape[1] * self.shape[2]


def grid_around(
    points: Float[Tensor, "N 3"], margin_m: float, voxel_m: float, max_samples: int
) -> Grid:
    """Return a grid over the bounding box of points, made coarser if it would be too large.

    Args:
        points: Metres.
        margin_m: Added on every side.
        voxel_m: Wanted spacing.
        max_samples: Bounds the memory.
    """
    lower = points.amin(0) - margin_m
    extent = points.amax(0) + margin_m - lower
    volume = float(extent.prod())
    spacing = max(voxel_m, (volume / max_samples) ** (1 / 3))
    counts = (extent / spacing).ceil().long() + 1
    return Grid(
        origin=lower, voxel_m=spacing, shape=(int(counts[0]), int(counts[1]), int(counts[2]))
    )


def sample_positions(grid: Grid, samples: Int[Tensor, " N"]) -> Float[Tensor, "N 3"]:
    """Return where samples lie, metres."""
    _, height, depth = grid.shape
    index = torch.stack(
        [samples // (height * depth), samples // depth % height, samples % depth], 1
    )
    return grid.origin + grid.voxel_m * index


def samples_near(grid: Grid, points: Float[Tensor, "N 3"], radius_m: float) -> Int[Tensor, " M"]:
    """Return the samples that may lie within `radius_m` of a point: all that do, and some more."""
    index = ((points - grid.origin) / grid.voxel_m).round().long()
    limits = torch.tensor(grid.shape, device=points.device)
    index = index[((index >= 0) & (index < limits)).all(1)]
    marked = np.zeros(grid.shape, np.uint8)
    marked[tuple(index.cpu().numpy().T)] = 1
    reach = int(radius_m / grid.voxel_m) + 1
    for axis in range(3):
        maximum_filter1d(marked, 2 * reach + 1, axis, output=marked, mode="constant")
    return torch.from_numpy(np.flatnonzero(marked)).to(points.device)


def coarsened(grid: Grid, stride: int) -> Grid:
    """Return a grid with every `stride`-th sample, which reaches at least as far."""
    shape = tuple((count - 1) // stride + 2 for count in grid.shape)
    return Grid(
        origin=grid.origin, voxel_m=grid.voxel_m * stride, shape=(shape[0], shape[1], shape[2])
    )


def refined(
    values: Float[Tensor, " N"], coarse: Grid, fine: Grid, stride: int
) -> Float[Tensor, " M"]:
    """Interpolate values of `coarsened(fine, stride)` at the samples of `fine` (trilinear)."""
    size = [(count - 1) * stride + 1 for count in coarse.shape]
    volume = torch.nn.functional.interpolate(
        values.view(1, 1, *coarse.shape), size=size, mode="trilinear", align_corners=True
    )
    return volume[0, 0, : fine.shape[0], : fine.shape[1], : fine.shape[2]].flatten()


def interpolated(
    values: Float[Tensor, "C X Y Z"], grid: Grid, points: Float[Tensor, "N 3"]
) -> Float[Tensor, "C N"]:
    """Interpolate values on a grid at points within it (trilinear)."""
    last = torch.tensor(grid.shape, device=points.device) - 1
    share = 2 * (points - grid.origin) / (grid.voxel_m * last) - 1
    # PyTorch counts the last axis first.
    found = torch.nn.functional.grid_sample(
        values[None], share.flip(1)[None, None, None], align_corners=True, padding_mode="border"
    )
    return found[0, :, 0, 0]


def samples_around(is_near: Bool[Tensor, "X Y Z"], fine: Grid, stride: int) -> Int[Tensor, " M"]:
    """Return the samples of a grid in cubes of its coarser one that have a marked corner."""
    for axis, length in enumerate(is_near.shape):
        is_near = is_near.narrow(axis, 0, length - 1) | is_near.narrow(axis, 1, length - 1)
    for axis, length in enumerate(fine.shape):
        is_near = is_near.repeat_interleave(stride, axis).narrow(axis, 0, length)
    return torch.nonzero(is_near.flatten())[:, 0]
