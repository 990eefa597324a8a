from pathlib import Path

import numpy as np
import pytest
import torch

from backend.body.anny55 import Anny55
from backend.body.kinematics import axis_angle_from_matrix, bones_of, moved_joints
from backend.evaluate import pose_noise
from backend.evaluate.inputs import poses_of
from backend.evaluate.truth import Given, read_given


@pytest.fixture
def given(subject_folder: Path) -> Given:
    return read_given(subject_folder)


def disturbed(given: Given, body: Anny55, name: str = "suit", **noise: float) -> Given:
    pelvis = body.bind(given.shape).joints[0]
    return pose_noise.disturbed(given, pelvis, name, pose_noise.PoseNoise(**noise))


def test_noise_hangs_on_the_name_alone(given: Given, body: Anny55) -> None:
    one, same, other = (disturbed(given, body, name) for name in ("suit", "suit", "dress"))
    assert torch.equal(one.rotations, same.rotations)
    assert torch.equal(one.camera_from_body, same.camera_from_body)
    assert not torch.equal(one.rotations, other.rotations)


def test_joints_turn_by_the_stated_angle(given: Given, body: Anny55) -> None:
    found = [disturbed(given, body, str(k)) for k in range(40)]
    turns = torch.stack([one.rotations @ given.rotations.mT for one in found])
    vectors = axis_angle_from_matrix(turns)[:, :, 1:22].numpy()
    assert vectors.std() == pytest.approx(0.05, rel=0.05)
    roots = torch.stack([one.camera_from_body for one in found])
    assert axis_angle_from_matrix(roots[..., :3, :3]).std() == pytest.approx(0.05, rel=0.15)


def test_hands_and_the_pelvis_row_stay(given: Given, body: Anny55) -> None:
    found = disturbed(given, body)
    assert torch.equal(found.rotations[:, 22:], given.rotations[:, 22:])
    assert torch.equal(found.rotations[:, 0], given.rotations[:, 0])


def test_the_root_turns_about_the_pelvis(given: Given, body: Anny55) -> None:
    found = disturbed(given, body, root_m=0.0)
    pelvis = body.bind(given.shape).joints[0]
    posed = moved_joints(pelvis[None], found.camera_from_body[:, None])[:, 0]
    np.testing.assert_allclose(posed, pelvis.expand(2, 3), atol=1e-6)


def test_a_shifted_root_moves_no_joint_against_the_pelvis(given: Given, body: Anny55) -> None:
    true = poses_of(given, body)
    shifted = poses_of(disturbed(given, body, joint_rad=0.0), body)
    assert pose_noise.joint_error_mm(shifted, true) == pytest.approx(0, abs=1e-3)
    shift = moved_joints(true.joints, bones_of(shifted)) - moved_joints(true.joints, bones_of(true))
    assert shift.abs().max() > 0.005


def test_disturbed_joints_are_centimetres_off(given: Given, body: Anny55) -> None:
    true, found = poses_of(given, body), poses_of(disturbed(given, body), body)
    assert 20 < pose_noise.joint_error_mm(found, true) < 100


def test_half_of_the_loss_regained_is_half() -> None:
    assert pose_noise.recovered(true=1.0, disturbed=3.0, registered=2.0) == 0.5


def test_where_nothing_is_lost_nothing_can_be_regained() -> None:
    assert pose_noise.recovered(true=1.0, disturbed=1.001, registered=1.0) is None


def test_a_subject_whose_row_failed_is_left_out() -> None:
    row = {"chamfer_cm": 1.0, "joint_error_mm": 5.0}
    good = {"pipeline": row, "pose_noise_before": {**row, "chamfer_cm": 3.0}, "pose_noise": row}
    found = pose_noise.summary({"suit": good, "dress": {**good, "pose_noise": {"failed": "x"}}})
    assert (found["recovered"], found["joint_error_mm"], found["count"]) == (1.0, 5.0, 1)
    assert found["subjects"]["dress"] is None
