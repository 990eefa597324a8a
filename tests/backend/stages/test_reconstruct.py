"""Maps become closed surfaces whose walls are known."""

from collections.abc import Callable

import torch

from backend.geometry.remesh import is_watertight
from backend.stages.reconstruct import ReconstructSettings, back_project, reconstruct
from backend.types import Camera, SkinnedMesh, SurfaceMaps


def test_surface_is_closed_and_seen_where_the_maps_say(
    template: SkinnedMesh,
    bones_of: Callable[..., torch.Tensor],
    perfect_maps: Callable[..., SurfaceMaps],
) -> None:
    maps = perfect_maps(template, bones_of({}, 0.3))
    surface = reconstruct(maps, ReconstructSettings(), photo_size=(10_000, 10_000))
    assert is_watertight(surface.mesh.faces)
    assert torch.allclose(surface.mesh.weights.sum(1), torch.ones(1), atol=1e-4)


def test_cut_by_the_photos_border_is_not_observed(
    template: SkinnedMesh,
    bones_of: Callable[..., torch.Tensor],
    perfect_maps: Callable[..., SurfaceMaps],
) -> None:
    maps = perfect_maps(template, bones_of({}, 0.0))
    lowest = int(torch.nonzero(maps.level.amax(1))[-1])
    whole = reconstruct(maps, ReconstructSettings(), photo_size=(10_000, 10_000))
    cut = reconstruct(maps, ReconstructSettings(), photo_size=(10_000, lowest + 1))
    lost = whole.is_observed & ~cut.is_observed
    assert lost.any()
    assert whole.mesh.vertices[lost, 1].min() > whole.mesh.vertices[:, 1].max() - 0.1


def test_back_projection_inverts_projection(camera: Camera) -> None:
    points = torch.rand(20, 3, generator=torch.Generator().manual_seed(0)) + torch.tensor([0, 0, 1])
    seen = points @ camera.intrinsics.T
    again = back_project(seen[:, :2] / seen[:, 2:], points[:, 2], camera)
    assert torch.allclose(again, points, atol=1e-5)
