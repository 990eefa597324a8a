import pytest
import torch
import trimesh
from torch import Tensor

from backend.geometry.large_steps import LargeSteps
from backend.geometry.smoothness import neighbour_mean


@pytest.fixture
def faces() -> Tensor:
    return torch.tensor(trimesh.creation.icosphere(2).faces)


def bump(faces: Tensor) -> Tensor:
    values = torch.zeros(int(faces.max()) + 1, 3)
    values[0, 0] = 1
    return values


def test_spread_values_solve_the_system(faces: Tensor) -> None:
    values = torch.randn(162, 3, generator=torch.Generator().manual_seed(0))
    stiffness = torch.linspace(0, 5, 162)
    spread = LargeSteps(faces, stiffness, 7.0).spread(values)
    degree = torch.full((162,), 6.0)
    degree[:12] = 5  # the icosahedron's own corners
    laplacian = degree[:, None] * (spread - neighbour_mean(faces, 162) @ spread)
    system = (1 + stiffness[:, None]) * spread + 7 * laplacian
    torch.testing.assert_close(system, values, atol=1e-5, rtol=1e-5)


def test_without_smoothing_values_stay_where_they_are(faces: Tensor) -> None:
    steps = LargeSteps(faces, torch.zeros(162), 0.0)
    torch.testing.assert_close(steps.spread(bump(faces)), bump(faces))


def test_steps_go_down_by_the_rate(faces: Tensor) -> None:
    steps = LargeSteps(faces, torch.zeros(162), 3.0)
    moved = steps.step(1e-6 * bump(faces), 0.01)
    assert float(moved[0, 0]) == pytest.approx(-0.01, rel=1e-3)
    assert float(moved.abs().max()) == pytest.approx(0.01, rel=1e-3)


def test_stiff_vertices_move_less(faces: Tensor) -> None:
    stiffness = torch.zeros(162)
    stiffness[0] = 20
    stiff, free = (
        LargeSteps(faces, one, 0.0).spread(bump(faces)) for one in (stiffness, 0 * stiffness)
    )
    assert float(stiff[0, 0]) == pytest.approx(float(free[0, 0]) / 21)
