"""Normals of what a depth map shows."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from backend.types import Camera


def points_of_depth(depth: Float[Tensor, "H W"], camera: Camera) -> Float[Tensor, "H W 3"]:
    """Return the points that the pixels see: metres, camera frame; 0 where the depth is."""
    rows, columns = (
        torch.arange(size, dtype=depth.dtype, device=depth.device) + 0.5 for size in depth.shape
    )
    focal, middle = camera.intrinsics.diagonal()[:2], camera.intrinsics[:2, 2]
    x = (columns - middle[0]) / focal[0] * depth
    y = (rows[:, None] - middle[1]) / focal[1] * depth
    return torch.stack([x, y, depth], -1)


def normals_of_depth(
    points: Float[Tensor, "H W 3"], is_seen: Bool[Tensor, "H W"], max_slope: float
) -> Float[Tensor, "H W 3"]:
    """Return unit normals of a depth map's points that face the camera; 0 where none is known.

    Central differences, so that the normal is that at the pixel's own centre; none is known where
    a neighbour is missing or the surface seems steeper than `max_slope`, which is a step between
    two surfaces.

    Args:
        points: Metres, camera frame.
        is_seen: Which pixels have a point.
        max_slope: Tangent of the angle between the normal and the viewing ray.
    """
    padded = torch.nn.functional.pad(points.movedim(-1, 0), (1, 1, 1, 1))
    seen = torch.nn.functional.pad(is_seen, (1, 1, 1, 1))
    across = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    down = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    # x right, y down, z away: down × right looks back at the camera.
    normals = normalize(torch.linalg.cross(down, across, dim=0).movedim(0, -1), dim=-1, eps=1e-18)
    known = is_seen & seen[1:-1, 2:] & seen[1:-1, :-2] & seen[2:, 1:-1] & seen[:-2, 1:-1]
    facing = -(normals * normalize(points, dim=-1, eps=1e-9)).sum(-1)
    known &= facing > (1 + max_slope**2) ** -0.5
    return torch.where(known[..., None], normals, 0.0)
