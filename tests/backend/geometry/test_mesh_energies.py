"""Eqs 12 and 13 against closed forms of flat and regular meshes."""

import math

import pytest
import torch
import trimesh
from torch import Tensor

from backend.geometry.mesh_energies import adjacent_faces, laplacian_energy, normal_consistency
from backend.geometry.smoothness import neighbour_mean

TETRAHEDRON = torch.tensor([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
SIDES = torch.tensor([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]])


def ball(times: int) -> tuple[Tensor, Tensor]:
    mesh = trimesh.creation.icosphere(times)
    return torch.tensor(mesh.vertices).float(), torch.tensor(mesh.faces)


def sheet() -> tuple[Tensor, Tensor]:
    """A flat, even sheet that closes around itself: neighbours' means need no border."""
    index = torch.arange(36).view(6, 6)
    right, down = index.roll(-1, 1), index.roll(-1, 0)
    both = right.roll(-1, 0)
    faces = torch.cat([torch.stack([index, right, both], -1), torch.stack([index, both, down], -1)])
    return index, faces.reshape(-1, 3)


def test_neighbours_of_a_tetrahedrons_corner_lie_at_a_third_behind_its_middle() -> None:
    energy = laplacian_energy(TETRAHEDRON, neighbour_mean(SIDES, 4))
    assert float(energy) == pytest.approx(16 / 9 * 3)


def test_offsets_that_are_alike_cost_nothing() -> None:
    _, faces = sheet()
    offsets = torch.tensor([[1.0, 2.0, 3.0]]).expand(36, 3)
    assert float(laplacian_energy(offsets, neighbour_mean(faces, 36))) < 1e-10


def test_one_raised_vertex_of_a_flat_sheet_pulls_six_neighbours() -> None:
    _, faces = sheet()
    offsets = torch.zeros(36, 3)
    offsets[7, 2] = 0.6
    energy = laplacian_energy(offsets, neighbour_mean(faces, 36))
    assert float(energy) == pytest.approx((0.6**2 + 6 * 0.1**2) / 36)


def test_a_spheres_vertex_rises_above_its_neighbours_as_their_angle_says() -> None:
    """|L v| = 1 − cos(edge's angle), which in an icosahedron is 1 − 1/√5."""
    vertices, faces = ball(0)
    energy = laplacian_energy(vertices, neighbour_mean(faces, len(vertices)))
    assert float(energy) == pytest.approx((1 - 5**-0.5) ** 2, rel=1e-5)


def test_flat_faces_agree() -> None:
    flat = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]])
    faces = torch.tensor([[0, 1, 2], [1, 3, 2]])
    assert adjacent_faces(faces).tolist() == [[0, 1]]
    assert float(normal_consistency(flat, faces, adjacent_faces(faces))) == 0


def test_faces_of_a_tetrahedron_turn_by_their_dihedral_angle() -> None:
    value = normal_consistency(TETRAHEDRON, SIDES, adjacent_faces(SIDES))
    assert float(value) == pytest.approx((1 + 1 / 3) ** 2)


def test_a_finer_sphere_turns_less_by_the_fourth_power() -> None:
    coarse, fine = (
        float(normal_consistency(vertices, faces, adjacent_faces(faces)))
        for vertices, faces in (ball(2), ball(3))
    )
    assert math.log2(coarse / fine) == pytest.approx(4, abs=0.2)


def test_gradients_are_those_of_finite_differences() -> None:
    vertices = TETRAHEDRON.double().requires_grad_()
    mean, adjacent = neighbour_mean(SIDES, 4).double(), adjacent_faces(SIDES)
    assert torch.autograd.gradcheck(lambda v: laplacian_energy(v, mean), vertices)
    assert torch.autograd.gradcheck(lambda v: normal_consistency(v, SIDES, adjacent), vertices)
