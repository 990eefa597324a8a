import numpy as np
import pytest
import torch
import trimesh

from backend.geometry.remesh import is_watertight
from backend.synthesis.scan_solid import Sampling, Solid, outer_surface

SAMPLING = Sampling(
    voxel_m=0.01, gap_m=0.3, opening_m=0.04, strand_gap_m=0.06, max_samples=1_000_000
)
THICK_M = 0.02


def solid(
    body: trimesh.Trimesh, sheet: trimesh.Trimesh | None = None, *, hair: bool = False
) -> Solid:
    sheet = trimesh.Trimesh() if sheet is None else sheet
    return Solid(
        body=torch.tensor(body.vertices).float(),
        body_faces=torch.tensor(body.faces),
        middle=torch.tensor(sheet.vertices).float().reshape(-1, 3),
        sheet_faces=torch.tensor(sheet.faces).long().reshape(-1, 3),
        sheet_thickness_m=THICK_M,
        two_sided=torch.full((len(sheet.faces),), hair),
    )


def surface(*parts: trimesh.Trimesh, hair: bool = False) -> trimesh.Trimesh:
    vertices, faces = outer_surface(solid(*parts, hair=hair), SAMPLING)
    assert is_watertight(faces)
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    assert mesh.body_count == 1
    return mesh


def box(size: tuple[float, float, float], *centre: float) -> trimesh.Trimesh:
    mesh = trimesh.creation.box(size)
    mesh.apply_translation(centre or (0, 0, 0))
    return mesh


def sheet(width: float, depth: float, *centre: float) -> trimesh.Trimesh:
    flat = box((width, 1, depth))
    top = some_faces(flat, flat.face_normals[:, 1] > 0.5)
    top.apply_translation((centre[0], centre[1] - 0.5, centre[2]))
    return top


def some_faces(mesh: trimesh.Trimesh, kept: np.ndarray) -> trimesh.Trimesh:
    return trimesh.Trimesh(mesh.vertices, mesh.faces[kept], process=False)


def joined(*meshes: trimesh.Trimesh) -> trimesh.Trimesh:
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    faces = [mesh.faces + start for mesh, start in zip(meshes, starts, strict=False)]
    vertices = np.concatenate([mesh.vertices for mesh in meshes])
    return trimesh.Trimesh(vertices, np.concatenate(faces), process=False)


def tube(radius: float, height: float) -> trimesh.Trimesh:
    mesh = trimesh.creation.cylinder(radius, height, sections=64)
    return some_faces(mesh, abs(mesh.face_normals[:, 2]) < 0.5)


def test_a_body_alone_keeps_its_surface() -> None:
    ball = trimesh.creation.icosphere(4, radius=0.2)
    mesh = surface(ball)
    distance = torch.tensor(mesh.vertices).norm(dim=1) - 0.2
    assert distance.abs().max() < 1e-3


def test_two_overlapping_thick_sheets_become_one_solid() -> None:
    sheets = joined(sheet(0.4, 0.4, 0.0, 0.0, 0.0), sheet(0.4, 0.4, 0.2, 0.012, 0.1))
    mesh = surface(box((0.1, 0.1, 0.1), -0.1, -0.05, 0.0), sheets)
    assert mesh.bounds[1] == pytest.approx([0.4, 0.022, 0.3], abs=0.011)


def test_a_closed_inner_box_is_dropped() -> None:
    shell = joined(box((0.4, 0.4, 0.4)), box((0.3, 0.3, 0.3)))
    shell.faces[12:] = shell.faces[12:, ::-1]
    assert surface(shell).volume == pytest.approx(0.4**3, rel=0.02)


def test_what_floats_beside_is_dropped() -> None:
    both = joined(box((0.3, 0.3, 0.3)), box((0.1, 0.1, 0.1), 0.4, 0, 0))
    assert surface(both).volume == pytest.approx(0.3**3, rel=0.02)


def test_a_narrow_tube_around_a_leg_is_filled_and_a_wide_one_is_not() -> None:
    leg = trimesh.creation.cylinder(0.05, 1.2, sections=64)
    belt = box((0.9, 0.02, 0.02))  # joins the leg and the tube
    body = joined(leg, belt)
    narrow, wide = surface(body, tube(0.15, 0.6)), surface(body, tube(0.4, 0.6))
    assert narrow.volume > 0.75 * 3.14 * 0.15**2 * 0.6
    assert wide.volume < 0.3 * 3.14 * 0.4**2 * 0.6


def test_gaps_between_strands_are_closed_on_both_sides() -> None:
    layers = [sheet(0.4, 0.4, 0.0, height, 0.0) for height in (0.0, 0.05, 0.1)]
    card = joined(*layers)
    body = box((0.02, 0.2, 0.02))
    closed, loose = (surface(body, card, hair=hair) for hair in (True, False))
    assert closed.volume > 1.3 * loose.volume
