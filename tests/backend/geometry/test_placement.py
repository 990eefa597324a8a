import math

import torch

from backend.body.kinematics import matrix_from_axis_angle
from backend.geometry.placement import (
    best_rotation,
    project,
    translation_before_camera,
    untilted,
)

INTRINSICS = torch.tensor([[[800.0, 0, 300], [0, 800, 400], [0, 0, 1]]])


def points(count: int) -> torch.Tensor:
    return torch.randn(1, count, 3, generator=torch.Generator().manual_seed(0))


def test_best_rotation_finds_the_turn_of_a_flat_set() -> None:
    flat = points(4) * torch.tensor([1.0, 1.0, 0.0])
    turn = matrix_from_axis_angle(torch.tensor([[0.4, 2.8, -0.3]]))
    assert torch.allclose(best_rotation(flat, flat @ turn.transpose(1, 2)), turn, atol=1e-5)


def test_best_rotation_never_mirrors() -> None:
    source = points(6)
    mirrored = source * torch.tensor([-1.0, 1.0, 1.0])
    assert torch.allclose(torch.det(best_rotation(source, mirrored)), torch.ones(1))


def test_translation_puts_points_on_their_pixels() -> None:
    cloud, shift = points(9) * 0.4, torch.tensor([[0.3, -0.2, 3.0]])
    seen = project(cloud + shift, INTRINSICS)
    found = translation_before_camera(cloud, seen, torch.ones(1, 9), INTRINSICS)
    assert torch.allclose(found, shift, atol=1e-4)


def test_translation_does_not_look_at_points_without_weight() -> None:
    cloud, shift = points(9) * 0.4, torch.tensor([[0.3, -0.2, 3.0]])
    seen = project(cloud + shift, INTRINSICS)
    seen[0, 0] += 500
    weights = torch.ones(1, 9)
    weights[0, 0] = 0
    found = translation_before_camera(cloud, seen, weights, INTRINSICS)
    assert torch.allclose(found, shift, atol=1e-4)


def test_untilted_takes_the_depth_out_of_the_line_up_and_nothing_else() -> None:
    up = torch.tensor([[0.1, -1.0, -math.tan(0.3)]])
    turned = untilted(up[:, None], up)[0, 0]
    assert torch.allclose(turned, torch.tensor([0.1, -1 / math.cos(0.3), 0.0]), atol=1e-6)


def test_untilted_is_rigid() -> None:
    cloud = points(5)
    turned = untilted(cloud, torch.tensor([[0.0, -1.0, 0.4]]))
    assert torch.allclose(torch.cdist(turned, turned), torch.cdist(cloud, cloud), atol=1e-4)


def test_points_behind_the_camera_have_finite_pixels() -> None:
    assert project(torch.tensor([[[0.1, 0.1, -1.0]]]), INTRINSICS).isfinite().all()
