"""Air behind observed surfaces."""

import torch

from backend.geometry.pockets import pocket_distance


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
