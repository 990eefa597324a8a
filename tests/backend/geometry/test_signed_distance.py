import pytest
import torch
from torch import Tensor

from backend.geometry.isosurface import marching_cubes
from backend.geometry.nearest import interpolate_at
from backend.geometry.signed_distance import SurfaceQuery, narrow_band

BOUNDS = torch.tensor([[-1.1, -1.2, -1.3], [1.1, 1.2, 1.3]])
CHORD = 0.003  # the faces of the sphere run this far inside it


def sphere_distance(points: Tensor) -> Tensor:
    return points.norm(dim=1) - 1


@pytest.mark.parametrize("method", ["signed_distance", "signed_distance_by_winding"])
def test_distance_to_a_sphere_is_negative_inside(
    sphere: tuple[Tensor, Tensor], points: Tensor, method: str
) -> None:
    distance = getattr(SurfaceQuery(*sphere), method)(points, 3.0)
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


def test_an_open_hemisphere_winds_around_its_inside(sphere: tuple[Tensor, Tensor]) -> None:
    vertices, faces = sphere
    half = faces[(vertices[faces][..., 1] >= 0).all(1)]
    inside = torch.tensor([[0.0, 0.6, 0], [0, 1.2, 0]])
    distance = SurfaceQuery(vertices, half).signed_distance_by_winding(inside, 1.0)
    assert distance.tolist() == pytest.approx([-0.4, 0.2], abs=CHORD)


def test_overlapping_pieces_are_one_solid_by_winding(sphere: tuple[Tensor, Tensor]) -> None:
    vertices, faces = sphere
    overlapping = torch.cat([vertices, 0.4 * vertices + torch.tensor([0.0, 0, 0.9])])
    query = SurfaceQuery(overlapping, torch.cat([faces, faces + len(vertices)]))
    between = torch.tensor([[0.0, 0, 0.45]])  # inside the sphere, 0.05 before the small one
    assert query.signed_distance_by_winding(between, 1.0).item() == pytest.approx(-0.05, abs=CHORD)
    assert query.signed_distance(between, 1.0).item() == pytest.approx(0.05, abs=CHORD)


def test_narrow_band_equals_the_dense_volume() -> None:
    band_m = 0.1
    volume = narrow_band(BOUNDS, 0.05, band_m, coarse=sphere_distance, fine=sphere_distance)
    index = torch.cartesian_prod(*(torch.arange(n) for n in volume.values.shape))
    places = volume.origin + index * volume.voxel_m
    dense = sphere_distance(places).clamp(-band_m, band_m).reshape(volume.values.shape)
    assert torch.allclose(volume.values, dense, atol=1e-6)
    assert (places[-1] >= BOUNDS[1]).all()


def test_narrow_band_evaluates_a_shell_only() -> None:
    asked: list[int] = []

    def fine(points: Tensor) -> Tensor:
        asked.append(len(points))
        return sphere_distance(points)

    volume = narrow_band(BOUNDS, 0.01, 0.02, coarse=sphere_distance, fine=fine)
    assert sum(asked) < 0.25 * volume.values.numel()


def test_the_zero_level_is_that_of_the_fine_function() -> None:
    def fine(points: Tensor) -> Tensor:
        return sphere_distance(points) + 0.05

    vertices, _ = marching_cubes(narrow_band(BOUNDS, 0.02, 0.08, coarse=sphere_distance, fine=fine))
    assert (vertices.norm(dim=1) - 0.95).abs().max() < 2e-3
