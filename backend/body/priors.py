"""What is likely and what is possible: shapes, poses, joint limits, an upright stance.

All costs are sums over the photos of a batch. Joint rotations are axis-angle, relative to parent
and bind pose, in body axes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.body.kinematics import matrix_from_axis_angle
from backend.body.landmark_targets import unit
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Hinges:
    """Knees (left, right), elbows (left, right) and fingers: they bend one way only.

    flexion = `bent` + axis · r, 0 where the limb is straight.
    """

    joints: Int[Tensor, " H"]
    axes: Float[Tensor, "H 3"]
    bent: Float[Tensor, " H"]
    """Flexion of the bind pose, rad."""
    lowest: Float[Tensor, " H"]
    highest: Float[Tensor, " H"]


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
            stiffness[index] = 1.2
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
    pose = torch.zeros_like(joints)
    chains = (
        (("shoulder", "elbow", "wrist"), (HANGING_ARM, FOREARM)),
        (("hip", "knee", "ankle"), (THIGH, SHIN)),
    )
    for side, sign in (("left", 1.0), ("right", -1.0)):
        for names, directions in chains:
            upper, lower, end = (body.joint_names.index(f"{side}_{name}") for name in names)
            mirror = joints.new_tensor([sign, 1.0, 1.0])
            wanted = unit(joints.new_tensor(directions) * mirror)
            pose[upper] = _swing(unit(joints[lower] - joints[upper]), wanted[0])
            turned_back = matrix_from_axis_angle(-pose[upper]) @ wanted[1]
            pose[lower] = _swing(unit(joints[end] - joints[lower]), turned_back)
    return pose


def hinges(body: BodyModel, joints: Float[Tensor, "J 3"]) -> Hinges:
    """Return the hinge joints of a body with these bind-pose joints.

    The axes are those of SMPL-X's zero pose (knees bend about +X, left elbows about -Y, left
    fingers about -Z, right ones mirrored), carried into the bind pose. Limits in rad of flexion:
    our own choice from common ranges of motion (knee 150°, elbow 150°, finger joints 100°).
    """
    zero_from_bind = body.zero_from_bind(joints)
    rows = [
        (f"{side}_{name}", f"{side}_{before}", f"{side}_{after}", axis, limits)
        for name, before, after, axis, limits in _hinge_table()
        for side, axis in (("left", axis), ("right", (axis[0], -axis[1], -axis[2])))
    ]
    numbers = [[body.joint_names.index(name) for name in row[:3]] for row in rows]
    middle, before, after = torch.tensor(numbers, device=joints.device).unbind(1)
    zero_axes = joints.new_tensor([row[3] for row in rows])
    axes = (zero_from_bind[before].transpose(1, 2) @ zero_axes[..., None])[..., 0]
    first, second = unit(joints[middle] - joints[before]), unit(joints[after] - joints[middle])
    sine = (torch.linalg.cross(first, second) * axes).sum(-1)
    cosine = (first * second).sum(-1)
    limits = joints.new_tensor([row[4] for row in rows])
    return Hinges(
        joints=middle,
        axes=axes,
        bent=torch.atan2(sine, cosine),
        lowest=limits[:, 0],
        highest=limits[:, 1],
    )


def flexion(pose: Float[Tensor, "P J 3"], table: Hinges) -> Float[Tensor, "P H"]:
    """Return how far each hinge is bent, rad."""
    return table.bent + (pose[:, table.joints] * table.axes).sum(-1)


def limit_cost(pose: Float[Tensor, "P J 3"], table: Hinges) -> Float[Tensor, ""]:
    """Return Σ (flexion beyond its range)²; 0 inside the range."""
    bent = flexion(pose, table)
    beyond = (bent - table.highest).clamp(min=0) + (table.lowest - bent).clamp(min=0)
    return (beyond**2).sum()


def off_axis_cost(pose: Float[Tensor, "P J 3"], table: Hinges) -> Float[Tensor, ""]:
    """Return Σ |r - (axis · r) axis|² of the knees and the fingers; forearms can turn."""
    turn = pose[:, table.joints]
    off = turn - (turn * table.axes).sum(-1, keepdim=True) * table.axes
    counts = torch.ones_like(table.bent)
    counts[2:4] = 0
    return ((off**2).sum(-1) * counts).sum()


def straight_knee_cost(
    pose: Float[Tensor, "P J 3"],
    table: Hinges,
    is_straight: Bool[Tensor, "P 2"],
    flexion_rad: float,
) -> Float[Tensor, ""]:
    """Return Σ (knee flexion - flexion of a straight leg)² over legs seen to be straight."""
    return ((flexion(pose, table)[:, :2] - flexion_rad) ** 2 * is_straight).sum()


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


def _swing(start: Float[Tensor, " 3"], end: Float[Tensor, " 3"]) -> Float[Tensor, " 3"]:
    """Return the least turn (axis-angle) from one unit vector to another."""
    axis = torch.linalg.cross(start, end)
    angle = torch.atan2(axis.norm(), (start * end).sum())
    return unit(axis) * angle


def _hinge_table() -> Sequence[tuple[str, str, str, tuple[float, ...], tuple[float, float]]]:
    """Left joint, joints before and after it, axis in the zero pose, least and largest flexion."""
    fingers = ("index", "middle", "ring", "pinky")
    knuckles = ((f"{f}1", "wrist", f"{f}2", (0.0, 0.0, -1.0), (-0.4, 1.7)) for f in fingers)
    middles = ((f"{f}2", f"{f}1", f"{f}3", (0.0, 0.0, -1.0), (-0.1, 1.8)) for f in fingers)
    return (
        ("knee", "hip", "ankle", (1.0, 0.0, 0.0), (0.0, 2.57)),
        ("elbow", "shoulder", "wrist", (0.0, -1.0, 0.0), (0.0, 2.55)),
        *knuckles,
        *middles,
    )
