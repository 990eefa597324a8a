"""Posed surfaces go back to where they came from."""

from collections.abc import Callable

import torch

from backend.geometry.signed_distance import SurfaceQuery
from backend.stages.canonicalize import CanonicalizeSettings, canonicalize, is_stretched
from backend.stages.reconstruct import ReconstructSettings, reconstruct
from backend.types import PosedSurface, SkinnedMesh, SurfaceMaps

RAISED_ARM = {16: [0.0, 0.0, 0.9], 18: [0.0, -0.4, 0.0], 4: [0.5, 0.0, 0.0]}


def scanned(maps: SurfaceMaps) -> PosedSurface:
    return reconstruct(maps, ReconstructSettings(), photo_size=(10_000, 10_000))


def test_perfect_maps_return_to_the_template(
    template: SkinnedMesh,
    bones_of: Callable[..., torch.Tensor],
    perfect_maps: Callable[..., SurfaceMaps],
) -> None:
    bones = bones_of(RAISED_ARM, 0.6)
    scan = canonicalize(scanned(perfect_maps(template, bones)), bones, CanonicalizeSettings())
    trusted = scan.bind_vertices[scan.confidence > 0]
    query = SurfaceQuery(template.vertices, template.faces)
    assert len(trusted) > 0.8 * len(scan.confidence)
    assert query.closest_points(trusted, 0.1).distance.mean() < 1e-3


def test_an_arm_before_the_trunk_leaves_no_web(
    template: SkinnedMesh,
    bones_of: Callable[..., torch.Tensor],
    perfect_maps: Callable[..., SurfaceMaps],
) -> None:
    bones = bones_of({16: [0.0, -0.9, -0.7]}, 0.0)
    scan = canonicalize(scanned(perfect_maps(template, bones)), bones, CanonicalizeSettings())
    trusted = scan.bind_vertices[scan.confidence > 0]
    query = SurfaceQuery(template.vertices, template.faces)
    assert query.closest_points(trusted, 0.5).distance.max() < 0.03


def test_stretched_faces_are_told_from_turned_ones() -> None:
    posed = torch.tensor([[0.0, 0, 0], [0.01, 0, 0], [0, 0.01, 0]])
    turned, stretched = posed[:, [1, 2, 0]], posed * torch.tensor([4.0, 1, 1])
    faces, settings = torch.tensor([[0, 1, 2]]), CanonicalizeSettings()
    assert not is_stretched(posed, turned, faces, settings).any()
    assert is_stretched(posed, stretched, faces, settings).all()


def test_confidence_rises_smoothly_from_what_is_not_observed(
    template: SkinnedMesh,
    bones_of: Callable[..., torch.Tensor],
    perfect_maps: Callable[..., SurfaceMaps],
) -> None:
    bones = bones_of({16: [0.0, -0.9, -0.7]}, 0.0)
    surface = scanned(perfect_maps(template, bones))
    scan = canonicalize(surface, bones, CanonicalizeSettings())
    assert (scan.confidence[~surface.is_observed] == 0).all()
    assert ((scan.confidence > 0.1) & (scan.confidence < 0.9)).any()
