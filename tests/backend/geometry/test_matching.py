import torch
from torch import Tensor

from backend.geometry.matching import Target, carried_weights
from backend.types import SkinnedMesh

FACES = torch.tensor([[0, 1, 2], [2, 1, 3]])
UP = torch.tensor([[0.0, 0.0, 1.0]])


def square(height: float) -> Tensor:
    """Two triangles that face up."""
    return torch.tensor([[0.0, 0, height], [1, 0, height], [0, 1, height], [1, 1, height]])


def test_match_is_the_closest_point() -> None:
    target = Target(square(0.0), FACES, torch.ones(4, dtype=torch.bool))
    found = target.match(torch.tensor([[0.3, 0.4, 0.05]]), UP, 0.1, 0.5)
    assert found.found.all()
    torch.testing.assert_close(found.points, torch.tensor([[0.3, 0.4, 0.0]]))
    torch.testing.assert_close(found.normals, UP)


def test_what_faces_away_is_far_or_was_not_observed_is_no_match() -> None:
    observed = torch.tensor([True, True, True, False])
    target = Target(square(0.0), FACES, observed)
    points = torch.tensor([[0.3, 0.3, 0.05], [0.3, 0.3, 0.2], [0.9, 0.9, 0.0], [0.3, 0.3, 0.05]])
    normals = torch.cat([-UP, UP, UP, UP])
    assert target.match(points, normals, 0.1, 0.5).found.tolist() == [False, False, False, True]


def skinned(vertices: Tensor, faces: Tensor, weights: Tensor) -> SkinnedMesh:
    return SkinnedMesh(
        vertices=vertices, faces=faces, weights=weights, colours=torch.zeros_like(vertices)
    )


def test_weights_are_carried_between_the_corners_of_the_closest_face() -> None:
    right = square(0.0)[:, :1]
    mesh = skinned(square(0.0), FACES, torch.cat([right, 1 - right], 1))
    found = carried_weights(mesh, torch.tensor([[0.3, 0.4, 0.05]]), UP, normal_scale_m=0.05)
    torch.testing.assert_close(found, torch.tensor([[0.3, 0.7]]))


def test_weights_come_from_the_skin_that_faces_the_same_way() -> None:
    both = torch.cat([square(0.0), square(0.03)])
    faces = torch.cat([FACES.flip(1), FACES + 4])  # a plate: its lower side faces down
    mesh = skinned(both, faces, torch.eye(2).repeat_interleave(4, 0))
    at = torch.tensor([[0.0, 0.0, 0.005]])
    assert carried_weights(mesh, at, UP, normal_scale_m=0.05).tolist() == [[0, 1]]
    assert carried_weights(mesh, at, -UP, normal_scale_m=0.05).tolist() == [[1, 0]]
