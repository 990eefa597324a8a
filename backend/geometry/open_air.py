"""Which samples of a volume are air that one can look into from outside."""

import math

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from skimage.measure import label
from torch import Tensor

from backend.geometry.grid import Grid
from backend.geometry.winding import winding_steps


def coverage(
    vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"], grid: Grid
) -> Int[Tensor, "X Y Z"]:
    """Return in how many of the six directions along the axes a sample sees open sheets' insides.

    The generalised winding number (Jacobson et al. 2013) of sheets with holes is the share of
    directions in which a point sees their inner side, less those of their outer side; the six
    directions are a coarse sum of it. 6 inside a closed sheet, 4 within a tube, 0 outside.
    """
    total = torch.zeros(grid.shape, dtype=torch.int16, device=faces.device)
    for axis in range(3):
        order = [(axis + 1) % 3, (axis + 2) % 3, axis]
        turned = Grid(
            origin=grid.origin[order],
            voxel_m=grid.voxel_m,
            shape=(grid.shape[order[0]], grid.shape[order[1]], grid.shape[order[2]]),
        )
        # Even turns of the axes keep the faces' orientation.
        below = winding_steps(vertices[:, order], faces, turned).cumsum(2, dtype=torch.int16)
        seen = below.clamp(-1, 1) + (below - below[..., -1:]).clamp(-1, 1)
        total += seen.permute(order.index(0), order.index(1), order.index(2))
    return total


def joined_to_corner(is_free: Bool[Tensor, "X Y Z"]) -> Bool[Tensor, "X Y Z"]:
    """Return the free samples that paths of free neighbours (6) join to the volume's corner."""
    labels = np.asarray(label(is_free.cpu().numpy(), connectivity=1))
    return torch.from_numpy(labels == labels[0, 0, 0]).to(is_free.device) & is_free


def grown(
    marked: Bool[Tensor, "X Y Z"], allowed: Bool[Tensor, "X Y Z"], steps: int
) -> Bool[Tensor, "X Y Z"]:
    """Return marked samples and those that few steps between allowed neighbours (6) lead to."""
    for _ in range(steps):
        wider = marked.clone()
        for axis in range(3):
            length = marked.shape[axis] - 1
            wider.narrow(axis, 1, length).logical_or_(marked.narrow(axis, 0, length))
            wider.narrow(axis, 0, length).logical_or_(marked.narrow(axis, 1, length))
        marked = marked | (wider & allowed)
    return marked


def distance_to(marked: Bool[Tensor, "X Y Z"], limit: float) -> Float[Tensor, "X Y Z"]:
    """Return distances to marked samples, in samples, up to a limit.

    The least parabola along each axis (Felzenszwalb and Huttenlocher 2012).
    """
    square = torch.where(marked, 0.0, limit**2)
    for axis in range(3):
        least = square.clone()
        for step in range(1, min(math.ceil(limit), marked.shape[axis] - 1) + 1):
            length = marked.shape[axis] - step
            before, after = square.narrow(axis, 0, length), square.narrow(axis, step, length)
            ahead, behind = least.narrow(axis, step, length), least.narrow(axis, 0, length)
            torch.minimum(ahead, before + step**2, out=ahead)
            torch.minimum(behind, after + step**2, out=behind)
        square = least
    return square.sqrt()
