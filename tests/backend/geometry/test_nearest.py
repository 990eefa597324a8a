import torch
from torch import Tensor

from backend.geometry.nearest import interpolate_at, nearest_vertices
from backend.geometry.signed_distance import ClosestPoints


def test_nearest_vertices_are_those_of_the_full_distance_table(
    sphere: tuple[Tensor, Tensor], points: Tensor
) -> None:
    vertices = sphere[0]
    nearest = nearest_vertices(points, vertices, 3, 10.0)
    distances = torch.cdist(points, vertices).topk(3, largest=False).values
    assert torch.allclose(nearest.distance, distances, atol=1e-5)
    assert torch.allclose(
        (points[:, None] - vertices[nearest.index]).norm(dim=2), distances, atol=1e-5
    )


def test_vertices_beyond_the_maximum_are_not_found(sphere: tuple[Tensor, Tensor]) -> None:
    nearest = nearest_vertices(torch.tensor([[0.0, 0, 0], [1, 0, 0]]), sphere[0], 1, 0.5)
    assert nearest.found.tolist() == [[False], [True]]
    assert nearest.index[0].item() == 0


def test_a_mesh_without_vertices_has_none_near(points: Tensor) -> None:
    assert not nearest_vertices(points, torch.zeros((0, 3)), 2, 1.0).found.any()


def test_values_are_shared_by_barycentrics() -> None:
    closest = ClosestPoints(
        distance=torch.zeros(1), face=torch.tensor([0]), barycentric=torch.tensor([[0.2, 0.3, 0.5]])
    )
    values = torch.eye(3)
    faces = torch.tensor([[2, 1, 0]])
    assert torch.allclose(interpolate_at(closest, faces, values), torch.tensor([[0.5, 0.3, 0.2]]))
