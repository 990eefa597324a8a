"""Cavities and floating parts of volumes."""

import torch

from backend.geometry.solids import enclosed, largest_part, solid_part


def ball(size: int, centre: float, radius: float) -> torch.Tensor:
    axis = torch.arange(size) - centre
    return (axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2).sqrt() - radius


def test_hollow_ball_is_filled() -> None:
    shell = torch.maximum(ball(24, 12, 9), 5 - (ball(24, 12, 9) + 9))
    assert solid_part(shell)[12, 12, 12] < 0 < shell[12, 12, 12]


def test_open_shell_is_not_filled() -> None:
    shell = torch.maximum(ball(24, 12, 9), 5 - (ball(24, 12, 9) + 9))
    shell[12, 12, 12:] = 1.0
    assert solid_part(shell)[12, 12, 12] > 0


def test_floating_part_is_dropped() -> None:
    both = torch.minimum(ball(32, 12, 8), ball(32, 28, 2))
    solid = solid_part(both)
    assert solid[12, 12, 12] < 0 < solid[28, 28, 28]


def test_values_keep_their_size() -> None:
    both = torch.minimum(ball(32, 12, 8), ball(32, 28, 2))
    assert torch.allclose(solid_part(both).abs(), both.abs(), atol=1e-5)


def test_enclosed_and_largest_agree_on_plain_cases() -> None:
    solid = ball(16, 8, 4) < 0
    assert not enclosed(~solid).any()
    assert torch.equal(largest_part(solid), solid)
