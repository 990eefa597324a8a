import torch

from backend.geometry.outline import (
    cover_cost,
    distance_outside,
    inside_cost,
    nearest,
    outlines,
)


def disc(radius_px: float) -> torch.Tensor:
    """A disc around (100, 120) in a photo of 200 x 240."""
    rows = torch.arange(240)[:, None] + 0.5
    columns = torch.arange(200)[None] + 0.5
    return ((columns - 100) ** 2 + (rows - 120) ** 2 < radius_px**2).float()


def test_distance_outside_a_disc_is_that_to_its_circle() -> None:
    found = distance_outside(outlines([disc(40)], 128, 50), torch.tensor([[[155.0, 120.0]]]))
    assert torch.allclose(found, torch.tensor([[15.0]]), atol=1.0)


def test_distance_inside_the_mask_is_zero() -> None:
    found = distance_outside(outlines([disc(40)], 128, 50), torch.tensor([[[110.0, 130.0]]]))
    assert found.item() == 0


def test_nobody_knows_what_lies_beyond_the_photo() -> None:
    cut = disc(40)[:, 80:]
    found = distance_outside(outlines([cut], 128, 50), torch.tensor([[[-9.0, 120.0]]]))
    assert found.item() == 0


def test_border_points_of_a_disc_lie_on_its_circle() -> None:
    border = outlines([disc(40)], 128, 50).border_px[0]
    radii = (border - torch.tensor([100.0, 120.0])).norm(dim=1)
    assert (radii - 40).abs().max() < 2


def test_the_photo_s_edge_is_no_outline() -> None:
    border = outlines([disc(40)[:, 80:]], 128, 50).border_px[0]
    assert border[:, 0].min() > 1


def test_an_empty_mask_costs_nothing() -> None:
    empty = outlines([torch.zeros(30, 20)], 16, 10)
    points, unit = torch.rand(1, 7, 2) * 20, torch.ones(1)
    assert inside_cost(empty, points, unit, 5.0) == 0
    assert cover_cost(empty, points, unit, 3.0) == 0


def test_nearest_is_differentiable_in_the_points() -> None:
    points = torch.tensor([[[0.0, 0.0], [10.0, 0.0]]], requires_grad=True)
    nearest(torch.tensor([[[9.0, 1.0]]]), points).sum().backward()
    assert points.grad is not None
    assert points.grad[0].tolist() == [[0, 0], [1, 1]]


def test_points_inside_cost_nothing_and_points_outside_pull_back() -> None:
    outline, unit = outlines([disc(40)], 128, 50), torch.ones(1)
    assert inside_cost(outline, torch.tensor([[[100.0, 120.0]]]), unit, 5.0) == 0
    outside = torch.tensor([[[150.0, 120.0]]], requires_grad=True)
    inside_cost(outline, outside, unit, 50.0).backward()
    assert outside.grad is not None
    assert outside.grad[0, 0, 0] > 0


def test_a_body_on_the_outline_covers_it() -> None:
    outline = outlines([disc(40)], 128, 50)
    assert cover_cost(outline, outline.border_px, torch.ones(1), 3.0) == 0
