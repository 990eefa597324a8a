import pytest
import torch
from torch import Tensor

from backend.geometry.flexicubes_fit import (
    HALF_DIAGONAL,
    FlexicubesSettings,
    cube_band,
    fit_flexicubes,
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


def test_the_band_holds_every_cube_that_the_surface_meets(sphere: Mesh) -> None:
    query = SurfaceQuery(6.3 * sphere[0] + 10.0, sphere[1])
    band = cube_band(query, torch.full((3,), 16.3), HALF_DIAGONAL)
    everywhere = torch.cartesian_prod(*3 * [torch.arange(2.0, 18.0)])
    radius = (everywhere[:, None] + torch.rand(1, 50, 3) - 10).norm(dim=2)
    met = everywhere[(radius.amin(1) < 6.2) & (radius.amax(1) > 6.3)]
    held = {tuple(low) for low in band.points[band.cubes[:, 0]].tolist()}
    assert {tuple(low) for low in met.tolist()} <= held
    assert len(held) == len(band.cubes) < 2 * len(met)


def test_points_inside_the_band_are_no_rim(sphere: Mesh) -> None:
    query = SurfaceQuery(6.3 * sphere[0] + 10.0, sphere[1])
    band = cube_band(query, torch.full((3,), 16.3), 2.0)
    away = ((band.points - 10).norm(dim=1) - 6.3).abs()
    assert not band.is_rim[away < 2 - HALF_DIAGONAL].any()
    assert band.is_rim[away > 2 + HALF_DIAGONAL - 0.3].all()


def test_progress_rises_and_can_stop_the_fit(sphere: Mesh) -> None:
    told: list[float] = []

    def report(fraction: float) -> None:
        told.append(fraction)
        if fraction >= 0.5:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fit_flexicubes(*sphere, FlexicubesSettings(voxel_m=0.2, steps=4), report=report)
    assert told == [0.0, 0.25, 0.5]
