"""Weights of cloth on the body model with a skirt of its own."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from backend.body.anny55 import Anny55, load_anny55
from backend.geometry.cloth_weights import (
    ClothWeightRules,
    Dummy,
    cloth_weights,
    vertex_areas,
    worn_share,
)
from backend.geometry.normals import vertex_normals
from backend.types import SkinnedMesh

RULES = ClothWeightRules()
LEFT, RIGHT = 1, 2


@pytest.fixture(scope="module")
def body() -> Anny55:
    return load_anny55()


@pytest.fixture(scope="module")
def dummy(body: Anny55) -> Dummy:
    vertices = body.bind(body.mean_shape).vertices
    mesh = SkinnedMesh(
        vertices=vertices,
        faces=body.faces,
        weights=body.weights,
        colours=torch.zeros_like(vertices),
    )
    return Dummy(body=mesh, skirt_faces=body.skirt_faces, bind_height=vertices[:, 1])


def skirt_of(dummy: Dummy, distance_m: float = 0.01) -> tuple[Tensor, Tensor]:
    """Points and normals of a skirt worn outside the rigged one, with the skin."""
    normals = vertex_normals(dummy.body.vertices, dummy.skirt_faces)
    used = torch.unique(dummy.skirt_faces)
    points = dummy.body.vertices[used] + distance_m * normals[used]
    skin = torch.unique(dummy.body.faces)
    skin_normals = vertex_normals(dummy.body.vertices, dummy.body.faces)
    return (
        torch.cat([points, dummy.body.vertices[skin]]),
        torch.cat([normals[used], skin_normals[skin]]),
    )


def between_the_knees(dummy: Dummy, points: Tensor, weights: Tensor) -> Tensor:
    """Weights of the points in front between the thighs, a hand's breadth below the crotch."""
    hips = dummy.body.vertices[dummy.body.weights[:, LEFT] > 0.9][:, 1].amax()
    found = (points[:, 0].abs() < 0.01) & ((points[:, 1] - hips + 0.15).abs() < 0.05)
    return weights[found & (points[:, 2] > 0)]


def test_rows_sum_to_one(dummy: Dummy) -> None:
    weights = cloth_weights(*skirt_of(dummy), dummy, RULES)
    assert torch.allclose(weights.sum(1), torch.ones(1), atol=1e-4)


def test_skin_keeps_the_skins_weights(dummy: Dummy) -> None:
    points, normals = skirt_of(dummy)
    skin = torch.unique(dummy.body.faces)
    weights = cloth_weights(points, normals, dummy, RULES)[-len(skin) :]
    apart = (weights - dummy.body.weights[skin]).abs().sum(1)
    assert apart.median() < 0.05


def test_a_skirt_hangs_from_both_legs(dummy: Dummy) -> None:
    points, normals = skirt_of(dummy)
    weights = between_the_knees(dummy, points, cloth_weights(points, normals, dummy, RULES))
    assert len(weights) > 0
    assert (weights[:, LEFT] - weights[:, RIGHT]).abs().mean() < 0.2
    assert weights[:, [LEFT, RIGHT]].sum(1).mean() > 0.5


def test_without_a_rigged_skirt_cloth_takes_the_bodys_weights(dummy: Dummy) -> None:
    bare = replace(dummy, skirt_faces=dummy.skirt_faces[:0])
    weights = cloth_weights(*skirt_of(dummy), bare, RULES)
    assert torch.allclose(weights.sum(1), torch.ones(1), atol=1e-4)


@pytest.mark.parametrize("distance_m", [0.01, 0.15])
def test_a_skirt_is_worn_down_to_its_hem(dummy: Dummy, distance_m: float) -> None:
    points, _ = skirt_of(dummy, distance_m)
    hem = 0.5 * (dummy.bind_height.amin() + points[:, 1].amax()) - 0.3
    skirt = torch.unique(dummy.skirt_faces)
    worn = worn_share(points[points[:, 1] > hem], dummy, RULES)[skirt]
    height = dummy.bind_height[skirt]
    assert worn[height > hem + 0.1].min() > 0.9
    assert worn[height < hem - 0.25].max() < 0.1


def test_trousers_are_no_skirt(dummy: Dummy) -> None:
    skin = dummy.body.vertices[torch.unique(dummy.body.faces)]
    skirt = torch.unique(dummy.skirt_faces)
    worn = worn_share(skin, dummy, RULES)[skirt]
    height = dummy.bind_height[skirt]
    assert worn[height < height.amax() - 0.5].max() < 0.1


def test_areas_sum_to_the_surfaces() -> None:
    vertices = torch.tensor([[0.0, 0, 0], [2, 0, 0], [0, 3, 0], [2, 3, 0]])
    areas = vertex_areas(vertices, torch.tensor([[0, 1, 2], [1, 3, 2]]))
    assert torch.allclose(areas, torch.tensor([1.0, 2, 2, 1]))
