"""Scans and template become one surface."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from backend.geometry.observer import WRISTS_AND_FINGERS, ObserverRules
from backend.geometry.remesh import is_manifold
from backend.geometry.signed_distance import SurfaceQuery
from backend.stages.canonicalize import CanonicalizeSettings, canonicalize
from backend.stages.fuse import FuseSettings, fuse
from backend.stages.reconstruct import ReconstructSettings, reconstruct
from backend.types import Scan, SkinnedMesh, SurfaceMaps

COARSE = FuseSettings(voxel_m=0.012, observe=ObserverRules(reach_m=0.03), face_budget=8_000)
Poses = Callable[..., torch.Tensor]
Maps = Callable[..., SurfaceMaps]


def quiet(stage: str, fraction: float) -> None:
    """Report nothing."""


@pytest.fixture(scope="module")
def scan_of(bones_of: Poses, perfect_maps: Maps) -> Callable[..., Scan]:
    def scan(mesh: SkinnedMesh, turned: dict[int, list[float]], yaw_rad: float) -> Scan:
        bones = bones_of(turned, yaw_rad)
        maps = perfect_maps(mesh, bones)
        surface = reconstruct(maps, ReconstructSettings(), photo_size=(10_000, 10_000))
        return canonicalize(surface, bones, CanonicalizeSettings())

    return scan


def distance_mm(surface: SkinnedMesh, truth: SkinnedMesh) -> torch.Tensor:
    query = SurfaceQuery(truth.vertices, truth.faces)
    return 1000 * query.closest_points(surface.vertices, 0.5).distance


def with_skirt(template: SkinnedMesh) -> SkinnedMesh:
    """The body with a closed cone around its legs, bound to the pelvis."""
    angle = torch.arange(48) * (2 * torch.pi / 48)
    ring = torch.stack([angle.cos(), torch.zeros(48), angle.sin()], 1)
    hips = template.vertices[template.weights[:, 1] > 0.5].mean(0)
    heights = torch.tensor([0.12, -0.1, -0.3])
    rows = [
        hips * torch.tensor([0, 1, 1]) + r * ring + torch.tensor([0, h, 0])
        for r, h in zip((0.2, 0.3, 0.42), heights.tolist(), strict=True)
    ]
    start = len(template.vertices)
    a = torch.arange(48)
    b = (a + 1) % 48
    sides = [torch.stack([k * 48 + a, k * 48 + b, k * 48 + 48 + a], 1) for k in (0, 1)]
    sides += [torch.stack([k * 48 + b, k * 48 + 48 + b, k * 48 + 48 + a], 1) for k in (0, 1)]
    weights = torch.zeros(3 * 48, 55)
    weights[:, 0] = 1
    return SkinnedMesh(
        vertices=torch.cat([template.vertices, *rows]),
        faces=torch.cat([template.faces, *(start + side for side in sides)]),
        weights=torch.cat([template.weights, weights]),
        colours=torch.full((start + 3 * 48, 3), 0.5),
    )


def test_two_perfect_scans_give_the_template_back(
    template: SkinnedMesh, scan_of: Callable[..., Scan]
) -> None:
    scans = [scan_of(template, {16: [0, 0, 0.5]}, 0.0), scan_of(template, {4: [0.5, 0, 0]}, 3.1)]
    fused = fuse(scans, template, COARSE, report=quiet)
    assert is_manifold(fused.vertices, fused.faces)
    assert distance_mm(fused, template).mean() < 3
    assert torch.allclose(fused.weights.sum(1), torch.ones(1), atol=1e-4)


def test_a_skirt_far_off_the_legs_survives(
    template: SkinnedMesh, scan_of: Callable[..., Scan]
) -> None:
    dressed = with_skirt(template)
    scans = [scan_of(dressed, {}, yaw) for yaw in (0.0, 1.6)]
    fused = fuse(scans, template, COARSE, report=quiet)
    hem = dressed.vertices[-48:]
    reached = SurfaceQuery(fused.vertices, fused.faces).closest_points(hem, 0.5).distance
    assert reached.median() < 0.03


def test_a_hand_on_the_trunk_leaves_no_print(
    template: SkinnedMesh, scan_of: Callable[..., Scan]
) -> None:
    touching = scan_of(template, {16: [0, 0, -0.75], 18: [0, 0, 0.2]}, 0.0)
    fused = fuse([touching], template, COARSE, report=quiet)
    assert distance_mm(fused, template).quantile(0.99) < 12


def test_every_scan_contributes(template: SkinnedMesh, scan_of: Callable[..., Scan]) -> None:
    def thick(offset_m: float) -> SkinnedMesh:
        grown = template.vertices * torch.tensor([1 + offset_m, 1.0, 1 + offset_m])
        return SkinnedMesh(
            vertices=grown,
            faces=template.faces,
            weights=template.weights,
            colours=template.colours,
        )

    front, back = scan_of(thick(0.2), {}, 0.0), scan_of(template, {}, 3.14)
    both = fuse([front, back], template, COARSE, report=quiet)
    alone = fuse([back], template, COARSE, report=quiet)
    assert distance_mm(both, template).mean() > distance_mm(alone, template).mean() + 1


def test_memory_of_the_grid_is_bounded(template: SkinnedMesh, scan_of: Callable[..., Scan]) -> None:
    settings = FuseSettings(voxel_m=0.002, max_samples=300_000, face_budget=4_000)
    fused = fuse([scan_of(template, {}, 0.0)], template, settings, report=quiet)
    assert len(fused.faces) <= 4_000


def test_what_another_photo_sees_as_air_is_taken_away(
    template: SkinnedMesh, scan_of: Callable[..., Scan]
) -> None:
    chest = (template.weights[:, 9] > 0.5) & (template.vertices[:, 2] > 0)
    swollen = template.vertices.clone()
    swollen[chest, 2] += 0.12
    wrong = scan_of(replace(template, vertices=swollen), {}, 0.0)
    right = [scan_of(template, {}, yaw) for yaw in (1.57, -1.57)]
    alone = fuse([wrong], template, COARSE, report=quiet)
    together = fuse([wrong, *right], template, COARSE, report=quiet)
    assert alone.vertices[:, 2].max() > template.vertices[chest, 2].max() + 0.09
    assert distance_mm(together, template).quantile(0.99) < 40


def test_hands_that_no_photo_shows_in_their_place_survive(
    template: SkinnedMesh, scan_of: Callable[..., Scan]
) -> None:
    is_hand = template.weights[:, list(WRISTS_AND_FINGERS)].sum(1) > 0.5
    kept = ~is_hand[template.faces].all(1)
    handless = replace(template, faces=template.faces[kept])
    fused = fuse(
        [scan_of(handless, {}, yaw) for yaw in (0.0, 1.57)], template, COARSE, report=quiet
    )
    lost = SurfaceQuery(fused.vertices, fused.faces).closest_points(template.vertices[is_hand], 0.5)
    assert lost.distance.mean() < 0.25 * COARSE.voxel_m
