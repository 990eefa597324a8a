"""Where what a scan saw ends, the surface passes over to the template without a step."""

import functools
import math
from dataclasses import replace

import pytest
import torch

from backend.geometry.grid import Grid, sample_positions
from backend.geometry.isosurface import marching_cubes
from backend.geometry.observer import ObserverRules
from backend.geometry.signed_distance import Volume
from backend.stages.canonicalize import CanonicalizeSettings, canonicalize
from backend.stages.fuse import PAPER, FuseSettings, fuse
from backend.types import PosedSurface, SkinnedMesh

RADIUS_M, OFFSET_M = 0.15, 0.01
FINE = {"voxel_m": 0.005, "face_budget": 20_000, "face_joints": (0,), "face_times": 1.0}
BLENDED, SMOOTH = FuseSettings(**FINE), CanonicalizeSettings(fade_m=0.03)
HARD = replace(BLENDED, observe=ObserverRules(fade_start=0.99, detour_m=(0.04, 0.0401)))
AT_ONCE = CanonicalizeSettings(fade_m=1e-4)
STEPPED = ((HARD, AT_ONCE), (replace(PAPER, **FINE), SMOOTH))
"""Blended over no width, and the paper's switch."""


def quiet(stage: str, fraction: float) -> None:
    """Report nothing."""


def ball(radius_m: float) -> SkinnedMesh:
    """A sphere around the origin that hangs on the pelvis."""
    grid = Grid(origin=torch.full((3,), -0.2), voxel_m=0.01, shape=(41, 41, 41))
    distance = sample_positions(grid, torch.arange(grid.size)).norm(dim=1) - radius_m
    volume = Volume(values=distance.view(grid.shape), origin=grid.origin, voxel_m=grid.voxel_m)
    vertices, faces = marching_cubes(volume)
    weights = torch.zeros(len(vertices), 55)
    weights[:, 0] = 1
    colours = torch.full_like(vertices, 0.5)
    vertices = radius_m * torch.nn.functional.normalize(vertices, dim=1)
    return SkinnedMesh(vertices=vertices, faces=faces, weights=weights, colours=colours)


@functools.cache
def fused_ball(settings: FuseSettings, trust: CanonicalizeSettings) -> SkinnedMesh:
    """Of a scan that lies 1 cm outside the template and saw its half towards +z alone."""
    grown = ball(RADIUS_M + OFFSET_M)
    front = grown.vertices[:, 2] > 0
    surface = PosedSurface(mesh=grown, is_front=torch.ones_like(front), is_observed=front)
    scan = canonicalize(surface, torch.eye(4).expand(55, 4, 4), trust)
    return fuse([scan], ball(RADIUS_M), settings, report=quiet)


def from_pole_m(points: torch.Tensor) -> torch.Tensor:
    """How far along the template points lie from the middle of what was seen."""
    return RADIUS_M * torch.atan2(points[:, :2].norm(dim=1), points[:, 2])


def blend_width_m(fused: SkinnedMesh) -> float:
    """How far it is, along the template, from 95 % of the offset to 5 %."""
    place, offset = from_pole_m(fused.vertices), fused.vertices.norm(dim=1) - RADIUS_M
    rings = torch.arange(0.18, 0.32, 0.002)
    mean = torch.stack([offset[(place - ring).abs() < 0.004].median() for ring in rings])
    return 0.002 * int(((mean > 0.05 * OFFSET_M) & (mean < 0.95 * OFFSET_M)).sum())


def leaning_degrees(fused: SkinnedMesh) -> float:
    """Between faces near the border and the template below them; 99 of 100 lean no more."""
    corners = fused.vertices[fused.faces]
    middle = corners.mean(1)
    near = (from_pole_m(middle) - math.pi / 2 * RADIUS_M).abs() < 0.05
    a, b, c = corners[near].unbind(1)
    cosine = torch.cosine_similarity(torch.linalg.cross(b - a, c - a), middle[near], dim=1)
    return float(cosine.clamp(-1, 1).acos().rad2deg().quantile(0.99))


def test_the_scan_passes_over_to_the_template_within_more_than_a_centimetre() -> None:
    assert blend_width_m(fused_ball(BLENDED, SMOOTH)) > 0.015


def test_the_surface_has_no_step_where_the_scan_ends() -> None:
    # 1 cm over 3 cm by a smooth step is a slope of 27° at most.
    assert leaning_degrees(fused_ball(BLENDED, SMOOTH)) < 35


@pytest.mark.parametrize(("settings", "trust"), STEPPED)
def test_a_hard_switch_would_leave_a_step(
    settings: FuseSettings, trust: CanonicalizeSettings
) -> None:
    fused = fused_ball(settings, trust)
    assert blend_width_m(fused) < 0.01
    assert leaning_degrees(fused) > 60
