"""Where a known set of points stands before a camera: closed forms."""

import torch
from jaxtyping import Float
from torch import Tensor


def best_rotation(
    source: Float[Tensor, "P N 3"], target: Float[Tensor, "P N 3"]
) -> Float[Tensor, "P 3 3"]:
    """Return the proper rotations that turn centred `source` best onto centred `target`.

    R = V diag(1, 1, det(V Uᵀ)) Uᵀ with U S Vᵀ = Σ s tᵀ; Kabsch 1976. Reflections are excluded, so a
    flat set (shoulders and hips) still tells front from back.
    """
    source = source - source.mean(1, keepdim=True)
    target = target - target.mean(1, keepdim=True)
    left, _, right = torch.linalg.svd(source.transpose(1, 2) @ target)
    sign = torch.det(left @ right)
    flip = torch.ones_like(source[:, 0])
    flip[:, 2] = sign
    return right.transpose(1, 2) @ (flip[:, :, None] * left.transpose(1, 2))


def translation_before_camera(
    points: Float[Tensor, "P N 3"],
    seen_px: Float[Tensor, "P N 2"],
    weights: Float[Tensor, "P N"],
    intrinsics: Float[Tensor, "P 3 3"],
) -> Float[Tensor, "P 3"]:
    """Return the translations that put turned points (camera axes, metres) onto their pixels.

    Linear least squares of w (f (x + t_x) - (u - c_x) (z + t_z)) = 0 and the same for y.
    """
    focal = intrinsics[:, None, [0, 1], [0, 1]]
    offset = seen_px - intrinsics[:, None, [0, 1], [2, 2]]
    zero = torch.zeros_like(weights)
    rows_x = torch.stack([focal[..., 0].expand_as(zero), zero, -offset[..., 0]], dim=-1)
    rows_y = torch.stack([zero, focal[..., 1].expand_as(zero), -offset[..., 1]], dim=-1)
    matrix = torch.cat([rows_x, rows_y], dim=1) / focal[:, :, :1]
    right = (offset * points[..., 2:] / focal - points[..., :2]).transpose(1, 2).flatten(1)
    scale = torch.cat([weights, weights], dim=1)[..., None]
    return torch.linalg.lstsq(matrix * scale, right[..., None] * scale).solution[..., 0]


def untilted(points: Float[Tensor, "P N 3"], up: Float[Tensor, "P 3"]) -> Float[Tensor, "P N 3"]:
    """Turn points about the camera's x axis until their direction `up` has no z part.

    With `up` = (x, y, z), y < 0 for a person on the feet, the angle is atan2(z, -y).
    """
    length = up[:, 1:].norm(dim=-1).clamp(min=1e-9)
    cosine, sine = -up[:, 1] / length, up[:, 2] / length
    one, zero = torch.ones_like(sine), torch.zeros_like(sine)
    rows = [one, zero, zero, zero, cosine, -sine, zero, sine, cosine]
    turn = torch.stack(rows, dim=-1).unflatten(-1, (3, 3))
    return points @ turn.transpose(1, 2)


def project(
    points: Float[Tensor, "P N 3"], intrinsics: Float[Tensor, "P 3 3"]
) -> Float[Tensor, "P N 2"]:
    """Return the pixels at which points of the camera frame are seen.

    Depths below 5 cm count as 5 cm, so that a step that overshoots the camera can come back.
    """
    seen = points @ intrinsics.transpose(1, 2)
    return seen[..., :2] / points[..., 2:].clamp(min=0.05)
