"""Scans that disagree are moved onto each other."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from backend.geometry.agreement import AgreementRules, agreed
from backend.geometry.grid import Grid, sample_positions
from backend.geometry.isosurface import marching_cubes
from backend.geometry.observer import Observer, ObserverRules, Witnesses
from backend.geometry.signed_distance import Volume
from backend.types import PosedSurface, Scan, SkinnedMesh

RULES = AgreementRules()


def plate(height_m: float, turned_rad: float = 0.0) -> SkinnedMesh:
    """30 x 30 cm of 4 mm cloth that hangs on the pelvis."""
    grid = Grid(origin=torch.tensor([-0.2, -0.2, -0.01]), voxel_m=0.005, shape=(81, 81, 9))
    beyond = sample_positions(grid, torch.arange(grid.size)).abs() - torch.tensor(
        [0.15, 0.15, 0.002]
    )
    distance = beyond.amax(1).view(grid.shape)
    solid = Volume(values=distance, origin=grid.origin, voxel_m=grid.voxel_m)
    vertices, faces = marching_cubes(solid)
    weights = torch.zeros(len(vertices), 55)
    weights[:, 0] = 1
    vertices = vertices + torch.tensor([0.0, 0.0, height_m]) + turned_rad * lifted(vertices)
    return SkinnedMesh(
        vertices=vertices, faces=faces, weights=weights, colours=torch.full_like(vertices, 0.5)
    )


def lifted(vertices: Float[Tensor, "V 3"]) -> Float[Tensor, "V 3"]:
    """How far a small turn around y would move points."""
    return torch.stack([torch.zeros_like(vertices[:, 0])] * 2 + [vertices[:, 0]], 1)


def observer(mesh: SkinnedMesh) -> Observer:
    """Of a scan that saw all of the mesh in the bind pose."""
    seen = torch.ones(len(mesh.vertices), dtype=torch.bool)
    scan = Scan(
        posed=PosedSurface(mesh=mesh, is_front=seen, is_observed=seen),
        camera_from_bind=torch.eye(4).expand(55, 4, 4),
        bind_vertices=mesh.vertices,
        confidence=torch.ones(len(mesh.vertices)),
    )
    return Observer(scan, 1.0, ObserverRules())


def solid_share(observers: list[Observer]) -> float:
    """Of points in the middle between two plates, all of which lie in the one that is meant."""
    x, y = torch.meshgrid(*[torch.linspace(-0.12, 0.12, 25)] * 2, indexing="ij")
    points = torch.stack([x, y, torch.zeros_like(x)], -1).reshape(-1, 3)
    seen = Witnesses(observers, most_vertices=10**6).evidence_at(points, 10_000, None)
    return float((seen.fused(torch.ones(len(points))) < 0).float().mean())


def test_two_plates_meet_in_their_middle() -> None:
    plates = [observer(plate(height)) for height in (-0.006, 0.006)]
    assert solid_share(plates) == 0  # the mean of both distances has no inside
    assert solid_share(agreed(plates, RULES)) > 0.95


def test_a_turned_plate_is_met_as_well() -> None:
    plates = [observer(plate(0.0, turned)) for turned in (-0.05, 0.05)]
    assert solid_share(plates) < 0.6
    assert solid_share(agreed(plates, RULES)) > 0.95


def test_moved_scans_are_still_measured_against_what_was_posed() -> None:
    still = observer(plate(0.0))
    moved = still.moved(torch.tensor([[0.0, 0.0, 0.03]]).expand_as(still.bind))
    points = torch.tensor([[0.0, 0.0, 0.03 + 0.002 + 0.005]])
    seen = next(iter(Witnesses([moved], most_vertices=10**6))).observe(points)
    assert torch.allclose(seen.distance, torch.tensor([0.005]), atol=5e-4)
    assert seen.influence > 0.9


def test_the_scan_that_is_trusted_more_moves_less() -> None:
    plates = [observer(plate(height)) for height in (-0.006, 0.006)]
    plates[1].spread = torch.full_like(plates[1].spread, 0.03)
    moved = agreed(plates, RULES)
    amounts = [one.shift[:, 2].abs().median() for one in moved]
    assert amounts[1] > 5 * amounts[0]


def test_scans_far_apart_and_other_sides_stay() -> None:
    plates = [observer(plate(height)) for height in (0.0, 0.06)]
    assert all((one.shift == 0).all() for one in agreed(plates, RULES))
    stays = agreed(plates, replace(RULES, rounds=0))
    assert all(a is b for a, b in zip(stays, plates, strict=True))
    assert agreed(plates[:1], RULES)[0] is plates[0]
