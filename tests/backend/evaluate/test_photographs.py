import math

import numpy as np
import pytest
import torch

from backend.evaluate.photographs import (
    PhotographSettings,
    aimed,
    background,
    jpeg,
)
from backend.photos import decode_photo
from backend.synthesis.cameras import FILM_DIAGONAL_MM

SETTINGS = PhotographSettings()


def test_the_file_tells_the_focal_length() -> None:
    photo = decode_photo("a.jpg", jpeg(np.zeros((400, 300, 3), np.uint8), SETTINGS))
    assert photo.focal_px == pytest.approx(40 / FILM_DIAGONAL_MM * math.hypot(400, 300))


@pytest.mark.parametrize("yaw_deg", [0.0, 77.0, -160.0])
def test_the_camera_sees_the_whole_person(yaw_deg: float) -> None:
    corners = torch.tensor([[x, y, z] for x in (-0.8, 0.8) for y in (0, 1.8) for z in (-0.3, 0.3)])
    for seed in range(20):
        draw = np.random.default_rng(seed)
        camera_from_body, camera = aimed(corners, yaw_deg, draw, SETTINGS)
        seen = (
            corners @ camera_from_body[:3, :3].T + camera_from_body[:3, 3]
        ) @ camera.intrinsics.T
        pixels = seen[:, :2] / seen[:, 2:]
        assert bool((seen[:, 2] > 0.5).all())
        assert bool((pixels > 0).all())
        assert bool((pixels < torch.tensor([camera.width, camera.height])).all())


def test_backgrounds_hang_on_the_seed_alone() -> None:
    one, same, other = (background(np.random.default_rng(s), (60, 80)) for s in (1, 1, 2))
    assert one.shape == (80, 60, 3)
    np.testing.assert_array_equal(one, same)
    assert abs(one - other).mean() > 0.05
