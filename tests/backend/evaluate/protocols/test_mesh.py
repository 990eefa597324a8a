from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from backend.evaluate.protocols.mesh import (
    Surface,
    closest_positions,
    mean_distance_cm,
    sample_surface,
    sample_surface_even,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_samples_are_uniform_by_area() -> None:
    corners = [[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [3, 0, 1], [0, 1, 1]]
    surface = Surface(vertices=torch.tensor(corners), faces=torch.tensor([[0, 1, 2], [3, 4, 5]]))
    samples = sample_surface(surface, 20_000, seeded())
    assert float((samples.face == 1).double().mean()) == pytest.approx(0.75, abs=0.01)
    first = samples.points[samples.face == 0]
    assert first.mean(0).tolist() == pytest.approx([1 / 3, 1 / 3, 0], abs=0.01)
    assert bool((first[:, :2].sum(1) <= 1 + 1e-6).all())


def test_faces_without_area_get_no_samples(ball: Callable[..., Surface]) -> None:
    sphere = ball(1.0)
    flat = torch.zeros((50, 3), dtype=sphere.faces.dtype)
    surface = Surface(vertices=sphere.vertices, faces=torch.cat([flat, sphere.faces, flat + 1]))
    face = sample_surface(surface, 1000, seeded()).face
    assert bool(((face >= 50) & (face < 50 + len(sphere.faces))).all())


def test_one_seed_gives_one_set_of_samples(ball: Callable[..., Surface]) -> None:
    draws = [sample_surface(ball(1.0), 100, seeded(seed)).points for seed in (3, 3, 4)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_even_samples_keep_their_distance_and_come_in_full(ball: Callable[..., Surface]) -> None:
    points = sample_surface_even(ball(1.0), 1000, seeded()).points
    apart = torch.cdist(points, points) + 10 * torch.eye(len(points))
    assert len(points) == 1000
    assert float(apart.min()) > (4 * torch.pi / 3000) ** 0.5 * 0.998  # area of the chords


def test_even_samples_are_those_of_taking_turns(ball: Callable[..., Surface]) -> None:
    surface, count = ball(1.0), 60
    points = sample_surface_even(surface, count, seeded()).points
    kept: list[Tensor] = []
    corners = surface.vertices[surface.faces].unbind(1)
    area = (
        torch.linalg.cross(corners[1] - corners[0], corners[2] - corners[0]).norm(dim=1).sum() / 2
    )
    for point in sample_surface(surface, 3 * count, seeded()).points:
        if all((point - other).norm() > (area / (3 * count)).sqrt() for other in kept):
            kept.append(point)
    assert torch.equal(points, torch.stack(kept)[:count])


def test_closest_points_lie_within_faces(wall: Callable[..., Surface]) -> None:
    points = torch.tensor([[0.3, 0.2, 0.7], [5.0, 0, 0]])
    places = closest_positions(points, wall(side_m=2.0))
    assert torch.allclose(places, torch.tensor([[0.3, 0.2, 0], [1, 0, 0]]), atol=1e-6)
    assert mean_distance_cm(points, wall(side_m=2.0)) == pytest.approx((70 + 400) / 2)


def test_a_surface_without_area_or_with_a_lost_vertex_is_refused() -> None:
    points = torch.rand(3, 3)
    with pytest.raises(ValueError, match="no area"):
        Surface(vertices=points, faces=torch.zeros((0, 3), dtype=torch.int64))
    with pytest.raises(ValueError, match="no area"):
        Surface(vertices=points, faces=torch.tensor([[0, 1, 1]]))
    with pytest.raises(ValueError, match="not finite"):
        Surface(vertices=points / 0, faces=torch.tensor([[0, 1, 2]]))
