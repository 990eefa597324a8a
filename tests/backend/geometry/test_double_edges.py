import torch
import trimesh

from backend.geometry.double_edges import part_double_edges
from backend.geometry.remesh import is_watertight


def two_boxes_with_a_common_edge() -> tuple[torch.Tensor, torch.Tensor]:
    first = trimesh.creation.box((1, 1, 1))
    vertices = torch.tensor(first.vertices)
    both = torch.cat([vertices, vertices + torch.tensor([1.0, 1.0, 0.0])])
    merged, number = both.unique(dim=0, return_inverse=True)
    faces = torch.tensor(first.faces)
    return merged, number[torch.cat([faces, faces + 8])]


def test_an_edge_of_four_faces_is_parted() -> None:
    vertices, faces = two_boxes_with_a_common_edge()
    assert not is_watertight(faces)
    parted, closed = part_double_edges(vertices, faces)
    assert is_watertight(closed)
    assert len(parted) == len(vertices) + 1
    assert trimesh.Trimesh(parted, closed, process=False).volume == 2


def test_other_surfaces_stay_as_they_are() -> None:
    mesh = trimesh.creation.icosphere(2)
    vertices, faces = torch.tensor(mesh.vertices), torch.tensor(mesh.faces)
    same, untouched = part_double_edges(vertices, faces)
    assert same is vertices
    assert untouched is faces
