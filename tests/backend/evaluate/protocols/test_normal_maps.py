import math
from collections.abc import Callable

import pytest
import torch

from backend.evaluate.protocols.mesh import Surface
from backend.evaluate.protocols.normal_maps import map_errors, normal_map

ORIGIN = torch.zeros(3)


def seen_at(surface: Surface, yaw_rad: float) -> tuple[float, float]:
    """Right and up of the middle of what is seen, as a share of half the picture."""
    seen = normal_map(surface, yaw_rad, ORIGIN, half_width_m=1.0, size_px=64).any(-1).nonzero()
    row, column = (seen.double().mean(0) + 0.5).tolist()
    return column / 32 - 1, 1 - row / 32


def test_red_is_right_green_is_up_blue_is_towards_the_viewer(ball: Callable[..., Surface]) -> None:
    image = normal_map(ball(1.0), 0.0, ORIGIN, half_width_m=1.0, size_px=65)
    assert image[32, 32].tolist() == pytest.approx([0.5, 0.5, 1], abs=0.02)
    assert image[32, 62, 0] > 0.9
    assert image[2, 32, 1] > 0.9
    assert image[0, 0].tolist() == [0, 0, 0]


def test_rays_are_parallel(ball: Callable[..., Surface]) -> None:
    near = normal_map(ball(0.5, (0, 0, 0.4)), 0.0, ORIGIN, half_width_m=1.0).any(-1).sum()
    far = normal_map(ball(0.5, (0, 0, -0.4)), 0.0, ORIGIN, half_width_m=1.0).any(-1).sum()
    assert int(near) == pytest.approx(math.pi * 256**2 / 4, rel=0.003)
    assert int(near) == pytest.approx(int(far), rel=0.003)


@pytest.mark.parametrize(
    ("yaw_rad", "right"), [(0.0, 0.0), (math.pi / 2, -0.5), (-math.pi / 2, 0.5)]
)
def test_from_the_persons_left_the_front_is_on_the_left(
    ball: Callable[..., Surface], yaw_rad: float, right: float
) -> None:
    nose = ball(0.2, (0, 0.3, 0.5))
    assert seen_at(nose, yaw_rad) == pytest.approx((right, 0.3), abs=0.01)


def test_the_persons_left_is_on_the_right_in_front_and_on_the_left_behind(
    ball: Callable[..., Surface],
) -> None:
    left_hand = ball(0.2, (0.5, 0, 0))
    assert seen_at(left_hand, 0.0) == pytest.approx((0.5, 0), abs=0.01)
    assert seen_at(left_hand, math.pi) == pytest.approx((-0.5, 0), abs=0.01)


def test_the_error_of_a_tilt_is_half_of_one_minus_its_cosine(wall: Callable[..., Surface]) -> None:
    errors = map_errors(wall(0.3), wall(), (0.0, math.pi), centre=ORIGIN, half_width_m=1.0)
    assert errors == pytest.approx([(1 - math.cos(0.3)) / 2] * 2, rel=1e-4)


def test_a_missing_surface_costs_the_whole_colour(
    ball: Callable[..., Surface], wall: Callable[..., Surface]
) -> None:
    nowhere = ball(0.1, (9.0, 0, 0))
    errors = map_errors(nowhere, wall(), (0.0, math.pi), centre=ORIGIN, half_width_m=1.0)
    assert errors == pytest.approx([0.25 + 0.25 + 1, 0.25 + 0.25 + 0])
