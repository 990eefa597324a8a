from collections.abc import Callable

import pytest

from backend.evaluate.protocols.icon import icon
from backend.evaluate.protocols.mesh import Surface


def test_a_sphere_of_one_more_centimetre_is_one_centimetre_away(
    ball: Callable[..., Surface],
) -> None:
    result = icon(ball(0.31), ball(0.30))
    assert result.p2s_cm == pytest.approx(1, rel=0.01)
    assert result.p2s_back_cm == pytest.approx(1, rel=0.01)


def test_p2s_goes_from_the_truth_to_the_prediction(ball: Callable[..., Surface]) -> None:
    sphere = ball(0.3)
    upper = sphere.vertices[sphere.faces].mean(1)[:, 1] > 0
    result = icon(Surface(vertices=sphere.vertices, faces=sphere.faces[upper]), sphere)
    assert result.p2s_cm > 7
    assert result.p2s_back_cm == pytest.approx(0, abs=1e-4)
    assert result.chamfer_cm == pytest.approx(result.p2s_cm / 2)


def test_the_normal_error_is_the_sum_of_four_views(ball: Callable[..., Surface]) -> None:
    result = icon(ball(0.1, (9.0, 0, 0)), ball(5.0))
    # Where nothing is seen, a normal towards the viewer costs |(0, 0, 1) + 1|^2 / 4 = 1.5.
    assert 4 * 1.4 < result.normal_error < 4 * 1.5


def test_a_surface_has_no_error_against_itself(blob: Surface) -> None:
    result = icon(blob, blob)
    errors = [result.p2s_cm, result.p2s_back_cm, result.chamfer_cm, result.normal_error]
    assert errors == pytest.approx([0] * 4, abs=1e-4)
