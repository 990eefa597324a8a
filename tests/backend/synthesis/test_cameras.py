import math

import pytest
import torch
from torch import Tensor

from backend.synthesis.cameras import random_camera, random_partial_camera

PERSON = torch.rand(200, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor(
    [0.6, 1.8, 0.4]
)
SIZE = (200, 256)


def pixels(camera_from_body: Tensor, intrinsics: Tensor) -> tuple[Tensor, Tensor]:
    points = PERSON @ camera_from_body[:3, :3].T + camera_from_body[:3, 3]
    seen = points @ intrinsics.T
    return seen[:, :2] / seen[:, 2:], points[:, 2]


@pytest.mark.parametrize("seed", range(40))
def test_the_whole_person_stands_in_the_frame_and_fills_much_of_it(seed: int) -> None:
    matrix, camera = random_camera(seed, PERSON, size_px=SIZE)
    place, depth = pixels(matrix, camera.intrinsics)
    assert depth.min() >= 0.39
    assert place.min() >= 0
    assert (place <= torch.tensor(SIZE)).all()
    extent = (place.amax(0) - place.amin(0)) / torch.tensor(SIZE)
    assert extent.max() > 0.45


def test_cameras_stand_on_all_sides_at_heights_within_the_range() -> None:
    forwards = torch.stack([random_camera(seed, PERSON)[0][2, :3] for seed in range(100)])
    yaw = torch.atan2(forwards[:, 0], forwards[:, 2])
    assert yaw.histc(8, -math.pi, math.pi).min() >= 3
    pitch = torch.rad2deg(torch.asin(-forwards[:, 1]))
    assert -15.01 <= pitch.min() < -10
    assert 25 < pitch.max() <= 30.01


def test_focal_lengths_are_those_of_common_lenses() -> None:
    focal = torch.stack([random_camera(seed, PERSON)[1].intrinsics[0, 0] for seed in range(50)]) * (
        43.27 / (256 * math.sqrt(2))
    )
    assert 24 <= focal.min() < 30
    assert 70 < focal.max() <= 85


def test_the_camera_is_rigid() -> None:
    rotation = random_camera(3, PERSON)[0][:3, :3]
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(3), atol=1e-6, rtol=0)
    assert float(torch.linalg.det(rotation)) == pytest.approx(1)


@pytest.mark.parametrize("seed", range(5))
def test_a_partial_view_leaves_some_of_the_person_out(seed: int) -> None:
    matrix, camera = random_partial_camera(seed, PERSON, size_px=SIZE)
    place, depth = pixels(matrix, camera.intrinsics)
    assert depth.min() >= 0.39  # nothing reaches behind the camera
    is_inside = ((place >= 0) & (place <= torch.tensor(SIZE))).all(1)
    assert 0.2 < is_inside.float().mean() < 1


def test_a_seed_gives_its_own_camera() -> None:
    assert random_camera(1, PERSON)[0].equal(random_camera(1, PERSON)[0])
    assert not random_camera(1, PERSON)[0].equal(random_camera(2, PERSON)[0])
