from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from backend.job import choose_device, normals_of, write
from backend.pipeline import Result
from backend.types import Camera, Landmarks, View
from shared.avatar_file import load_avatar, load_fit
from shared.errors import BadInput
from shared.types import Avatar, Fit

PER_PHOTO = "rotations", "root", "intrinsics", "camera_from_world", "image_sizes"


def view() -> View:
    landmarks = Landmarks(
        points_px=torch.zeros(33, 2),
        visibility=torch.zeros(33),
        world_m=torch.zeros(33, 3),
        left_hand_px=None,
        right_hand_px=None,
        face_px=None,
    )
    return View(
        name="front.jpg",
        color=torch.ones(100, 80, 3),
        mask=torch.ones(100, 80),
        camera=Camera(intrinsics=torch.eye(3), width=80, height=100),
        landmarks=landmarks,
    )


def test_everything_is_written(tmp_path: Path, box_avatar: Avatar, box_fit: Fit) -> None:
    mask = np.full((100, 80), 255, np.uint8)
    result = Result(avatar=box_avatar, fit=box_fit, views=(view(),), masks=(mask,), photos=())
    write(result, tmp_path, torch.device("cpu"))
    names = {"avatar.npz", "avatar.glb", "fit.npz", "mask_1.png", "photo_1.jpg", "preview.png"}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert load_avatar(tmp_path / "avatar.npz").name == "box"
    assert load_fit(tmp_path / "fit.npz").masks == ("mask_1.png",)


def test_photos_are_written_upright_in_the_order_of_the_fit(
    tmp_path: Path, box_avatar: Avatar, box_fit: Fit
) -> None:
    mask = np.full((100, 80), 255, np.uint8)
    dark = replace(view(), color=torch.zeros(100, 80, 3))
    fit = replace(
        box_fit,
        photos=("front.jpg", "back.jpg"),
        masks=("mask_1.png", "mask_2.png"),
        **{name: np.repeat(getattr(box_fit, name), 2, axis=0) for name in PER_PHOTO},
    )
    result = Result(avatar=box_avatar, fit=fit, views=(view(), dark), masks=(mask, mask), photos=())
    write(result, tmp_path, torch.device("cpu"))
    first, second = (Image.open(tmp_path / f"photo_{number}.jpg") for number in (1, 2))
    assert (first.size, first.getpixel((40, 50))) == ((80, 100), (255, 255, 255))
    assert second.getpixel((40, 50)) == (0, 0, 0)


def test_normals_point_outwards(box_avatar: Avatar) -> None:
    outwards = box_avatar.vertices - box_avatar.vertices.mean(axis=0)
    normals = normals_of(box_avatar)
    assert (np.sum(normals * outwards, axis=1) > 0).all()
    assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-6)


def test_cuda_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device(None) == torch.device("cpu")
    with pytest.raises(BadInput, match="No CUDA"):
        choose_device("cuda")
