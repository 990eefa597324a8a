"""Joint rotations that lay arms and legs along given directions, in closed form."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from backend.body.hinges import Hinges
from backend.body.kinematics import axis_angle_from_matrix, swing
from backend.body.model import BodyModel

LIMBS = (
    ("hip", "knee", "ankle"),
    ("shoulder", "elbow", "wrist"),
)
"""Joints of a leg and an arm, in the order in which `hinges` lists knees and elbows."""
STRAIGHT = 0.25
"""Sine of the bend at which the limb's own plane and the bind pose's count the same."""


def limb_rows(body: BodyModel) -> Int[Tensor, "4 3"]:
    """Return the joints of left leg, right leg, left arm, right arm, from the trunk outwards."""
    rows = [
        [body.joint_names.index(f"{side}_{part}") for part in limb]
        for limb in LIMBS
        for side in ("left", "right")
    ]
    return torch.tensor(rows, device=body.weights.device)


def limb_pose(
    body: BodyModel,
    joints: Float[Tensor, "J 3"],
    table: Hinges,
    directions: Float[Tensor, "P 4 2 3"],
) -> Float[Tensor, "P J 3"]:
    """Return the pose (axis-angle) whose limbs point along directions; the trunk stays as bound.

    The upper bone's turn takes bone and hinge axis onto their targets, u and u × l, where l is the
    lower bone; a straight limb has no plane of its own and keeps that of the bind pose. The lower
    bone then bends about the hinge alone.

    Args:
        body: Its joint names count.
        joints: Bind pose.
        table: The body's hinges; the first four are knees and elbows.
        directions: Upper and lower bone of `limb_rows`' limbs, body axes, length 1.
    """
    rows = limb_rows(body)
    upper, lower = directions.unbind(2)
    bone = normalize(joints[rows[:, 1]] - joints[rows[:, 0]], dim=-1)
    axis = table.axes[:4]
    carried = (swing(bone.expand_as(upper), upper) @ axis[..., None])[..., 0]
    bent = torch.linalg.cross(upper, lower)
    hinge = normalize(bent + STRAIGHT * carried, dim=-1)
    turn = _frame(upper, hinge) @ _frame(bone, axis).transpose(-1, -2)
    flexion = torch.atan2((bent * hinge).sum(-1), (upper * lower).sum(-1)) - table.bent[:4]
    pose = joints.new_zeros(len(directions), *joints.shape)
    pose[:, rows[:, 0]] = axis_angle_from_matrix(turn)
    pose[:, rows[:, 1]] = flexion[..., None] * axis
    return pose


def _frame(first: Float[Tensor, "*N 3"], second: Float[Tensor, "*N 3"]) -> Float[Tensor, "*N 3 3"]:
    """Right-handed axes as columns: the first vector, the second's part across it, the rest."""
    across = normalize(second - (second * first).sum(-1, keepdim=True) * first, dim=-1)
    return torch.stack([first, across, torch.linalg.cross(first, across)], dim=-1)
