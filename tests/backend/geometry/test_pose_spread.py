import math

import pytest
import torch

from backend.geometry.pose_spread import pose_spread, softened_weights


def two_bones(angle_rad: float) -> torch.Tensor:
    """One bone that rests, and one that turns around the z axis through the origin."""
    bones = torch.eye(4).repeat(2, 1, 1)
    cosine, sine = math.cos(angle_rad), math.sin(angle_rad)
    bones[1, :2, :2] = torch.tensor([[cosine, -sine], [sine, cosine]])
    return bones


@pytest.mark.parametrize("angle_rad", [0.0, 0.3, 1.5])
def test_two_bones_of_equal_weight_are_half_a_chord_from_their_mean(angle_rad: float) -> None:
    points = torch.tensor([[0.1, 0.0, 0.4], [0.3, 0.4, 0.0]])
    spread = pose_spread(points, torch.full((2, 2), 0.5), two_bones(angle_rad))
    chord = 2 * torch.tensor([0.1, 0.5]) * math.sin(angle_rad / 2)
    assert torch.allclose(spread, chord / 2, atol=1e-6)


def test_one_bone_alone_has_no_spread() -> None:
    spread = pose_spread(torch.rand(5, 3), torch.tensor([[0.0, 1.0]]).repeat(5, 1), two_bones(1.0))
    assert spread.max() < 1e-3  # single precision of the matrices; 1 cm is what counts


def test_a_motion_of_the_whole_changes_no_spread() -> None:
    points, weights = torch.rand(5, 3), torch.full((5, 2), 0.5)
    moved = torch.eye(4)
    moved[:3, 3] = torch.tensor([3.0, -2.0, 8.0])
    far = pose_spread(points, weights, moved @ two_bones(0.7))
    assert torch.allclose(far, pose_spread(points, weights, two_bones(0.7)), atol=1e-5)


def test_weights_soften_where_two_bones_meet_and_stay_far_from_it() -> None:
    line = torch.zeros(200, 3)
    line[:, 0] = torch.linspace(-0.3, 0.3, 200)
    weights = torch.stack([line[:, 0] < 0, line[:, 0] >= 0], 1).float()
    soft = softened_weights(weights, line, 0.03)
    assert torch.allclose(soft.sum(1), torch.ones(200), atol=1e-5)
    assert 0.2 < soft[100, 0] < 0.8
    assert soft[0, 0] > 0.99
    assert soft[-1, 1] > 0.99
