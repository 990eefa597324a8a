import math

import pytest
import torch
from torch import Tensor

from backend.render.preview import (
    PreviewSettings,
    look_at,
    scaled,
    shade,
    turntable,
    turntable_view,
)
from backend.render.rasterizer import rasterize
from backend.types import Camera

CAMERA = Camera(
    intrinsics=torch.tensor([[60.0, 0, 32], [0, 60, 24], [0, 0, 1]]), width=64, height=48
)


def box(width_m: float, height_m: float) -> tuple[Tensor, Tensor]:
    """A flat upright rectangle in the plane z = 0.2 of the body frame."""
    x, y = width_m / 2, height_m / 2
    vertices = torch.tensor([[-x, -y, 0.2], [x, -y, 0.2], [x, y, 0.2], [-x, y, 0.2]])
    return vertices, torch.tensor([[0, 1, 2], [0, 2, 3]])


def test_what_faces_the_camera_keeps_its_colour() -> None:
    vertices = torch.tensor([[-5.0, -5, 2], [5, -5, 2], [5, 5, 2], [-5, 5, 2]])
    colours = torch.tensor([[0.2, 0.5, 0.8]]).expand(4, 3)
    image = shade(vertices, torch.tensor([[0, 1, 2], [0, 2, 3]]), colours, CAMERA)
    assert image[24, 32].tolist() == pytest.approx([0.2, 0.5, 0.8], abs=0.01)


def test_the_background_surrounds_the_mesh(sphere: tuple[Tensor, Tensor]) -> None:
    vertices, faces = sphere
    settings = PreviewSettings(background=0.3)
    colours = torch.ones_like(vertices)
    at = vertices + torch.tensor([0.0, 0, 5])
    image = shade(at, faces, colours, CAMERA, settings=settings)
    assert image[0, 0].tolist() == pytest.approx([0.3] * 3)
    assert image[24, 32].min() > 0.95


def test_a_scaled_camera_sees_the_same_area(sphere: tuple[Tensor, Tensor]) -> None:
    at = sphere[0] + torch.tensor([0.3, 0.2, 5])
    small = rasterize(at, sphere[1], CAMERA).mask.sum()
    large = rasterize(at, sphere[1], scaled(CAMERA, 4)).mask.sum()
    assert int(large) / 16 == pytest.approx(int(small), rel=0.03)


def test_a_camera_that_looks_back_along_z_sees_the_left_side_at_the_right() -> None:
    camera_from_body = look_at(torch.tensor([0.0, 1, 5]), torch.tensor([0.0, 1, 0]))
    left_hand = torch.tensor([0.7, 1.4, 0.2, 1])
    assert (camera_from_body @ left_hand).tolist() == pytest.approx([0.7, -0.4, 4.8, 1], abs=1e-6)


@pytest.mark.parametrize("yaw_rad", [0.0, 1.0, math.pi])
def test_the_turntable_shows_the_whole_mesh_within_its_margin(yaw_rad: float) -> None:
    vertices, faces = box(0.5, 1.8)
    camera_from_body, camera = turntable_view(vertices, yaw_rad, size_px=(300, 400))
    points = vertices @ camera_from_body[:3, :3].T + camera_from_body[:3, 3]
    rows = rasterize(points, faces, camera).mask.any(1).nonzero()
    assert 18 <= int(rows.min()) <= 22
    assert 378 <= int(rows.max()) <= 382


def test_a_quarter_turn_shows_the_left_side() -> None:
    left = torch.tensor([[1.0, 0, 0.2], [-1.0, 0, 0.2]])
    camera_from_body, _ = turntable_view(left, math.pi / 2)
    depth = left @ camera_from_body[2, :3]
    assert depth[0] < depth[1]


def test_the_turntable_gives_a_picture_an_angle() -> None:
    vertices, faces = box(0.5, 1.8)
    images = turntable(
        vertices,
        faces,
        torch.zeros_like(vertices),
        torch.tensor([0.0, math.pi / 2]),
        size_px=(60, 80),
    )
    assert images.shape == (2, 80, 60, 3)
    dark = (images < 0.5).sum((1, 2, 3))
    assert dark[0] > 20 * dark[1]
