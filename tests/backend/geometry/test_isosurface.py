import pytest
import torch
from torch import Tensor

from backend.geometry.isosurface import face_components, largest_component, marching_cubes
from backend.geometry.remesh import is_manifold, is_watertight
from backend.geometry.signed_distance import Volume
from backend.geometry.solids import solid_part

VOXEL_M = 0.02
ORIGIN = torch.tensor([0.3, -0.2, 1.0])


def ball(centre: tuple[float, float, float], radius: float, size: int = 32) -> Tensor:
    index = torch.cartesian_prod(*[torch.arange(size)] * 3).float()
    distance = (index * VOXEL_M - torch.tensor(centre)).norm(dim=1) - radius
    return distance.reshape(size, size, size)


def enclosed_volume(vertices: Tensor, faces: Tensor) -> float:
    return float(torch.linalg.det(vertices[faces].double()).sum() / 6)


def surface(values: Tensor) -> tuple[Tensor, Tensor]:
    return marching_cubes(Volume(values=values, origin=ORIGIN, voxel_m=VOXEL_M))


def test_the_zero_level_of_a_ball_is_its_sphere() -> None:
    vertices, faces = surface(ball((0.3, 0.3, 0.3), 0.2))
    radius = (vertices - ORIGIN - 0.3).norm(dim=1)
    assert (radius - 0.2).abs().max() < 5e-4
    assert is_manifold(vertices, faces)


def test_faces_are_counter_clockwise_from_outside() -> None:
    vertices, faces = surface(ball((0.3, 0.3, 0.3), 0.2))
    assert 0.0325 < enclosed_volume(vertices, faces) < 4.19 * 0.2**3


def test_a_ball_cut_by_the_border_is_capped() -> None:
    vertices, faces = surface(ball((0.0, 0.3, 0.3), 0.2))
    assert is_watertight(faces)
    assert (vertices - ORIGIN).min() > -VOXEL_M


def test_values_of_exactly_zero_leave_the_surface_manifold() -> None:
    values = (ball((0.31, 0.31, 0.31), 0.2) / VOXEL_M).round() * VOXEL_M
    assert is_manifold(*surface(values))


@pytest.mark.parametrize("seed", range(6))
def test_the_surface_of_any_values_is_manifold(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(12, 13, 14, generator=generator)
    values = (values, values.round(), values.sign(), 1e-20 * values)[seed % 4]
    assert is_manifold(*surface(values))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_the_surface_of_a_solid_part_is_one_piece(share: float) -> None:
    generator = torch.Generator().manual_seed(3)
    values = (torch.rand(12, 13, 14, generator=generator) - share).round(decimals=1)
    vertices, faces = surface(solid_part(values))
    assert is_manifold(vertices, faces)
    assert face_components(faces, len(vertices)).max() == 0


def test_nothing_inside_is_an_empty_mesh() -> None:
    vertices, faces = surface(torch.ones((8, 8, 8)))
    assert (len(vertices), len(faces)) == (0, 0)
    assert largest_component(vertices, faces)[1].shape == (0, 3)


def test_the_largest_component_is_the_larger_ball() -> None:
    values = torch.minimum(ball((0.2, 0.2, 0.2), 0.15), ball((0.5, 0.5, 0.5), 0.08))
    vertices, faces = surface(values)
    assert face_components(faces, len(vertices)).unique().tolist() == [0, 1]
    kept, kept_faces = largest_component(vertices, faces)
    assert ((kept - ORIGIN - 0.2).norm(dim=1) - 0.15).abs().max() < 1e-3
    assert is_watertight(kept_faces)
    assert kept_faces.max() == len(kept) - 1
