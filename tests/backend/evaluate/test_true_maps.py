import math
from pathlib import Path

import pytest
import torch

from backend.body.anny55 import Anny55
from backend.body.kinematics import bones_of, moved_joints
from backend.evaluate.inputs import first_of, poses_of
from backend.evaluate.photographs import PhotographSettings
from backend.evaluate.protocols.mesh import Surface
from backend.evaluate.true_maps import TrueMapsSettings, seen_in_photos, true_maps
from backend.evaluate.truth import Given, read_given
from backend.geometry.signed_distance import SurfaceQuery
from backend.stages.reconstruct import ReconstructSettings
from backend.types import Camera

SMALL = TrueMapsSettings(resolution=160, photographs=PhotographSettings(size_px=(300, 400)))
RECONSTRUCTION = ReconstructSettings()


@pytest.fixture
def given(subject_folder: Path) -> Given:
    return read_given(subject_folder)


@pytest.fixture
def slab() -> Surface:
    """A box 1 m wide and high and 0.2 m thick, its front 3 m before the camera."""
    corners = torch.tensor(
        [[x, y, z] for z in (3.0, 3.2) for y in (-0.5, 0.5) for x in (-0.5, 0.5)]
    )
    quads = ((0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5))
    faces = [corner for a, b, c, d in quads for corner in ((a, b, c), (a, c, d))]
    return Surface(vertices=corners, faces=torch.tensor(faces))


def test_maps_show_front_back_and_outline_of_a_box(slab: Surface) -> None:
    intrinsics = torch.tensor([[600.0, 0, 150], [0, 600, 150], [0, 0, 1]])
    camera = Camera(intrinsics=intrinsics, width=300, height=300)
    maps = true_maps(slab, camera, SMALL)
    inside = maps.level > 0.5
    assert maps.depth[0, 80, 80] == pytest.approx(3.0, abs=1e-4)
    assert maps.depth[1, 80, 80] == pytest.approx(3.2, abs=1e-4)
    assert bool((maps.depth[:, inside] > 0).all())
    assert not bool(maps.depth[:, ~inside].any())
    side_px = float(maps.level.sum()) ** 0.5
    assert side_px == pytest.approx(160 * 0.94, rel=2e-3)  # the crop is fitted around it


def test_maps_hold_no_weights(slab: Surface) -> None:
    intrinsics = torch.tensor([[600.0, 0, 150], [0, 600, 150], [0, 0, 1]])
    maps = true_maps(slab, Camera(intrinsics=intrinsics, width=300, height=300), SMALL)
    assert maps.weights.shape == (2, int((maps.level > 0.5).sum()), 0)


def test_surfaces_of_photos_lie_on_the_scan(given: Given) -> None:
    seen = seen_in_photos(given, 3, RECONSTRUCTION, SMALL)
    for k, surface in enumerate(seen.scans):
        body_from_camera = torch.linalg.inv(seen.camera_from_body[k])
        points = surface.vertices @ body_from_camera[:3, :3].T + body_from_camera[:3, 3]
        scan = given.scans[k % 2]
        found = SurfaceQuery(scan.vertices, scan.faces).closest_points(points, 1.0)
        apart = found.distance[seen.is_observed[k]].abs()
        assert float(apart.median()) < 0.001
        assert float(apart.quantile(0.95)) < 0.02


def test_photos_see_all_sides_and_poses_in_turn(given: Given) -> None:
    seen = seen_in_photos(given, 4, RECONSTRUCTION, SMALL)
    towards = seen.camera_from_body[:, 2, [0, 2]]  # the viewing direction in body axes
    yaws = [round(math.degrees(math.atan2(-x, -z)) / 90) % 4 for x, z in towards.tolist()]
    assert yaws == [0, 2, 1, 3]
    assert torch.equal(seen.rotations, given.rotations[[0, 1, 0, 1]])


def test_the_posed_body_lies_in_the_photos_surface(given: Given, body: Anny55) -> None:
    seen = first_of(seen_in_photos(given, 2, RECONSTRUCTION, SMALL), 1)
    assert len(seen.scans) == len(seen.is_front) == len(seen.rotations) == 1
    poses = poses_of(seen, body)
    pelvis = moved_joints(poses.joints, bones_of(poses))[0, 0]
    low, high = (seen.scans[0].vertices.quantile(q, dim=0) for q in (0.01, 0.99))
    assert bool((low < pelvis).all())
    assert bool((pelvis < high).all())
