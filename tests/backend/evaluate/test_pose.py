import torch

from backend.body.anny55 import Anny55
from backend.evaluate import pose, tables


def test_limbs_and_landmarks_are_the_same_joints(body: Anny55) -> None:
    names = [body.joint_names[joint] for joint in pose.LIMB_JOINTS]
    limbs = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
    assert names == [f"{side}_{limb}" for limb in limbs for side in ("left", "right")]
    assert pose.LIMB_POINTS == (23, 24, 25, 26, 27, 28, 11, 12, 13, 14, 15, 16)


def test_true_joints_have_no_error_and_shifted_ones_none_after_alignment() -> None:
    true = torch.rand(55, 3, generator=torch.Generator().manual_seed(0))
    points = torch.zeros(33, 3)
    points[list(pose.LIMB_POINTS)] = 2 * true[list(pose.LIMB_JOINTS)] + 1
    found = pose.joint_errors(true + 0.5, points, true)
    assert max(found.values()) < 1e-3


def test_refused_photos_are_counted_beside() -> None:
    measured = {"kind": "easy", **dict.fromkeys(pose.METRICS, 4.0)}
    rows = {"suit": {"photos": [measured, {"kind": "easy", "refused": "Nobody is seen."}]}}
    found = pose.summary(rows, {"suit": "fitted"})
    assert (found["easy"]["pa_mpjpe_mm"], found["easy"]["refused"]) == (4.0, 1)
    assert found["hard"]["pa_mpjpe_mm"] is None
    assert "| hard | – |" in tables.pose_table(found)
