"""Joints that bend about one axis: knees, elbows, fingers."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from backend.body.model import BodyModel


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
    first, second = (
        normalize(joints[middle] - joints[before], dim=-1),
        normalize(joints[after] - joints[middle], dim=-1),
    )
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
