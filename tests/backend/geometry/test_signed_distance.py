import pytest
import torch
from torch import Tensor

from backend.geometry.nearest import interpolate_at
from backend.geometry.signed_distance import SurfaceQuery

CHORD = 0.003  # the faces of the sphere run this far inside it


def sphere_distance(points: Tensor) -> Tensor:
    return points.norm(dim=1) - 1


def test_distance_to_a_sphere_is_negative_inside(
    sphere: tuple[Tensor, Tensor], points: Tensor
) -> None:
    distance = SurfaceQuery(*sphere).signed_distance(points, 3.0)
    assert (distance - sphere_distance(points)).abs().max() < CHORD


def test_distances_are_clamped_to_the_maximum(sphere: tuple[Tensor, Tensor]) -> None:
    far = torch.tensor([[2.0, 0, 0], [0, 0, 0], [1.1, 0, 0]])
    distance = SurfaceQuery(*sphere).signed_distance(far, 0.2)
    assert distance.tolist() == pytest.approx([0.2, 0.2, 0.1], abs=CHORD)


def test_closest_points_lie_on_the_ray_through_the_centre(
    sphere: tuple[Tensor, Tensor], points: Tensor
) -> None:
    vertices, faces = sphere
    closest = SurfaceQuery(vertices, faces).closest_points(points, 3.0)
    places = interpolate_at(closest, faces, vertices)
    assert closest.found.all()
    assert torch.allclose((points - places).norm(dim=1), closest.distance, atol=1e-6)
    assert (places - points / points.norm(dim=1, keepdim=True)).norm(dim=1).max() < 0.06


def test_points_beyond_the_maximum_find_nothing(sphere: tuple[Tensor, Tensor]) -> None:
    vertices, faces = sphere
    closest = SurfaceQuery(vertices, faces).closest_points(torch.tensor([[1.5, 0, 0]]), 0.2)
    assert closest.face.tolist() == [-1]
    assert closest.distance.tolist() == pytest.approx([0.2])
    assert interpolate_at(closest, faces, vertices).norm() == 0


def test_an_empty_mesh_is_far_from_everything(points: Tensor) -> None:
    query = SurfaceQuery(torch.zeros((0, 3)), torch.zeros((0, 3), dtype=torch.int64))
    assert not query.closest_points(points, 1.0).found.any()
    assert (query.signed_distance(points, 1.0) == 1).all()
