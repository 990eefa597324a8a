from functools import cache
from pathlib import Path

import pytest
import torch

from backend.body.anny55 import Anny55, load_anny55
from backend.body.kinematics import bone_matrices, matrix_from_axis_angle
from backend.geometry.isosurface import face_components
from backend.geometry.remesh import is_watertight
from backend.geometry.signed_distance import SurfaceQuery
from backend.geometry.skinning import pose
from backend.synthesis.own_garments import make_garments
from backend.synthesis.people import PARTS, Outfit, Person, dress
from backend.synthesis.scan import ScanSettings, TrueScan, scan
from backend.synthesis.subjects import subject

MAKEHUMAN = Path(__file__).resolve().parents[4] / "shared" / "data" / "makehuman"
COARSE = ScanSettings(voxel_m=0.008, thickness_m=0.012, inset_m=0.012, face_budget=20_000)
SKIN = (0.8, 0.6, 0.5)


@cache
def body() -> Anny55:
    return load_anny55()


def person(*wear: str) -> Person:
    garments = make_garments(body())
    outfit = Outfit(
        garments=tuple(garments[name] for name in wear),
        eyes=None,
        skin_colour=SKIN,
        skin_texture=None,
    )
    return dress(body(), body().mean_shape, outfit)


def rotations() -> torch.Tensor:
    turns = torch.eye(3).repeat(55, 1, 1)
    turns[body().joint_names.index("left_shoulder")] = matrix_from_axis_angle(
        torch.tensor([0.0, 0.0, -0.4])
    )
    return turns


@cache
def scanned(*wear: str) -> TrueScan:
    return scan(person(*wear), rotations(), COARSE)


@pytest.mark.parametrize("wear", [(), ("shirt", "trousers", "shoes"), ("shirt", "skirt")])
def test_a_scan_is_one_closed_surface(wear: tuple[str, ...]) -> None:
    surface = scanned(*wear)
    assert is_watertight(surface.faces)
    assert face_components(surface.faces, len(surface.vertices)).max() == 0
    assert len(surface.faces) <= COARSE.face_budget


def test_the_scan_of_a_bare_body_is_its_surface() -> None:
    bare = person()
    bones = bone_matrices(bare.bind.joints, bare.parents, rotations())
    skin = body().skin_faces
    posed = pose(bare.bind.vertices, body().weights, bones)
    closest = SurfaceQuery(posed, skin).closest_points(scanned().vertices, 0.1)
    assert closest.distance.median() < 1e-3
    assert closest.distance.quantile(0.99) < 0.008


def test_true_weights_take_the_scan_back_to_the_bind_pose() -> None:
    surface = scanned("shirt", "skirt")
    bones = bone_matrices(person().bind.joints, person().parents, rotations())
    torch.testing.assert_close(surface.weights.sum(dim=1), torch.ones(len(surface.weights)))
    again = pose(surface.bind_vertices.double(), surface.weights.double(), bones.double())
    assert (again - surface.vertices).norm(dim=1).max() < 1e-5


def test_weights_are_those_of_the_nearest_source() -> None:
    bare = person()
    bones = bone_matrices(bare.bind.joints, bare.parents, rotations())
    posed = pose(bare.bind.vertices, body().weights, bones)[:13380]
    gap, nearest = torch.cdist(scanned().vertices, posed).min(dim=1)
    error = (scanned().weights - body().weights[nearest]).abs().sum(dim=1)[gap < 0.002]
    assert len(error) > 50
    assert error.mean() < 0.05


def test_parts_and_colours_are_those_of_the_nearest_garment() -> None:
    surface = scanned("shirt", "skirt")
    height = surface.vertices[:, 1]
    shirt, head, shin = height > 0.25, height > 0.75, height < -0.5
    chest = shirt & (height < 0.4) & (surface.vertices[:, 0].abs() < 0.1)
    parts = make_garments(body())["shirt"].part
    assert (surface.parts[chest] == PARTS.index(parts)).float().mean() > 0.9
    assert (surface.parts[head | shin] == PARTS.index("skin")).all()
    expected = torch.tensor(SKIN).expand(int(shin.sum()), 3)
    torch.testing.assert_close(surface.colours[shin], expected)


def test_below_a_skirt_is_air_and_both_legs_are_there() -> None:
    surface = scanned("shirt", "skirt")
    knee = person().bind.joints[body().joint_names.index("left_knee")]
    ring = (surface.vertices[:, 1] - knee[1] - 0.06).abs() < 0.01
    skirt = make_garments(body())["skirt"].part
    assert (surface.parts[ring] == PARTS.index(skirt)).any()
    assert (surface.parts[ring] == PARTS.index("skin")).any()


def test_the_same_person_gives_the_same_scan() -> None:
    again = scan(person("shirt", "skirt"), rotations(), COARSE)
    assert again.vertices.equal(scanned("shirt", "skirt").vertices)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "number"), [("dress", 0), ("coat", 2), ("long_hair", 1), ("suit", 3), ("skirt", 3)]
)
def test_subjects_are_scanned_at_two_millimetres(name: str, number: int) -> None:
    seen = subject(body(), name, MAKEHUMAN)
    surface = scan(seen.person, seen.rotations[number])
    assert is_watertight(surface.faces)
    assert face_components(surface.faces, len(surface.vertices)).max() == 0
    assert 50_000 < len(surface.faces) <= 150_000
    hidden = surface.parts == PARTS.index("skin")
    assert surface.colours.min() >= 0
    assert surface.colours.max() <= 1
    assert 0.03 < hidden.float().mean() < 0.8
