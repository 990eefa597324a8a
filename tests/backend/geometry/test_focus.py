"""Magnification around a point."""

import torch

from backend.geometry.focus import Focus, magnified, restored

FOCUS = Focus(centre=torch.tensor([0.0, 1.5, 0.05]), radius_m=0.12, times=5.0)


def test_restoring_undoes_magnifying() -> None:
    points = torch.randn(500, 3, generator=torch.Generator().manual_seed(0)) * 0.2 + FOCUS.centre
    assert torch.allclose(restored(magnified(points, FOCUS), FOCUS), points, atol=1e-5)


def test_lengths_at_the_centre_grow_as_asked() -> None:
    step = torch.tensor([[0.001, 0.0, 0.0]])
    moved = magnified(FOCUS.centre + step, FOCUS) - FOCUS.centre
    assert torch.allclose(moved, 5.0 * step, rtol=1e-3)


def test_magnification_never_folds() -> None:
    distance = torch.linspace(0, 0.6, 2000)
    ray = FOCUS.centre + distance[:, None] * torch.tensor([0.0, 0.6, 0.8])
    moved = (magnified(ray, FOCUS) - FOCUS.centre).norm(dim=1)
    assert (moved.diff() > 0).all()


def test_far_points_hardly_move() -> None:
    far = FOCUS.centre + torch.tensor([[1.2, 0.0, 0.0]])
    assert torch.allclose(magnified(far, FOCUS), far, atol=0.06)
