"""Air behind observed surfaces."""

import torch

from backend.geometry.closed_parts import ClosedParts
from backend.geometry.grid import Grid
from backend.geometry.observer import OpenSurface
from backend.geometry.pockets import PocketRules, pocket_distance, pockets_behind


def sheet() -> tuple[torch.Tensor, torch.Tensor]:
    """20 x 20 cm on z = 0 that looks towards +z."""
    steps = torch.linspace(-0.1, 0.1, 21)
    x, y = torch.meshgrid(steps, steps, indexing="ij")
    vertices = torch.stack([x, y, torch.zeros_like(x)], -1).reshape(-1, 3)
    return vertices, torch.tensor([0.0, 0.0, 1.0]).expand(len(vertices), 3)


def test_only_what_lies_straight_behind_is_filled() -> None:
    points = torch.tensor([[0, 0, -0.05], [0, 0, 0.05], [0, 0, -0.3], [0.2, 0, -0.05]])
    distance = pocket_distance(points, *sheet(), max_distance_m=0.15, min_cosine=0.75)
    assert distance[0] == torch.tensor(-0.05)
    assert (distance[1:] > 0.049).all()


def border_pocket_m(clearance_m: float) -> float:
    """The pocket's distance 5 cm behind a border; the template lies so far before it."""
    vertices, normals = sheet()
    border = torch.full((len(vertices),), 0.5)
    seen = OpenSurface(vertices=vertices, normals=normals, confidence=border)
    away = torch.tensor([0.0, 0.0, clearance_m])
    body = ClosedParts(vertices[[0, 20, 440]] + away, torch.tensor([[0, 1, 2]]))
    grid = Grid(origin=torch.tensor([-0.02, -0.02, -0.05]), voxel_m=0.02, shape=(3, 3, 2))
    rules = PocketRules(far_m=0.5)
    return float(pockets_behind([seen], body, grid, rules).view(grid.shape)[1, 1, 0])


def test_a_border_is_filled_behind_only_far_from_the_template() -> None:
    assert border_pocket_m(0.6) == torch.tensor(-0.05)
    assert border_pocket_m(0.1) > 0
