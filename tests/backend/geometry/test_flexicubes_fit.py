import pytest
import torch
import trimesh
from torch import Tensor

from backend.geometry.flexicubes_fit import (
    HALF_DIAGONAL,
    FlexicubesSettings,
    cube_band,
    fit_flexicubes,
    into_thin_layers,
    voxel_for,
)
from backend.geometry.remesh import is_manifold
from backend.geometry.signed_distance import SurfaceQuery

Mesh = tuple[Tensor, Tensor]


def fitted(mesh: Mesh, steps: int, deviation_weight: float = 0.02) -> Mesh:
    settings = FlexicubesSettings(voxel_m=0.2, steps=steps, deviation_weight=deviation_weight)
    return fit_flexicubes(*mesh, settings, report=lambda _: None)


def distances(found: Mesh, mesh: Mesh) -> Tensor:
    """Of vertices and middles of faces from a mesh."""
    points = torch.cat([found[0], found[0][found[1]].mean(1)])
    return SurfaceQuery(*mesh).closest_points(points, 1.0).distance


def slimness(mesh: Mesh) -> Tensor:
    """1 for a triangle with equal sides, 0 for one without area."""
    a, b, c = mesh[0][mesh[1]].unbind(1)
    sides = sum((x - y).square().sum(1) for x, y in ((a, b), (b, c), (c, a)))
    return 2 * 3**0.5 * torch.linalg.cross(b - a, c - a).norm(dim=1) / sides


def test_fitting_brings_the_faces_to_the_surface(sphere: Mesh) -> None:
    before, after = fitted(sphere, 0), fitted(sphere, 30)
    assert is_manifold(*after)
    assert distances(after, sphere).mean() < 0.3 * distances(before, sphere).mean()
    assert distances(after, sphere).mean() < 0.004


def test_the_deviation_term_makes_slivers_rounder(sphere: Mesh) -> None:
    alone = slimness(fitted(sphere, 30, 0.0))
    with_term = slimness(fitted(sphere, 30, 0.1))
    assert with_term.quantile(0.01) > alone.quantile(0.01) + 0.02


def test_the_voxel_is_chosen_for_a_number_of_faces(sphere: Mesh) -> None:
    voxel_m = voxel_for(*sphere, 3000)
    settings = FlexicubesSettings(voxel_m=voxel_m, steps=0)
    _, faces = fit_flexicubes(*sphere, settings, report=lambda _: None)
    assert 2850 < len(faces) < 3150


def plate(thickness: float) -> Mesh:
    """A square plate of 4 x 4, tilted, in voxels, between 8 and 14."""
    box = trimesh.creation.box((4.0, 4.0, thickness)).subdivide()
    box.apply_transform(trimesh.transformations.euler_matrix(0.3, 0.2, 0.1))
    return torch.tensor(box.vertices).float() + 11.27, torch.tensor(box.faces)


def test_a_plate_half_as_thick_as_a_voxel_stays_whole() -> None:
    mesh = plate(0.5)
    settings = FlexicubesSettings(voxel_m=1.0, steps=10)
    vertices, faces = fit_flexicubes(*mesh, settings, report=lambda _: None)
    assert is_manifold(vertices, faces)
    assert len(vertices) - len(faces) // 2 == 2
    assert distances((vertices, faces), mesh).mean() < 0.1
    a, b, c = vertices[faces].unbind(1)
    volume = (torch.linalg.cross(a - 11, b - 11) * (c - 11)).sum() / 6
    assert volume > 0.6 * 4 * 4 * 0.5


def test_points_move_into_thin_layers_alone(sphere: Mesh) -> None:
    points = torch.cartesian_prod(*3 * [torch.arange(8.0, 15.0)])
    for mesh, moves in ((plate(0.5), True), ((3 * sphere[0] + 11, sphere[1]), False)):
        query = SurfaceQuery(*mesh)
        shift = into_thin_layers(mesh, query, points, 0.49)
        assert shift.any() == moves
        moved = shift.abs().amax(1) > 0
        assert (query.signed_distance(points + shift, 8.0)[moved] < 0).all()


def test_the_band_holds_every_cube_that_the_surface_meets(sphere: Mesh) -> None:
    query = SurfaceQuery(6.3 * sphere[0] + 10.0, sphere[1])
    band = cube_band(query, torch.full((3,), 16.3), HALF_DIAGONAL)
    everywhere = torch.cartesian_prod(*3 * [torch.arange(2.0, 18.0)])
    radius = (everywhere[:, None] + torch.rand(1, 50, 3) - 10).norm(dim=2)
    met = everywhere[(radius.amin(1) < 6.2) & (radius.amax(1) > 6.3)]
    held = {tuple(low) for low in band.points[band.cubes[:, 0]].tolist()}
    assert {tuple(low) for low in met.tolist()} <= held
    assert len(held) == len(band.cubes) < 2 * len(met)


def test_progress_rises_and_can_stop_the_fit(sphere: Mesh) -> None:
    told: list[float] = []

    def report(fraction: float) -> None:
        told.append(fraction)
        if fraction >= 0.5:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fit_flexicubes(*sphere, FlexicubesSettings(voxel_m=0.2, steps=4), report=report)
    assert told == [0.0, 0.25, 0.5]
