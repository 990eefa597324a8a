import math
from typing import Any

import pytest
import torch
import trimesh
from torch import Tensor

from backend.geometry.remesh import NotManifold, decimate, is_manifold, is_watertight


@pytest.mark.parametrize("budget", [500, 1000, 3000])
def test_decimation_meets_the_budget_and_stays_manifold(
    sphere: tuple[Tensor, Tensor], budget: int
) -> None:
    noise = 0.005 * torch.randn(sphere[0].shape, generator=torch.Generator().manual_seed(0))
    vertices, faces = decimate(sphere[0] + noise, sphere[1], budget)
    assert 0.9 * budget <= len(faces) <= budget
    assert is_manifold(vertices, faces)


def test_decimation_keeps_the_shape(sphere: tuple[Tensor, Tensor]) -> None:
    vertices, faces = decimate(*sphere, 1500)
    assert (vertices.norm(dim=1) - 1).abs().max() < 1e-6
    assert vertices[faces].mean(1).norm(dim=1).min() > 0.98


def test_a_mesh_within_the_budget_is_returned_as_it_is(sphere: tuple[Tensor, Tensor]) -> None:
    vertices, faces = decimate(*sphere, len(sphere[1]))
    assert vertices is sphere[0]
    assert faces is sphere[1]


def test_an_open_mesh_is_refused(sphere: tuple[Tensor, Tensor]) -> None:
    with pytest.raises(NotManifold, match="closed"):
        decimate(sphere[0], sphere[1][1:], 100)


def test_a_budget_below_any_solid_is_refused(sphere: tuple[Tensor, Tensor]) -> None:
    with pytest.raises(NotManifold, match="3 faces"):
        decimate(*sphere, 3)


def test_only_closed_and_oriented_meshes_are_watertight(sphere: tuple[Tensor, Tensor]) -> None:
    faces = sphere[1]
    flipped = torch.cat([faces[:1].flip(1), faces[1:]])
    assert is_watertight(faces)
    assert not is_watertight(faces[1:])
    assert not is_watertight(flipped)
    assert not is_watertight(torch.cat([faces, faces]))
    assert not is_watertight(faces[:0])


def test_flat_parts_keep_vertices_if_a_longest_edge_is_given() -> None:
    cube: Any = trimesh.creation.box().subdivide_to_size(0.05)
    cube.merge_vertices()
    points, corners = torch.tensor(cube.vertices).float(), torch.tensor(cube.faces).long()
    assert len(decimate(points, corners, 5000)[0]) < 100
    vertices, faces = decimate(points, corners, 5000, max_edge_m=0.1)
    edges = vertices[faces] - vertices[faces.roll(1, dims=1)]
    assert edges.norm(dim=-1).max() < 0.2
    assert is_manifold(vertices, faces)


def test_a_ragged_surface_meets_a_small_budget_all_the_same(sphere: tuple[Tensor, Tensor]) -> None:
    generator = torch.Generator().manual_seed(1)
    ragged = sphere[0] * (1 + 0.5 * torch.rand(len(sphere[0]), 1, generator=generator))
    vertices, faces = decimate(ragged, sphere[1], 60)
    assert 0 < len(faces) <= 60
    assert is_manifold(vertices, faces)


def test_long_edges_of_a_ragged_surface_are_split_too(sphere: tuple[Tensor, Tensor]) -> None:
    generator = torch.Generator().manual_seed(1)
    ragged = sphere[0] * (1 + 0.5 * torch.rand(len(sphere[0]), 1, generator=generator))
    longest = []
    for max_edge_m in (math.inf, 0.8):
        vertices, faces = decimate(ragged, sphere[1], 300, max_edge_m=max_edge_m)
        assert len(faces) <= 300
        longest.append((vertices[faces] - vertices[faces.roll(1, dims=1)]).norm(dim=-1).max())
    assert longest[1] < 1.01 * 1.25 < longest[0]
