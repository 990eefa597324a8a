"""SMPL-X's zero pose (a T-pose) for a body that is bound in another pose."""

import torch
from jaxtyping import Float
from torch import Tensor

from backend.body.kinematics import swing
from shared.skeleton import JOINT_NAMES, PARENTS

DOWN = (0.0, -1.0, 0.0)
ALONG = {"left": (1.0, 0.0, 0.0), "right": (-1.0, 0.0, 0.0)}
THUMB = {"left": (0.7, -0.14, 0.7), "right": (-0.7, -0.14, 0.7)}
"""Forward and outward in equal parts and a little down, as SMPL-X's flat hand holds its thumbs."""

FINGERS = ("index", "middle", "ring", "pinky", "thumb")
STAGES = (
    {"hip": "knee", "shoulder": "elbow"},
    {"knee": "ankle", "elbow": "wrist"},
    {"wrist": "middle1"},
    {f"{finger}1": f"{finger}2" for finger in FINGERS},
    {f"{finger}2": f"{finger}3" for finger in FINGERS},
)
"""What is straightened one after the other, and the joint that each bone points at."""


def swing_to_zero(joints: Float[Tensor, "J 3"]) -> Float[Tensor, "J 3 3"]:
    """Return each bone's rotation Z_j (in body axes) from the bind pose into the zero pose.

    Z_j = swing(Z_parent d_j -> t_j) Z_parent, with d_j the bone's direction in the bind pose and
    t_j its direction in the zero pose: arms and fingers along +-X, legs along -Y. So each joint
    turns by the least angle and no bone is twisted. Trunk, head, collars and feet stay as they are
    bound; the last bones of the fingers follow the one before.

    Args:
        joints: Bind pose, body frame, metres.
    """
    zero = list(torch.eye(3, dtype=joints.dtype, device=joints.device).expand(55, 3, 3))
    for stage in STAGES:
        names = [(side, part, end) for side in ("left", "right") for part, end in stage.items()]
        bones = [JOINT_NAMES.index(f"{side}_{part}") for side, part, _ in names]
        ends = [JOINT_NAMES.index(f"{side}_{end}") for side, _, end in names]
        targets = joints.new_tensor([_target(side, part) for side, part, _ in names])
        above = torch.stack([zero[PARENTS[bone]] for bone in bones])
        directions = (above @ (joints[ends] - joints[bones])[..., None])[..., 0]
        turned = swing(directions, targets) @ above
        for bone, matrix in zip(bones, turned, strict=True):
            zero[bone] = matrix
    for name in (f"{side}_{finger}3" for side in ("left", "right") for finger in FINGERS):
        bone = JOINT_NAMES.index(name)
        zero[bone] = zero[PARENTS[bone]]
    return torch.stack(zero)


def _target(side: str, part: str) -> tuple[float, float, float]:
    """Return the direction of a bone in the zero pose."""
    if part in {"hip", "knee"}:
        return DOWN
    return THUMB[side] if part.startswith("thumb") else ALONG[side]


def bind_from_smplx(
    parameters: Float[Tensor, "*P J 3 3"],
    zero_from_bind: Float[Tensor, "J 3 3"],
    parents: tuple[int, ...],
) -> Float[Tensor, "*P J 3 3"]:
    """Turn SMPL-X's pose parameters into rotations relative to the bind pose.

    R_j = Z_parent^T theta_j Z_j

    In SMPL-X, bone j has turned by Theta_j = Theta_parent theta_j since the zero pose, and so by
    G_j = Theta_j Z_j since the bind pose. Relative to its parent that is
    R_j = G_parent^T G_j = Z_parent^T Theta_parent^T Theta_parent theta_j Z_j. The pelvis has no
    parent: R_0 = theta_0 Z_0.

    Args:
        parameters: theta_j as matrices (`matrix_from_axis_angle`), hands without SMPL-X's mean.
        zero_from_bind: Z_j of the body's shape.
        parents: Of each joint; -1 for the root, which comes first.
    """
    return _above(zero_from_bind, parents).mT @ parameters @ zero_from_bind


def smplx_from_bind(
    rotations: Float[Tensor, "*P J 3 3"],
    zero_from_bind: Float[Tensor, "J 3 3"],
    parents: tuple[int, ...],
) -> Float[Tensor, "*P J 3 3"]:
    """Undo `bind_from_smplx`: theta_j = Z_parent R_j Z_j^T.

    Args:
        rotations: R_j, relative to parent and bind pose, in body axes.
        zero_from_bind: Z_j of the body's shape.
        parents: Of each joint; -1 for the root, which comes first.
    """
    return _above(zero_from_bind, parents) @ rotations @ zero_from_bind.mT


def _above(zero: Float[Tensor, "J 3 3"], parents: tuple[int, ...]) -> Float[Tensor, "J 3 3"]:
    """Return Z of each joint's parent; the identity above the root."""
    root = torch.eye(3, dtype=zero.dtype, device=zero.device)[None]
    return torch.cat([root, zero[list(parents[1:])]])
