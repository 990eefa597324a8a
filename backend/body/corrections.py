"""Small changes of poses and cameras, as numbers that an optimiser can move."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.body.kinematics import bones_of, matrix_from_axis_angle
from backend.geometry.skinning import pose
from backend.types import Poses


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrections:
    """What is added to the poses and cameras of P photos. All zeros change nothing."""

    turns: Float[Tensor, "P J 3"]
    """Axis times angle, radians, in body axes, before the joint's own rotation: the joint turns
    its bone as if the bind pose had been turned. Row 0 turns the whole body about the pelvis."""
    shifts: Float[Tensor, "P 3"]
    """Metres, in body axes, of the whole body."""
    log_focal: Float[Tensor, " P"]
    """Logarithm of the focal length's factor. The principal point stays: moving it looks like
    turning and shifting the body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How large corrections are, whatever their direction."""

    turn_rad: Float[Tensor, " J"]
    shift_m: float
    log_focal: float


def no_corrections(poses: Poses) -> Corrections:
    """Return corrections that change nothing."""
    photos, joints = poses.rotations.shape[:2]
    like = poses.rotations
    return Corrections(
        turns=like.new_zeros((photos, joints, 3)),
        shifts=like.new_zeros((photos, 3)),
        log_focal=like.new_zeros(photos),
    )


def corrected(poses: Poses, corrections: Corrections) -> Poses:
    """Return the poses with the corrections applied; differentiable.

    R_j exp(r_j); the pelvis' turn and shift go into `camera_from_body`, where its rotation is.
    """
    turns = matrix_from_axis_angle(corrections.turns)
    pelvis = poses.joints[0]
    root = turns[:, 0]
    shift = pelvis - root @ pelvis + corrections.shifts
    moved = torch.cat([root, shift[..., None]], -1)
    last = torch.eye(4, dtype=root.dtype, device=root.device)[3:].expand(len(root), 1, 4)
    rotations = torch.cat([poses.rotations[:, :1], poses.rotations[:, 1:] @ turns[:, 1:]], 1)
    return replace(
        poses,
        rotations=rotations,
        camera_from_body=poses.camera_from_body @ torch.cat([moved, last], -2),
    )


def bounded(corrections: Corrections, limits: Sizes) -> Corrections:
    """Return corrections shortened to the limits; a limit of 0 switches a joint off."""
    return Corrections(
        turns=_shortened(corrections.turns, limits.turn_rad[:, None]),
        shifts=_shortened(corrections.shifts, limits.shift_m),
        log_focal=corrections.log_focal.clamp(-limits.log_focal, limits.log_focal),
    )


def _shortened(vectors: Float[Tensor, "*N 3"], limit: Tensor | float) -> Float[Tensor, "*N 3"]:
    length = vectors.norm(dim=-1, keepdim=True).clamp(min=1e-12)
    return vectors * (limit / length).clamp(max=1)


def correction_cost(corrections: Corrections, likely: Sizes) -> Float[Tensor, ""]:
    """Return the sum of squared corrections over their likely sizes, mean over photos."""
    squares = [
        (corrections.turns / likely.turn_rad[:, None]).square().sum((1, 2)),
        (corrections.shifts / likely.shift_m).square().sum(1),
        (corrections.log_focal / likely.log_focal).square(),
    ]
    return torch.stack(squares).sum(0).mean()


def common_cost(corrections: Corrections, scales: Sizes) -> Float[Tensor, ""]:
    """Return the squared mean corrections over all photos, in units of the scales.

    sum_j |mean_p r_pj|² / angle_j² + |mean_p t_p|² / length²

    What turns alike in all photos is the canonical shape: without this cost a bend of the shape
    and the opposite turns of all poses would be one and the same.
    """
    turns = (corrections.turns.mean(0) / scales.turn_rad[:, None]).square().sum()
    return turns + (corrections.shifts.mean(0) / scales.shift_m).square().sum()


def seen_surface(
    rest: Float[Tensor, "#P V 3"],
    weights: Float[Tensor, "V J"],
    poses: Poses,
    corrections: Corrections,
) -> Float[Tensor, "P V 3"]:
    """Return the corrected posed surface as the uncorrected cameras see it; differentiable.

    A longer focal length shows the person wider and taller, but no deeper.

    Args:
        rest: Bind pose, body frame, metres.
        weights: Rows sum to 1.
        poses: Of P photos.
        corrections: Of the same photos.
    """
    factor = corrections.log_focal.exp()
    scale = torch.stack([factor, factor, torch.ones_like(factor)], 1)
    return pose(rest, weights, bones_of(corrected(poses, corrections))) * scale[:, None]


def poses_at(poses: Poses, rows: Int[Tensor, " Q"]) -> Poses:
    """Return the poses in some of the photos."""
    return replace(
        poses,
        rotations=poses.rotations[rows],
        camera_from_body=poses.camera_from_body[rows],
    )


def corrections_at(corrections: Corrections, rows: Int[Tensor, " Q"]) -> Corrections:
    """Return the corrections in some of the photos."""
    return Corrections(
        turns=corrections.turns[rows],
        shifts=corrections.shifts[rows],
        log_focal=corrections.log_focal[rows],
    )
