import hashlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from backend.body.anny55 import load_anny55
from backend.body.kinematics import camera_from_bind, moved_joints
from backend.geometry.skinning import pose

FOLDER = Path(__file__).parents[2] / "backend/assets/samples"
PHOTOS = ("front", "three_quarter", "back", "knee_bend")
FOCAL_35MM = {"front": 35, "back": 50, "knee_bend": 28}


@cache
def truth() -> dict[str, np.ndarray]:
    with np.load(FOLDER / "truth.npz", allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def bones() -> torch.Tensor:
    rotations, camera_from_body = (
        torch.from_numpy(truth()[name]).double() for name in ("rotations", "camera_from_body")
    )
    joints = torch.from_numpy(truth()["joints"]).double()
    return camera_from_bind(joints, load_anny55().parents, rotations, camera_from_body)


def test_samples_weigh_less_than_four_megabytes() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 4e6


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.[jnp][pn]*")), ids=lambda path: path.name)
def test_readme_names_the_hash_of_each_file(path: Path) -> None:
    assert hashlib.sha256(path.read_bytes()).hexdigest() in (FOLDER / "README.md").read_text()


@pytest.mark.parametrize("index", range(4))
def test_truth_matches_its_photo(index: int) -> None:
    assert truth()["photos"][index] == f"{PHOTOS[index]}.jpg"
    with Image.open(FOLDER / f"{PHOTOS[index]}.jpg") as photo:
        assert photo.size == tuple(truth()["image_size"][index])
        focal = photo.getexif().get_ifd(0x8769).get(0xA405)
    assert focal == FOCAL_35MM.get(PHOTOS[index])
    if focal:
        focal_px = focal / np.hypot(36, 24) * np.hypot(*truth()["image_size"][index])
        assert truth()["intrinsics"][index, 0, 0] == pytest.approx(focal_px, rel=1e-5)


def test_rotations_are_rotations_and_the_pelvis_is_the_identity() -> None:
    rotations = truth()["rotations"].astype(np.float64)
    np.testing.assert_allclose(
        rotations @ rotations.swapaxes(-1, -2), np.eye(3) + 0 * rotations, atol=1e-5
    )
    np.testing.assert_allclose(rotations[:, 0], np.eye(3) + 0 * rotations[:, 0], atol=1e-6)


def test_rotations_and_camera_give_the_joints_of_the_photo() -> None:
    joints = moved_joints(torch.from_numpy(truth()["joints"]).double(), bones())
    np.testing.assert_allclose(joints.numpy(), truth()["joints_camera"], atol=1e-5)


@pytest.mark.parametrize("index", range(4))
def test_posed_truth_fills_its_mask(index: int) -> None:
    vertices = torch.from_numpy(truth()["vertices"]).double()
    weights = torch.from_numpy(truth()["weights"]).double()
    weights /= weights.sum(dim=1, keepdim=True)
    seen = pose(vertices, weights, bones()[index]).numpy() @ truth()["intrinsics"][index].T
    column, row = (seen[:, :2] / seen[:, 2:]).T.astype(int)
    with Image.open(FOLDER / f"{PHOTOS[index]}_mask.png") as picture:
        mask = np.asarray(picture)
    assert (mask[row, column] > 0).mean() > 0.98
    rows, columns = np.nonzero(mask > 127)
    extent = np.array([rows.min(), rows.max(), columns.min(), columns.max()])
    np.testing.assert_allclose(extent, [row.min(), row.max(), column.min(), column.max()], atol=5)


def test_body_height_is_that_of_the_shape() -> None:
    shape = torch.from_numpy(truth()["shape"])
    skin = load_anny55().bind(shape).vertices[:13380, 1]
    assert float(skin.max() - skin.min()) == pytest.approx(
        float(truth()["body_height_m"]), abs=1e-4
    )
