"""A reduced body as it stands in photos: the unknowns of a fit, and what follows from them."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from backend.body.hinges import Hinges
from backend.body.kinematics import camera_from_bind, matrix_from_axis_angle, moved_joints
from backend.body.landmark_targets import USED_KEYPOINTS, unit
from backend.body.limb_pose import LIMBS, limb_pose
from backend.body.priors import standing_limbs
from backend.body.reduced import ReducedBind, ReducedBody, moved_keypoints
from backend.geometry.placement import best_rotation

ROOT_KEYPOINTS = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
"""What turns a body before its limbs are known; the hips come last."""

HIDDEN = 0.06
"""Squared visibility up to which a limb starts hanging."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One body in P photos."""

    shape: Float[Tensor, " B"]
    """Before the tanh of `priors.ShapeRange`."""
    pose: Float[Tensor, "P J 3"]
    """Axis-angle, relative to parent and bind pose, body axes; the pelvis's row counts nowhere."""
    root: Float[Tensor, "P 3"]
    """Axis-angle in camera axes, a turn after `start`."""
    start: Float[Tensor, "P 3 3"]
    """Camera axes from body axes."""
    pelvis: Float[Tensor, "P 3"]
    """Camera frame, m."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posed:
    """A reduced body in the camera frames of P photos, m."""

    keypoints: Float[Tensor, "P K 3"]
    joints: Float[Tensor, "P J 3"]
    matrices: Float[Tensor, "P J 4 4"]
    """Camera frame from bind pose."""


def standing_at(
    body: ReducedBody,
    bind: ReducedBind,
    table: Hinges,
    keypoints: Float[Tensor, "P K 3"],
    *,
    visibility: Float[Tensor, "P K"],
) -> Standing:
    """Return a body turned by its shoulders and hips, its limbs along the keypoints'.

    Args:
        body: Its keypoints are `USED_KEYPOINTS`.
        bind: Of the mean shape.
        table: The body's hinges.
        keypoints: Where they are in the camera frames, m, for a body of another shape.
        visibility: Bones with an end below `HIDDEN` hang as those of a standing person.
    """
    rows = [USED_KEYPOINTS.index(name) for name in ROOT_KEYPOINTS]
    identities = torch.eye(4, device=keypoints.device).expand(1, len(bind.joints), 4, 4)
    corners = moved_keypoints(body, bind, identities)[0, rows]
    rotation = best_rotation(corners.expand(len(keypoints), -1, -1), keypoints[:, rows])
    directions = _limb_directions(keypoints @ rotation, visibility > HIDDEN)
    hips = keypoints[:, rows[2:]].mean(1)
    return Standing(
        shape=torch.zeros_like(body.model.mean_shape),
        pose=limb_pose(body.model, bind.joints, table, directions),
        root=torch.zeros_like(hips),
        start=rotation,
        pelvis=hips + rotation @ (bind.joints[0] - corners[2:].mean(0)),
    )


def _limb_directions(
    keypoints: Float[Tensor, "P K 3"], is_seen: Bool[Tensor, "P K"]
) -> Float[Tensor, "P 4 2 3"]:
    """Along the limbs from keypoint to keypoint, and as when standing where one is not seen."""
    names = [[f"{side}_{part}" for part in limb] for limb in LIMBS for side in ("left", "right")]
    rows = [[USED_KEYPOINTS.index(name) for name in limb] for limb in names]
    bones = unit(keypoints[:, rows].diff(dim=2))
    has_ends = is_seen[:, rows][..., :-1] & is_seen[:, rows][..., 1:]
    return torch.where(has_ends[..., None], bones, standing_limbs(keypoints.device))


def joint_rotations(standing: Standing, is_free: Float[Tensor, "J 1"]) -> Float[Tensor, "P J 3 3"]:
    """Return the rotations of the joints; those that are not free stay as they are bound."""
    return matrix_from_axis_angle(standing.pose * is_free)


def camera_from_body(
    standing: Standing, bind_pelvis: Float[Tensor, " 3"]
) -> Float[Tensor, "P 4 4"]:
    """Return the rigid transforms that move the bind-pose body with its pelvis."""
    rotation = matrix_from_axis_angle(standing.root) @ standing.start
    shift = standing.pelvis - rotation @ bind_pelvis
    last = rotation.new_tensor([0, 0, 0, 1]).expand(len(rotation), 1, 4)
    return torch.cat([torch.cat([rotation, shift[..., None]], -1), last], 1)


def posed_body(
    body: ReducedBody, bind: ReducedBind, standing: Standing, is_free: Float[Tensor, "J 1"]
) -> Posed:
    """Return keypoints, joints and bone matrices of a bound body in the photos."""
    matrices = camera_from_bind(
        bind.joints,
        body.model.parents,
        joint_rotations(standing, is_free),
        camera_from_body(standing, bind.joints[0]),
    )
    return Posed(
        keypoints=moved_keypoints(body, bind, matrices),
        joints=moved_joints(bind.joints, matrices),
        matrices=matrices,
    )
