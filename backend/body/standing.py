"""A reduced body as it stands in photos: the unknowns of a fit, and what follows from them."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from backend.body.kinematics import camera_from_bind, matrix_from_axis_angle, moved_joints
from backend.body.landmark_targets import USED_KEYPOINTS
from backend.body.reduced import ReducedBind, ReducedBody, moved_keypoints
from backend.geometry.placement import best_rotation

ROOT_KEYPOINTS = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
"""What turns a body before its limbs are known; the hips come last."""


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
    keypoints: Float[Tensor, "P K 3"],
    pose: Float[Tensor, "J 3"],
) -> Standing:
    """Return a body in a pose, turned by its shoulders and hips, with its hips in place.

    Args:
        body: Its keypoints are `USED_KEYPOINTS`.
        bind: Of the mean shape.
        keypoints: Where they are in the camera frames, m; only shoulders and hips count.
        pose: Axis-angle.
    """
    rows = [USED_KEYPOINTS.index(name) for name in ROOT_KEYPOINTS]
    identities = torch.eye(4, device=pose.device).expand(1, len(pose), 4, 4)
    corners = moved_keypoints(body, bind, identities)[0, rows]
    rotation = best_rotation(corners.expand(len(keypoints), -1, -1), keypoints[:, rows])
    hips = keypoints[:, rows[2:]].mean(1)
    return Standing(
        shape=torch.zeros_like(body.model.mean_shape),
        pose=pose.expand(len(keypoints), -1, -1).clone(),
        root=torch.zeros_like(hips),
        start=rotation,
        pelvis=hips + rotation @ (bind.joints[0] - corners[2:].mean(0)),
    )


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
