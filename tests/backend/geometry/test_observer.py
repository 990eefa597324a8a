from dataclasses import replace

import torch

from backend.geometry.observer import Observer, ObserverRules, Witnesses
from backend.types import PosedSurface, Scan, SkinnedMesh


def scan_of(radius_m: float) -> Scan:
    """An octahedron that hangs on the pelvis, all of it observed where it rests."""
    vertices = radius_m * torch.cat([torch.eye(3), -torch.eye(3)])
    signs = [(x, y, z) for x in (0, 3) for y in (1, 4) for z in (2, 5)]
    # An odd number of negative corners turns a face around.
    faces = torch.tensor([(x, y, z) if (x + y + z) % 2 else (x, z, y) for x, y, z in signs])
    weights = torch.eye(55)[:1].expand(6, 55)
    mesh = SkinnedMesh(vertices=vertices, faces=faces, weights=weights, colours=vertices)
    seen = torch.ones(6, dtype=torch.bool)
    return Scan(
        posed=PosedSurface(mesh=mesh, is_front=seen, is_observed=seen),
        camera_from_bind=torch.eye(4).expand(55, 4, 4),
        bind_vertices=vertices,
        confidence=torch.ones(6),
    )


def test_evidence_is_the_same_whether_trees_are_held_or_built_anew() -> None:
    observers = [Observer(scan_of(r), 1.0, ObserverRules()) for r in (0.1, 0.11)]
    points = 0.06 * torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    held = Witnesses(observers, most_vertices=12).evidence_at(points, 500, None)
    anew = Witnesses(observers, most_vertices=11).evidence_at(points, 70, None)
    assert torch.allclose(held.total, anew.total)
    assert torch.equal(held.left, anew.left)
    assert 0 < (held.share > 0).sum() < len(points)


def test_a_witness_tells_the_distance_to_its_surface() -> None:
    witnesses = Witnesses([Observer(scan_of(0.1), 1.0, ObserverRules())], most_vertices=0)
    points = torch.full((2, 3), 0.1 / 3) * torch.tensor([[1.1], [0.9]])
    seen = next(iter(witnesses)).observe(points)
    assert torch.allclose(seen.distance, torch.tensor([0.01, -0.01]) / 3**0.5, atol=1e-6)


def test_what_may_hang_on_another_bone_is_air_only_farther_off() -> None:
    scan = scan_of(0.1)
    weights = torch.zeros(6, 55)
    weights[:, :2] = 0.5
    bones = torch.eye(4).repeat(55, 1, 1)
    bones[0, 0, 3], bones[1, 0, 3] = 0.02, -0.02
    torn = replace(
        scan,
        posed=replace(scan.posed, mesh=replace(scan.posed.mesh, weights=weights)),
        camera_from_bind=bones,
    )
    points = torch.tensor([[0.13, 0.0, 0.0], [0.1, 0.0, 0.0]])
    shares = [
        next(iter(Witnesses([Observer(one, 1.0, ObserverRules())], most_vertices=0)))
        .outside(points)
        .share((0.005, 0.02))
        for one in (scan, torn)
    ]
    assert torch.allclose(shares[0], torch.tensor([1.0, 0.0]))
    assert 0 < shares[1][0] < 0.9
