import torch
from torch import Tensor

from backend.geometry.normals import vertex_normals


def test_normals_of_a_sphere_point_outwards(sphere: tuple[Tensor, Tensor]) -> None:
    vertices, faces = sphere
    assert (vertex_normals(vertices, faces) - vertices).norm(dim=1).max() < 0.01


def test_vertex_normals_are_weighted_by_area() -> None:
    vertices = torch.tensor([[0.0, 0, 0], [2, 0, 0], [0, 2, 0], [0, 0, 1]])
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])  # areas 2 and 1, normals +Z and +X
    expected = torch.tensor([1.0, 0, 2]) / 5**0.5
    assert torch.allclose(vertex_normals(vertices, faces)[0], expected)


def test_faces_of_a_tenth_of_a_micrometre_have_normals() -> None:
    vertices = 1e-7 * torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    normals = vertex_normals(vertices, torch.tensor([[0, 1, 2]]))
    assert torch.allclose(normals, torch.tensor([[0.0, 0, 1]]).expand(3, 3))


def test_unused_vertices_have_no_normal() -> None:
    vertices = torch.eye(4)[:, :3]
    assert vertex_normals(vertices, torch.tensor([[0, 1, 2]]))[3].norm() == 0
