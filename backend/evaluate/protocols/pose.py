"""Errors of joint positions."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from backend.evaluate.protocols.alignment import fit_similarity, move

MM_PER_M = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseError:
    """Mean distances of joints; 0 is perfect."""

    mpjpe_mm: float
    pa_mpjpe_mm: float


def pose_error(
    predicted: Float[Tensor, "*P J 3"], truth: Float[Tensor, "*P J 3"], *, root: int = 0
) -> PoseError:
    """Return both errors of the same joints."""
    return PoseError(
        mpjpe_mm=mpjpe_mm(predicted, truth, root=root), pa_mpjpe_mm=pa_mpjpe_mm(predicted, truth)
    )


def mpjpe_mm(
    predicted: Float[Tensor, "*P J 3"], truth: Float[Tensor, "*P J 3"], *, root: int = 0
) -> float:
    """Return the mean distance of the joints after the root joints are laid together.

    The root counts with its 0.

    Args:
        predicted: Metres.
        truth: Metres, the same axes.
        root: Index of the pelvis.
    """
    difference = predicted - truth
    difference = difference - difference[..., root : root + 1, :]
    return MM_PER_M * float(difference.norm(dim=-1).double().mean())


def pa_mpjpe_mm(predicted: Float[Tensor, "*P J 3"], truth: Float[Tensor, "*P J 3"]) -> float:
    """Return the mean distance of the joints after Procrustes alignment of each pose.

    The prediction is scaled, rotated and shifted onto the truth in least squares.

    Args:
        predicted: Metres, any axes.
        truth: Metres.
    """
    source, target = predicted.double(), truth.double()
    moved = move(source, fit_similarity(source, target))
    return MM_PER_M * float((moved - target).norm(dim=-1).mean())
