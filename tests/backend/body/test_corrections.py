import pytest
import torch

from backend.body.corrections import (
    Corrections,
    Sizes,
    bounded,
    common_cost,
    corrected,
    no_corrections,
    seen_surface,
)
from backend.body.kinematics import bones_of, matrix_from_axis_angle
from backend.types import Poses

SIZES = Sizes(turn_rad=torch.tensor([0.1, 0.2, 0.0]), shift_m=0.05, log_focal=0.02)


@pytest.fixture
def poses() -> Poses:
    generator = torch.Generator().manual_seed(0)
    camera_from_body = torch.eye(4).repeat(2, 1, 1)
    camera_from_body[:, 2, 3] = 3
    return Poses(
        joints=torch.tensor([[0.0, 1, 0], [0, 1.3, 0], [0, 1.6, 0]]),
        parents=(-1, 0, 1),
        rotations=matrix_from_axis_angle(0.4 * torch.randn(2, 3, 3, generator=generator)),
        camera_from_body=camera_from_body,
    )


def test_no_corrections_change_nothing(poses: Poses) -> None:
    same = corrected(poses, no_corrections(poses))
    assert torch.equal(same.rotations, poses.rotations)
    assert torch.equal(same.camera_from_body, poses.camera_from_body)


def test_a_turn_of_a_joint_is_a_turn_of_the_bind_pose(poses: Poses) -> None:
    nothing = no_corrections(poses)
    turns = nothing.turns.clone()
    turns[:, 2] = torch.tensor([0.0, 0, 0.7])
    moved = corrected(
        poses, Corrections(turns=turns, shifts=nothing.shifts, log_focal=nothing.log_focal)
    )
    point, joint = torch.tensor([0.3, 1.9, 0.2]), poses.joints[2]
    turned = joint + matrix_from_axis_angle(torch.tensor([0.0, 0, 0.7])) @ (point - joint)
    ones = torch.ones(1)
    after = bones_of(moved)[:, 2] @ torch.cat([point, ones])
    torch.testing.assert_close(after, bones_of(poses)[:, 2] @ torch.cat([turned, ones]))


def test_the_pelvis_turns_on_the_spot(poses: Poses) -> None:
    nothing = no_corrections(poses)
    turns = nothing.turns.clone()
    turns[:, 0, 1] = 0.5
    moved = corrected(
        poses, Corrections(turns=turns, shifts=nothing.shifts, log_focal=nothing.log_focal)
    )
    pelvis = torch.cat([poses.joints[0], torch.ones(1)])
    torch.testing.assert_close(moved.camera_from_body @ pelvis, poses.camera_from_body @ pelvis)
    assert torch.equal(moved.rotations[:, 0], poses.rotations[:, 0])


def test_a_longer_focal_length_widens_but_does_not_deepen(poses: Poses) -> None:
    nothing, rest = no_corrections(poses), torch.tensor([[[0.2, 1.5, 0.1]]])
    longer = Corrections(
        turns=nothing.turns, shifts=nothing.shifts, log_focal=torch.tensor([0.1, 0.0])
    )
    weights = torch.tensor([[0.0, 1.0, 0.0]])
    before, after = (seen_surface(rest, weights, poses, one)[0, 0] for one in (nothing, longer))
    factor = torch.tensor(0.1).exp()
    torch.testing.assert_close(after, before * torch.stack([factor, factor, torch.tensor(1.0)]))


def test_bounds_shorten_and_switch_off() -> None:
    large = Corrections(
        turns=torch.full((1, 3, 3), 3.0), shifts=torch.full((1, 3), -1.0), log_focal=torch.ones(1)
    )
    small = bounded(large, SIZES)
    torch.testing.assert_close(small.turns.norm(dim=-1), SIZES.turn_rad[None])
    assert float(small.shifts.norm()) == pytest.approx(0.05)
    assert float(small.log_focal) == pytest.approx(0.02)


def test_only_the_mean_over_photos_is_common() -> None:
    turns = torch.zeros(2, 3, 3)
    turns[0, 1, 0], turns[1, 1, 0] = 0.4, -0.4
    scales = Sizes(turn_rad=torch.tensor([0.1, 0.2, 0.1]), shift_m=0.05, log_focal=0.02)
    split = Corrections(turns=turns, shifts=torch.zeros(2, 3), log_focal=torch.zeros(2))
    alike = Corrections(turns=turns.abs(), shifts=torch.zeros(2, 3), log_focal=torch.zeros(2))
    assert float(common_cost(split, scales)) == 0
    assert float(common_cost(alike, scales)) == pytest.approx((0.4 / 0.2) ** 2)
