import pytest
import torch
from torch import Tensor

from backend.evaluate.protocols.pose import mpjpe_mm, pa_mpjpe_mm, pose_error


@pytest.fixture
def joints() -> Tensor:
    return torch.randn(3, 12, 3, generator=torch.Generator().manual_seed(0))


def test_a_shift_of_all_joints_costs_nothing(joints: Tensor) -> None:
    assert mpjpe_mm(joints + 1, joints) == pytest.approx(0, abs=1e-3)


def test_one_joint_off_by_12_mm_is_a_mean_of_1(joints: Tensor) -> None:
    wrong = joints.clone()
    wrong[:, 5, 1] += 0.012
    assert mpjpe_mm(wrong, joints) == pytest.approx(1, rel=1e-4)


def test_the_root_is_what_the_joints_are_measured_from(joints: Tensor) -> None:
    wrong = joints.clone()
    wrong[:, 5, 1] += 0.012
    assert mpjpe_mm(wrong, joints, root=5) == pytest.approx(11, rel=1e-4)


def test_procrustes_takes_away_size_place_and_turn(joints: Tensor) -> None:
    turn = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    error = pose_error(1.2 * joints @ turn.T + 3, joints)
    assert error.mpjpe_mm > 500
    assert error.pa_mpjpe_mm == pytest.approx(0, abs=1e-2)


def test_a_mirrored_pose_stays_wrong(joints: Tensor) -> None:
    assert pa_mpjpe_mm(joints * torch.tensor([-1, 1, 1]), joints) > 100
