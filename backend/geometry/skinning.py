"""Linear blend skinning, there and back."""

from jaxtyping import Float
from torch import Tensor, cross, stack, where

SINGULAR = 1e-6
"""Blended matrices of a smaller determinant have no inverse; this value stands in for theirs."""


def blended_matrices(
    weights: Float[Tensor, "V J"], posed_from_rest: Float[Tensor, "*P J 4 4"]
) -> Float[Tensor, "*P V 4 4"]:
    """Return each vertex's own matrix, the weighted mean of the bones'; it is not rigid.

    B_v = sum_j w_vj G_j    SMPL (Loper et al. 2015), section 3

    Args:
        weights: Rows sum to 1.
        posed_from_rest: One rigid transform per bone.
    """
    return (weights @ posed_from_rest.flatten(-2)).unflatten(-1, (4, 4))


def pose(
    rest: Float[Tensor, "#*P V 3"],
    weights: Float[Tensor, "V J"],
    posed_from_rest: Float[Tensor, "*P J 4 4"],
) -> Float[Tensor, "*P V 3"]:
    """Move rest-pose vertices with their bones.

    v' = B_v v    SMPL (Loper et al. 2015), section 3

    Args:
        rest: Metres, in the frame that `posed_from_rest` starts from.
        weights: Rows sum to 1.
        posed_from_rest: One rigid transform per bone.
    """
    # One number of all vertices after the other: 3 times as fast as a small matrix per vertex.
    rows = posed_from_rest[..., :3, :].flatten(-2).mT @ weights.mT  # (12, V)
    by_x, by_y, by_z, shift = rows.unflatten(-2, (3, 4)).unbind(-2)
    x, y, z = rest.mT.contiguous()[..., None, :, :].unbind(-2)
    moved = shift.addcmul(by_x, x).addcmul(by_y, y).addcmul(by_z, z)
    return moved.mT.contiguous()


def unpose(
    posed: Float[Tensor, "*P V 3"],
    weights: Float[Tensor, "V J"],
    posed_from_rest: Float[Tensor, "*P J 4 4"],
) -> Float[Tensor, "*P V 3"]:
    """Move posed vertices back with the exact inverse of their blended matrix.

    v = B_v^-1 v'    CanonicalFusion (Shin et al. 2024), eq. 7

    The inverse of a blend is not the blend of the inverses. Where `determinants` is small the
    result is an amplified error: drop such points.

    Args:
        posed: Metres, in the frame that `posed_from_rest` leads to.
        weights: Rows sum to 1.
        posed_from_rest: One rigid transform per bone.
    """
    blended = blended_matrices(weights, posed_from_rest)
    moved = posed - blended[..., :3, 3]
    adjugate, determinant = _adjugate(blended[..., :3, :3])
    determinant = where(determinant.abs() < SINGULAR, SINGULAR, determinant)
    return (adjugate * moved[..., None, :]).sum(-1) / determinant[..., None]


def determinants(
    weights: Float[Tensor, "V J"], posed_from_rest: Float[Tensor, "*P J 4 4"]
) -> Float[Tensor, "*P V"]:
    """Return how much volume is left at each vertex: 1 on one bone, 0 where the skin folds flat.

    cos^2(phi / 2) halfway between two bones that differ by the angle phi.
    """
    return _adjugate(blended_matrices(weights, posed_from_rest)[..., :3, :3])[1]


def _adjugate(
    matrices: Float[Tensor, "*P 3 3"],
) -> tuple[Float[Tensor, "*P 3 3"], Float[Tensor, "*P"]]:
    """Return the adjugates and determinants; their ratio is the inverse.

    Closed form: `torch.linalg.inv` of many 3x3 matrices is slower by an order of magnitude.
    """
    first, second, third = matrices.unbind(-2)
    columns = [cross(second, third, dim=-1), cross(third, first, dim=-1)]
    columns.append(cross(first, second, dim=-1))
    return stack(columns, -1), (first * columns[0]).sum(-1)
