"""The closed surface between two sheets."""

import torch
import trimesh

from backend.geometry.depth_surface import close_sheets, is_wall, sheet_depth


def disc(size: int, radius: float) -> torch.Tensor:
    grid = torch.arange(size) + 0.5
    y, x = torch.meshgrid(grid, grid, indexing="ij")
    distance = ((x - size / 2) ** 2 + (y - size / 2) ** 2).sqrt()
    return (0.5 + (radius - distance) / 4).clamp(0, 1)


def closed(level: torch.Tensor, half: torch.Tensor) -> trimesh.Trimesh:
    sheets = close_sheets(level)
    depth = sheet_depth(sheets, torch.stack([10 - half, 10 + half]), 1e-3)
    points = torch.cat([sheets.position_px, depth[:, None]], 1)
    return trimesh.Trimesh(points.numpy(), sheets.faces.numpy(), process=False)


def test_sphere_is_closed_outward_and_has_its_volume() -> None:
    size, radius = 64, 24.0
    grid = torch.arange(size) + 0.5 - size / 2
    squared = radius**2 - grid[:, None] ** 2 - grid[None] ** 2
    mesh = closed(disc(size, radius), squared.clamp(min=0).sqrt())
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert abs(mesh.volume / (4 / 3 * torch.pi * radius**3) - 1) < 0.02


def test_rim_lies_on_the_outline() -> None:
    sheets = close_sheets(disc(64, 20.3))
    rim = sheets.position_px[sheets.rim_start :] - 32
    assert (rim.norm(dim=1) - 20.3).abs().max() < 0.05


def test_noise_mask_gives_a_closed_surface() -> None:
    level = torch.rand(40, 40, generator=torch.Generator().manual_seed(0))
    sheets = close_sheets(level)
    edges = torch.cat([sheets.faces[:, [0, 1]], sheets.faces[:, [1, 2]], sheets.faces[:, [2, 0]]])
    _, counts = torch.unique(edges.sort(1).values, dim=0, return_counts=True)
    assert (counts == 2).all()


def test_step_is_a_wall_and_a_slope_is_not() -> None:
    step = torch.tensor([[0.0, 0, 1], [0.005, 0, 1.05], [0, 0.005, 1.05]])
    slope = torch.tensor([[0.0, 0, 1], [0.005, 0, 1.005], [0, 0.005, 1.005]])
    faces = torch.tensor([[0, 1, 2], [3, 4, 5]])
    assert is_wall(torch.cat([step, slope]), faces, max_slope=6.7, max_step_m=0.03).tolist() == [
        True,
        False,
    ]
