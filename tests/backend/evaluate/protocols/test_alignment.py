import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from backend.evaluate.protocols.alignment import (
    Similarity,
    fit_rigid,
    fit_similarity,
    icp,
    match_boxes,
    move,
)
from backend.evaluate.protocols.mesh import Surface


def turn(axis: Tensor, angle_rad: float) -> Tensor:
    x, y, z = (axis / axis.norm() * angle_rad).tolist()
    return torch.linalg.matrix_exp(torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]]).double())


@pytest.fixture
def known() -> Similarity:
    return Similarity(
        scale=torch.tensor(1.7).double(),
        rotation=turn(torch.tensor([1.0, 2, -1]), 2.0),
        translation=torch.tensor([0.3, -2, 5]).double(),
    )


def test_a_known_similarity_is_found(known: Similarity) -> None:
    points = torch.randn(20, 3, generator=torch.Generator().manual_seed(1)).double()
    found = fit_similarity(points, move(points, known))
    assert float(found.scale) == pytest.approx(1.7)
    assert torch.allclose(found.rotation, known.rotation)
    assert torch.allclose(found.translation, known.translation)


def test_sets_are_fitted_one_by_one(known: Similarity) -> None:
    points = torch.randn(2, 9, 3, generator=torch.Generator().manual_seed(1)).double()
    goal = torch.stack([move(points[0], known), points[1] + 1])
    found = fit_similarity(points, goal)
    assert found.scale.tolist() == pytest.approx([1.7, 1])
    assert torch.allclose(move(points, found), goal)


def test_a_reflection_is_never_fitted() -> None:
    points = torch.randn(20, 3, generator=torch.Generator().manual_seed(1)).double()
    mirrored = points * torch.tensor([-1, 1, 1])
    assert float(torch.linalg.det(fit_rigid(points, mirrored).rotation)) == pytest.approx(1)


def test_icp_brings_a_moved_surface_back(blob: Surface) -> None:
    rotation = turn(torch.tensor([1.0, -2, 0.5]), math.radians(6)).float()
    moved = replace(blob, vertices=blob.vertices @ rotation.T + torch.tensor([0.03, -0.02, 0.01]))
    back = icp(moved, blob, torch.Generator().manual_seed(0))
    assert float((moved.vertices - blob.vertices).norm(dim=1).mean()) > 0.04
    assert float((back.vertices - blob.vertices).norm(dim=1).max()) < 0.001


def test_icp_does_not_scale(ball: Callable[..., Surface]) -> None:
    back = icp(ball(0.5, (0.02, 0, 0)), ball(0.6), torch.Generator().manual_seed(0))
    radius = (back.vertices - back.vertices.mean(0)).norm(dim=1)
    assert radius.tolist() == pytest.approx([0.5] * len(radius), abs=1e-5)


def test_boxes_match_by_centre_and_greatest_extent(blob: Surface) -> None:
    moved = replace(blob, vertices=0.4 * blob.vertices + 3)
    assert torch.allclose(match_boxes(moved, blob).vertices, blob.vertices, atol=1e-5)
