import math
from collections.abc import Callable
from dataclasses import asdict, replace

import pytest
import torch

from backend.evaluate.protocols.cfusion import cfusion
from backend.evaluate.protocols.mesh import Surface

RIM = (2 / 3 * (1 - math.cos(3 * math.pi / 4)) - 2 * (1 - math.cos(math.pi / 4))) / 2
"""Mean distance of a unit sphere to its upper half: chords 2 sin(phi / 2) of the lower half."""


def test_a_sphere_of_one_more_centimetre_is_one_centimetre_away(
    ball: Callable[..., Surface],
) -> None:
    result = cfusion(ball(0.31), ball(0.30))
    assert result.p2s_cm == pytest.approx(1, rel=0.01)
    assert result.p2s_back_cm == pytest.approx(1, rel=0.01)
    assert result.chamfer_cm == pytest.approx(1, rel=0.01)


def test_a_missing_half_is_seen_from_the_truth_alone(ball: Callable[..., Surface]) -> None:
    sphere = ball(0.3)
    upper = sphere.vertices[sphere.faces].mean(1)[:, 1] > 0
    result = cfusion(Surface(vertices=sphere.vertices, faces=sphere.faces[upper]), sphere)
    assert result.p2s_cm == pytest.approx(0, abs=1e-4)
    assert result.p2s_back_cm == pytest.approx(30 * RIM, rel=0.02)


def test_a_shifted_sphere_is_half_its_shift_away(ball: Callable[..., Surface]) -> None:
    result = cfusion(ball(0.3, (0, 0.01, 0)), ball(0.3))
    assert result.p2s_cm == pytest.approx(0.5, rel=0.02)
    assert result.p2s_back_cm == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize("aligned", [False, True])
def test_a_surface_has_no_error_against_itself(blob: Surface, aligned: bool) -> None:
    errors = asdict(cfusion(blob, blob, aligned=aligned))
    assert list(errors) == ["p2s_cm", "p2s_back_cm", "chamfer_cm", "normal_error"]
    assert list(errors.values()) == pytest.approx([0] * 4, abs=1e-3)


def test_alignment_takes_away_size_place_and_turn(blob: Surface) -> None:
    c, s = math.cos(0.05), math.sin(0.05)
    rotation = torch.tensor([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    moved = replace(blob, vertices=1.1 * blob.vertices @ rotation.T + 0.05)
    assert cfusion(moved, blob).chamfer_cm > 3
    assert cfusion(moved, blob, aligned=True).chamfer_cm < 0.2


def test_the_normal_error_of_a_tilt(wall: Callable[..., Surface]) -> None:
    expected = 100 * (1 - math.cos(0.3)) / 2
    assert cfusion(wall(0.3), wall()).normal_error == pytest.approx(expected, rel=1e-3)


def test_an_outline_too_wide_counts_as_a_normal_error(ball: Callable[..., Surface]) -> None:
    assert cfusion(ball(0.33), ball(0.30)).normal_error > 0.5
