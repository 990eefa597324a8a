import time

import pytest
import torch
from torch import Tensor

from backend.geometry.smoothness import (
    fill_attributes,
    neighbour_mean,
    smooth_attributes,
)


def strip(length: int) -> tuple[Tensor, Tensor]:
    """Two rows of vertices: i at (i, 0) and length + i at (i, 1), joined by triangles."""
    axis = torch.arange(length).float()
    zero = torch.zeros(length)
    vertices = torch.cat([torch.stack([axis, zero + y, zero], 1) for y in (0, 1)])
    a = torch.arange(length - 1)
    b = a + length
    return vertices, torch.cat([torch.stack([a, a + 1, b], 1), torch.stack([a + 1, b + 1, b], 1)])


def test_the_mean_of_neighbours_counts_each_edge_once() -> None:
    values = torch.tensor([[0.0], [6.0], [12.0], [30.0]])
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    assert (neighbour_mean(faces, 4) @ values).flatten().tolist() == pytest.approx([16, 6, 12, 6])


def test_unused_vertices_stay() -> None:
    vertices = torch.rand((5, 3), generator=torch.Generator().manual_seed(0))
    smoothed = smooth_attributes(vertices, torch.tensor([[0, 1, 2]]), 3, 0.5)
    assert torch.allclose(smoothed[3:], vertices[3:])


def test_smoothing_removes_noise_from_a_sphere(sphere: tuple[Tensor, Tensor]) -> None:
    vertices, faces = sphere
    noise = 0.01 * torch.randn(vertices.shape, generator=torch.Generator().manual_seed(0))
    smoothed = smooth_attributes(vertices + noise, faces, 5, 0.5)
    assert smoothed.norm(dim=1).std() < 0.3 * (vertices + noise).norm(dim=1).std()


def test_smoothed_weights_still_sum_to_one(sphere: tuple[Tensor, Tensor]) -> None:
    vertices, faces = sphere
    weights = torch.softmax(9 * vertices, dim=1)
    smoothed = smooth_attributes(weights, faces, 4, 0.7)
    assert torch.allclose(smoothed.sum(1), torch.ones(len(vertices)), atol=1e-5)


def test_filled_values_are_means_of_their_neighbours(sphere: tuple[Tensor, Tensor]) -> None:
    vertices, faces = sphere
    known = vertices[:, 1].abs() > 0.5
    values = torch.where(known[:, None], vertices, torch.nan)
    filled = fill_attributes(values, known, faces, vertices)
    assert torch.equal(filled[known], vertices[known])
    mean = neighbour_mean(faces, len(vertices)) @ filled
    assert (mean - filled)[~known].abs().max() < 1e-5


def test_filled_weights_sum_to_one_and_are_positive(sphere: tuple[Tensor, Tensor]) -> None:
    vertices, faces = sphere
    weights = torch.softmax(9 * vertices, dim=1)
    filled = fill_attributes(weights, vertices[:, 0] > 0.6, faces, vertices)
    assert torch.allclose(filled.sum(1), torch.ones(len(vertices)), atol=1e-5)
    assert filled.min() > 0


def test_unreachable_vertices_take_the_nearest_known_value() -> None:
    vertices, faces = strip(6)
    apart = vertices + torch.tensor([4.0, 0, 3])
    both = torch.cat([vertices, apart])
    known = torch.arange(24) < 12
    values = torch.arange(24.0)[:, None]
    filled = fill_attributes(values, known, torch.cat([faces, faces + 12]), both)
    assert filled[12].item() == 4  # at (4, 0)
    assert filled[17].item() == 5  # at (9, 0)


def test_nothing_known_fills_with_zero() -> None:
    vertices, faces = strip(4)
    known = torch.zeros(8, dtype=torch.bool)
    assert fill_attributes(vertices, known, faces, vertices).abs().max() == 0


def test_filling_is_fast_for_a_whole_avatar() -> None:
    axis = torch.arange(100)
    corner = (axis[:-1, None] * 100 + axis[:-1]).flatten()
    faces = torch.cat(
        [
            torch.stack([corner, corner + 1, corner + 100], 1),
            torch.stack([corner + 1, corner + 101, corner + 100], 1),
        ]
    )
    values = torch.rand((100 * 100, 55), generator=torch.Generator().manual_seed(0))
    start = time.process_time()
    fill_attributes(values, torch.arange(100 * 100) % 100 == 0, faces, values[:, :3])
    assert time.process_time() - start < 10
