"""Blended bone matrices as rows of numbers, to be interpolated like any value at vertices.

Blending is linear: the mean of matrices is the matrix of the mean weights, at 12 numbers a point
in place of 55.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def affine_rows(
    weights: Float[Tensor, "V J"], posed_from_rest: Float[Tensor, "J 4 4"]
) -> Float[Tensor, "V 12"]:
    """Return the first three rows of each vertex's blended matrix."""
    return weights @ posed_from_rest[:, :3].flatten(1)


def carried(rest: Float[Tensor, "N 3"], rows: Float[Tensor, "N 12"]) -> Float[Tensor, "N 3"]:
    """Return points moved by their own matrices."""
    matrices = rows.unflatten(1, (3, 4))
    return (matrices[..., :3] * rest[:, None]).sum(-1) + matrices[..., 3]


def shifted_rows(rows: Float[Tensor, "V 12"], shift: Float[Tensor, "V 3"]) -> Float[Tensor, "V 12"]:
    """Return the matrices that take points, moved by `shift` at rest, where `rows` takes them."""
    matrices = rows.unflatten(1, (3, 4))
    moved = matrices[..., 3] - (matrices[..., :3] * shift[:, None]).sum(-1)
    return torch.cat([matrices[..., :3], moved[..., None]], 2).flatten(1)
