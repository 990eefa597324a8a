"""How far wrong bone weights would lead a point astray in a pose."""

import torch
from jaxtyping import Float
from torch import Tensor

from backend.geometry.nearest import nearest_vertices

CELL_NEIGHBOURS = 8


def softened_weights(
    weights: Float[Tensor, "V J"], vertices: Float[Tensor, "V 3"], radius_m: float
) -> Float[Tensor, "V J"]:
    """Return weights averaged over a neighbourhood in space: the bones that a vertex may hang on.

    Args:
        weights: Rows sum to 1.
        vertices: Metres.
        radius_m: Cells of this size have one mean each; a vertex takes those around it.
    """
    cells = ((vertices - vertices.amin(0)) / radius_m).long()
    key = (cells[:, 0] * 4096 + cells[:, 1]) * 4096 + cells[:, 2]
    _, cell = key.unique(return_inverse=True)
    count = cell.bincount()[:, None]
    centres = vertices.new_zeros(len(count), 3).index_add(0, cell, vertices) / count
    means = weights.new_zeros(len(count), weights.shape[1]).index_add(0, cell, weights) / count
    near = nearest_vertices(vertices, centres, min(CELL_NEIGHBOURS, len(count)), torch.inf)
    pull = torch.exp(-((near.distance / radius_m) ** 2))
    pull = pull / pull.sum(1, keepdim=True)
    soft = torch.zeros_like(weights)
    for k in range(pull.shape[1]):
        soft += pull[:, k, None] * means[near.index[:, k]]
    return soft


def pose_spread(
    rest: Float[Tensor, "V 3"],
    weights: Float[Tensor, "V J"],
    posed_from_rest: Float[Tensor, "J 4 4"],
) -> Float[Tensor, " V"]:
    """Return how far apart the bones would move each point: s, metres.

    s² = Σ_j w_j |G_j x − Σ_k w_k G_k x|²; 0 where all bones with weight move the point alike, so
    that wrong weights do no harm.

    Args:
        rest: Metres, in the frame that `posed_from_rest` starts from.
        weights: Rows sum to 1; of all bones that may count.
        posed_from_rest: One rigid transform per bone.
    """
    # Distances from one bone's frame are small: squares of places lose no digits.
    relative = torch.linalg.inv(posed_from_rest[0].double()) @ posed_from_rest.double()
    rotation, shift = relative[:, :3, :3], relative[:, :3, 3]
    x, w = rest.double(), weights.double()
    # |R x + t|² = |x|² + 2 tᵀ R x + |t|² for each bone.
    across = torch.einsum("ji,jik->jk", shift, rotation)
    squares = x.square().sum(1) + 2 * ((w @ across) * x).sum(1) + w @ shift.square().sum(1)
    mean = (w @ relative[:, :3].flatten(1)).unflatten(1, (3, 4))
    centre = (mean[..., :3] * x[:, None]).sum(-1) + mean[..., 3]
    return (squares - centre.square().sum(1)).clamp(min=0).sqrt().to(rest)
