from dataclasses import dataclass, fields
from typing import Any

import pytest
import torch

from backend.body.anny55 import Anny55, load_anny55
from backend.body.kinematics import bone_matrices, matrix_from_axis_angle
from backend.body.landmark_targets import USED_KEYPOINTS
from backend.body.reduced import (
    ReducedBody,
    bind_reduced,
    moved_keypoints,
    reduced_body,
    stature,
)
from backend.geometry.skinning import pose as skin


@pytest.fixture(scope="module")
def body() -> Anny55:
    return load_anny55()


@pytest.fixture(scope="module")
def reduced(body: Anny55) -> ReducedBody:
    return reduced_body(body, USED_KEYPOINTS, 50, torch.Generator().manual_seed(0))


def test_keypoints_are_those_of_the_posed_skin(body: Anny55, reduced: ReducedBody) -> None:
    turns = 0.4 * torch.randn(1, 55, 3, generator=torch.Generator().manual_seed(1))
    bind = body.bind(body.mean_shape)
    bones = bone_matrices(bind.joints, body.parents, matrix_from_axis_angle(turns))
    posed = skin(bind.vertices, body.weights, bones)[0]
    rows = [body.keypoint_names.index(name) for name in USED_KEYPOINTS]
    slow = (posed[body.keypoint_vertices[rows]] * body.keypoint_weights[rows][..., None]).sum(1)
    found = moved_keypoints(reduced, bind_reduced(reduced, body.mean_shape), bones)[0]
    assert torch.allclose(found, slow, atol=1e-5)


def test_surface_points_are_vertices_of_the_skin(body: Anny55, reduced: ReducedBody) -> None:
    surface = bind_reduced(reduced, body.mean_shape).surface
    skin_vertices = body.bind(body.mean_shape).vertices[body.faces.unique()]
    away = (surface[:, None] - skin_vertices).norm(dim=-1).min(1).values
    assert away.max() < 1e-6


@dataclass(frozen=True)
class Whole:
    """Anny without its `subset`."""

    joint_names: tuple[str, ...]
    parents: tuple[int, ...]
    faces: torch.Tensor
    skirt_faces: torch.Tensor
    weights: torch.Tensor
    shape_names: tuple[str, ...]
    mean_shape: torch.Tensor
    keypoint_names: tuple[str, ...]
    keypoint_vertices: torch.Tensor
    keypoint_weights: torch.Tensor
    bind: Any
    zero_from_bind: Any


def test_a_body_without_subsets_gives_the_same_points(body: Anny55, reduced: ReducedBody) -> None:
    same = Whole(**{field.name: getattr(body, field.name) for field in fields(Whole)})
    whole = reduced_body(same, USED_KEYPOINTS, 50, torch.Generator().manual_seed(0))
    first = bind_reduced(whole, body.mean_shape)
    second = bind_reduced(reduced, body.mean_shape)
    assert torch.allclose(first.surface, second.surface, atol=1e-5)
    assert torch.allclose(first.blended, second.blended, atol=1e-5)


def test_stature_of_the_average_adult(body: Anny55) -> None:
    assert 1.6 < stature(body, body.bind(body.mean_shape)).item() < 1.8
