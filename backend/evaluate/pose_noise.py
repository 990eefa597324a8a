"""Disturbed poses, and what registration finds again of what they cost."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from backend.body.kinematics import bones_of, matrix_from_axis_angle, moved_joints
from backend.evaluate.protocols.pose import mpjpe_mm
from backend.evaluate.truth import Given
from backend.types import Poses

BODY_JOINTS = 22
"""SMPL-X's first joints: without jaw, eyes and fingers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseNoise:
    """Standard deviations of the normal distributions that disturb poses."""

    joint_rad: float = 0.05
    """Of each component of the rotation vectors of the body's joints, the pelvis among them."""
    root_m: float = 0.02
    """Of the translation, along each axis."""


DEFAULT = PoseNoise()
POSED_ROWS = ("pipeline", "pose_noise_before", "pose_noise")
"""Made from true poses, from disturbed ones as they are, and from disturbed ones that were
registered: rows whose poses are compared."""
LEAST_LOSS_CM = 0.005
"""Of Chamfer distance: a share of less says nothing."""
KEYS = (
    "recovered",
    "chamfer_true_cm",
    "chamfer_before_cm",
    "chamfer_cm",
    "joint_error_true_mm",
    "joint_error_before_mm",
    "joint_error_mm",
)
"""Share of the Chamfer distance that registration regains; then both errors of `POSED_ROWS`."""


def disturbed(
    given: Given, pelvis: Float[Tensor, " 3"], name: str, noise: PoseNoise = DEFAULT
) -> Given:
    """Return the input of a row with other poses than those of the scans.

    Args:
        given: With the true poses.
        pelvis: Bind pose, body frame, metres; what the whole body is turned about.
        name: Of the subject; the noise hangs on it alone.
        noise: See there.
    """
    draw = np.random.default_rng(zlib.crc32(name.encode()))
    count = len(given.rotations)
    vectors = draw.normal(0, noise.joint_rad, (count, BODY_JOINTS, 3))
    shifts = draw.normal(0, noise.root_m, (count, 3))
    turns = matrix_from_axis_angle(torch.from_numpy(vectors)).to(given.rotations)
    rotations = given.rotations.clone()
    rotations[:, 1:BODY_JOINTS] = turns[:, 1:] @ rotations[:, 1:BODY_JOINTS]
    root = torch.eye(4).to(rotations).repeat(count, 1, 1)
    root[:, :3, :3] = turns[:, 0]
    root[:, :3, 3] = pelvis - turns[:, 0] @ pelvis + torch.from_numpy(shifts).to(pelvis)
    camera_from_body = given.camera_from_body @ root
    return replace(given, rotations=rotations, camera_from_body=camera_from_body)


def joint_error_mm(poses: Poses, true: Poses) -> float:
    """Return the mean distance of the body's joints in all photos, pelvis laid on pelvis."""
    posed, expected = (moved_joints(one.joints, bones_of(one)) for one in (poses, true))
    return mpjpe_mm(posed[:, :BODY_JOINTS], expected[:, :BODY_JOINTS])


def recovered(true: float, disturbed: float, registered: float) -> float | None:
    """Return the share of a lost distance that registration regains; None if none is lost.

    (C_disturbed - C_registered) / (C_disturbed - C_true)

    Args:
        true: Centimetres to the true surface with true poses.
        disturbed: The same with disturbed ones.
        registered: The same with disturbed ones that were registered.
    """
    lost = disturbed - true
    return (disturbed - registered) / lost if lost > LEAST_LOSS_CM else None


def summary(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the means over the subjects, and each subject's figures.

    Args:
        rows: By subject, as `fusion.measure` returns them.
    """
    found = {name: of_subject(one) for name, one in rows.items()}
    measured = [one for one in found.values() if one is not None]
    means = {key: _mean([one[key] for one in measured]) for key in KEYS}
    return {**means, "count": len(measured), "subjects": found}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def of_subject(rows: Mapping[str, Any]) -> dict[str, float | None] | None:
    """Return what became of a subject's disturbed poses; None if a row of it has failed.

    Args:
        rows: Figures of the canonical surfaces, among them `POSED_ROWS`.
    """
    three = [rows.get(row, {}) for row in POSED_ROWS]
    if not all("joint_error_mm" in row for row in three):
        return None
    chamfer = [row["chamfer_cm"] for row in three]
    joints = [row["joint_error_mm"] for row in three]
    return dict(zip(KEYS, [recovered(*chamfer), *chamfer, *joints], strict=True))
