"""What is likely: shapes, poses, an upright stance.

All costs are sums over the photos of a batch. Joint rotations are axis-angle, relative to parent
and bind pose, in body axes.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from backend.body.hinges import hinges
from backend.body.landmark_targets import unit
from backend.body.limb_pose import limb_pose
from backend.body.model import BodyModel

PHENOTYPES = frozenset({"gender", "age", "muscle", "weight", "height", "proportions"})
"""Shape coefficients that live between 0 and 1; all others are in standard deviations."""
DEVIATIONS = 3.0
"""How far from the mean a coefficient in standard deviations may go."""

STIFFNESS = {
    "hip": 0.3, "knee": 0.3, "shoulder": 0.3, "elbow": 0.3, "wrist": 3.0, "ankle": 2.0,
    "foot": 20.0, "collar": 6.0, "spine": 4.0, "neck": 2.0, "head": 2.0,
}  # fmt: skip
"""Pull towards the mean pose, per squared radian, by the part in the joint's name (dimensionless:
the setting in front has the unit)."""
FINGER_STIFFNESS = 1.5
FIXED = ("jaw", "eye")
"""Joints that no landmark moves."""

HANGING_ARM = (0.36, -0.92, 0.12)
FOREARM = (0.20, -0.93, 0.31)
THIGH = (0.06, -1.0, 0.0)
SHIN = (0.03, -1.0, -0.03)
"""Directions of a left limb of a relaxed standing person, body axes; our own choice (the bind pose
of some bodies is a T or an A, which hidden limbs must not take)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeRange:
    """Where shape coefficients start and how far they can go: start + span tanh(s)."""

    start: Float[Tensor, " B"]
    span: Float[Tensor, " B"]
    stiffness: Float[Tensor, " B"]
    """Of the prior on s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PosePrior:
    """The mean pose and how hard each joint is pulled towards it."""

    mean: Float[Tensor, "J 3"]
    stiffness: Float[Tensor, " J"]
    is_free: Float[Tensor, "J 1"]
    """0 for joints that stay as they are bound, and for the root."""


def shape_range(body: BodyModel, age: float | None = None) -> ShapeRange:
    """Return the range of a body's shape coefficients, from another start of the age if given.

    Phenotypes go 0.5 to each side (Anny's values end at 0 and 1, beyond is no effect); the age goes
    one third, from one anchor of Anny's basis to the next.
    """
    start = body.mean_shape.clone()
    span = torch.full_like(start, DEVIATIONS)
    stiffness = torch.full_like(start, 0.3)
    for index, name in enumerate(body.shape_names):
        if name in PHENOTYPES:
            span[index] = 0.5
        if name == "height":
            stiffness[index] = 10.0  # clothes that widen a person would shrink her to below 1.5 m
        if name == "age":
            start[index] = start[index] if age is None else age
            span[index], stiffness[index] = 0.33, 2.3
    return ShapeRange(start=start, span=span, stiffness=stiffness)


def shape_within(parameter: Float[Tensor, " B"], allowed: ShapeRange) -> Float[Tensor, " B"]:
    """Return start + span tanh(s)."""
    return allowed.start + allowed.span * torch.tanh(parameter)


def shape_cost(parameter: Float[Tensor, " B"], allowed: ShapeRange) -> Float[Tensor, ""]:
    """Return Σ k s²."""
    return (allowed.stiffness * parameter**2).sum()


def pose_prior(body: BodyModel, joints: Float[Tensor, "J 3"]) -> PosePrior:
    """Return the prior of a body with these bind-pose joints: standing, arms hanging."""
    stiffness = joints.new_tensor([_stiffness(name) for name in body.joint_names])
    is_free = (stiffness > 0).to(joints.dtype)[:, None]
    return PosePrior(mean=standing_pose(body, joints), stiffness=stiffness, is_free=is_free)


def pose_cost(pose: Float[Tensor, "P J 3"], prior: PosePrior) -> Float[Tensor, ""]:
    """Return Σ k_j |r_j - mean_j|²."""
    return (((pose - prior.mean) ** 2).sum(-1) * prior.stiffness).sum()


def standing_pose(body: BodyModel, joints: Float[Tensor, "J 3"]) -> Float[Tensor, "J 3"]:
    """Return the joint rotations of a relaxed standing body: legs straight, arms hanging."""
    return limb_pose(body, joints, hinges(body, joints), standing_limbs(joints.device)[None])[0]


def standing_limbs(device: torch.device) -> Float[Tensor, "4 2 3"]:
    """Return the directions of `limb_rows`' upper and lower bones of a standing body, body axes."""
    left = unit(torch.tensor([[THIGH, SHIN], [HANGING_ARM, FOREARM]], device=device))
    right = left * torch.tensor([-1.0, 1.0, 1.0], device=device)
    return torch.stack([left, right], dim=1).flatten(0, 1)


def upright_cost(
    lines: Float[Tensor, "P L 3"], is_standing: Bool[Tensor, " P"], scale: float
) -> Float[Tensor, ""]:
    """Return Σ s² / (1 + s² / scale), s the share of depth in a line up the body.

    Args:
        lines: Vectors up the body (ankles to neck, …), camera frame.
        is_standing: Others may lean.
        scale: Squared sine at which the cost levels off.
    """
    lean = unit(lines)[..., 2] ** 2
    return (lean / (1 + lean / scale) * is_standing[:, None]).sum()


def _stiffness(joint: str) -> float:
    if joint == "pelvis" or any(part in joint for part in FIXED):
        return 0.0
    found = [value for part, value in STIFFNESS.items() if part in joint]
    return found[0] if found else FINGER_STIFFNESS
