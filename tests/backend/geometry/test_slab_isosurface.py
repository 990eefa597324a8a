from collections.abc import Iterator

import torch

from backend.geometry.isosurface import marching_cubes
from backend.geometry.remesh import is_watertight
from backend.geometry.signed_distance import Volume
from backend.geometry.slab_isosurface import outer_component, surface_of_slabs

AXIS = torch.arange(24.0)
POINTS = torch.stack(torch.meshgrid(AXIS, AXIS, AXIS, indexing="ij"), dim=-1)


def ball(radius: float, *centre: float) -> torch.Tensor:
    return (POINTS - torch.tensor(centre)).norm(dim=-1) - radius


def slabs(volume: torch.Tensor, thickness: int) -> Iterator[torch.Tensor]:
    for first in range(0, 23, thickness):
        yield volume[:, first : first + thickness + 1].clone()


def test_slabs_give_the_surface_of_the_whole_volume() -> None:
    volume = ball(8.3, 11.2, 11.7, 12.1)
    vertices, faces = surface_of_slabs(slabs(volume, 5))
    whole, _ = marching_cubes(Volume(values=volume, origin=torch.zeros(3), voxel_m=1.0))
    assert is_watertight(faces)
    assert len(vertices) == len(whole)
    radius = (vertices - torch.tensor([11.2, 11.7, 12.1])).norm(dim=1)
    assert (radius - 8.3).abs().max() < 0.03


def test_seams_are_closed_for_any_values() -> None:
    noise = torch.randn(24, 24, 24, generator=torch.Generator().manual_seed(1))
    volume = torch.nn.functional.pad(noise, (1, 1, 1, 1, 1, 1), value=1.0)
    layers = (volume[:, first : first + 6].clone() for first in range(0, 25, 5))
    _, faces = surface_of_slabs(layers)
    edges = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).sort(1).values
    assert (edges.unique(dim=0, return_counts=True)[1] % 2 == 0).all()


def test_an_empty_volume_has_no_surface() -> None:
    vertices, faces = surface_of_slabs(slabs(torch.ones(24, 24, 24), 6))
    assert len(vertices) == len(faces) == 0


def test_cavities_and_smaller_solids_are_dropped() -> None:
    solid = torch.maximum(ball(7.6, 8, 12, 12), -ball(5.2, 8, 12, 12))
    volume = torch.minimum(solid, ball(2.6, 20, 12, 12))
    vertices, faces = outer_component(*surface_of_slabs(slabs(volume, 6)))
    distance = (vertices - torch.tensor([8.0, 12, 12])).norm(dim=1)
    assert is_watertight(faces)
    assert distance.min() > 7.5
    assert distance.max() < 7.7
