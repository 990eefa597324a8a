"""Limbs of a posed body, for tests."""

import math

import torch

from backend.body.anny55 import Anny55
from backend.body.kinematics import bone_matrices, matrix_from_axis_angle, moved_joints


def posed(body: Anny55, joints: torch.Tensor, pose: torch.Tensor) -> torch.Tensor:
    """Joints of a pose given by axis-angles (J 3)."""
    bones = bone_matrices(joints, body.parents, matrix_from_axis_angle(pose))
    return moved_joints(joints, bones)


def bend(points: torch.Tensor, body: Anny55, names: tuple[str, str, str]) -> float:
    """Angle (radians) between the two bones of three joints."""
    start, middle, end = (points[body.joint_names.index(name)] for name in names)
    cosine = torch.cosine_similarity(middle - start, end - middle, dim=0)
    return math.acos(cosine.clamp(-1, 1))
