"""Sample points and the ones near a surface."""

import torch

from backend.geometry.grid import grid_around, sample_positions, samples_near


def test_grid_holds_all_points_with_their_margin() -> None:
    points = torch.rand(50, 3, generator=torch.Generator().manual_seed(0))
    grid = grid_around(points, 0.1, 0.05, 10**6)
    corners = sample_positions(grid, torch.tensor([0, grid.size - 1]))
    assert (corners[0] <= points.amin(0) - 0.099).all()
    assert (corners[1] >= points.amax(0) + 0.099).all()


def test_large_boxes_get_coarser_samples() -> None:
    grid = grid_around(torch.tensor([[0.0, 0, 0], [1, 1, 1]]), 0.0, 0.001, 10**5)
    assert grid.size < 1.2e5


def test_samples_near_misses_none_within_the_radius() -> None:
    points = torch.rand(20, 3, generator=torch.Generator().manual_seed(1))
    grid = grid_around(points, 0.2, 0.04, 10**6)
    every = sample_positions(grid, torch.arange(grid.size))
    close = torch.nonzero(torch.cdist(every, points).amin(1) < 0.1)[:, 0]
    assert torch.isin(close, samples_near(grid, points, 0.1)).all()


def test_sample_numbering_follows_the_volume() -> None:
    grid = grid_around(torch.tensor([[0.0, 0, 0], [0.3, 0.5, 0.7]]), 0.0, 0.1, 10**6)
    volume = torch.arange(grid.size).view(grid.shape)
    position = sample_positions(grid, volume[2:3, 3, 4])
    assert torch.allclose(position, grid.origin + 0.1 * torch.tensor([[2.0, 3, 4]]))
