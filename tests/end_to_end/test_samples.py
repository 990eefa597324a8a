"""The sample photos through the whole pipeline, against their truth."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from backend.cli import SAMPLES, read_photos, sample_photos
from backend.geometry.signed_distance import SurfaceQuery
from backend.job import Job, run_job
from shared.avatar_file import load_avatar, load_fit
from shared.coordinates import WORLD_FROM_BODY
from shared.skinning import posed_from_rest
from shared.types import Avatar, Fit

pytestmark = pytest.mark.slow

LIMB_JOINTS = [
    f"{side}_{joint}"
    for side in ("left", "right")
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
]
BONES = [
    (f"{side}_{start}", f"{side}_{end}")
    for side in ("left", "right")
    for start, end in (
        ("shoulder", "elbow"),
        ("elbow", "wrist"),
        ("hip", "knee"),
        ("knee", "ankle"),
    )
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the demo writes."""
    output = tmp_path_factory.mktemp("samples") / "out"
    job = Job(
        photos=read_photos(sample_photos()),
        output=output,
        name="sample",
        quality="standard",
        height_m=None,
        device="cpu",
        body=None,
    )
    run_job(job, lambda _stage, _fraction: None)
    return output


@pytest.fixture(scope="module")
def avatar(folder: Path) -> Avatar:
    return load_avatar(folder / "avatar.npz")


@pytest.fixture(scope="module")
def fit(folder: Path) -> Fit:
    return load_fit(folder / "fit.npz")


@pytest.fixture(scope="module")
def truth() -> dict[str, NDArray[Any]]:
    with np.load(SAMPLES / "truth.npz") as archive:
        return dict(archive)


def similarity(
    source: NDArray[Any], target: NDArray[Any]
) -> tuple[float, NDArray[Any], NDArray[Any]]:
    """Scale, rotation and shift that bring the source closest to the target (Umeyama 1991)."""
    from_mean, to_mean = source - source.mean(0), target - target.mean(0)
    u, spread, vt = np.linalg.svd(to_mean.T @ from_mean)
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    scale = float((spread * sign).sum() / (from_mean**2).sum())
    return scale, rotation, target.mean(0) - scale * rotation @ source.mean(0)


def moved(points: NDArray[Any], by: tuple[float, NDArray[Any], NDArray[Any]]) -> NDArray[Any]:
    scale, rotation, shift = by
    return scale * points @ rotation.T + shift


def joints_in_camera(avatar: Avatar, fit: Fit, photo: int) -> NDArray[Any]:
    bones = posed_from_rest(avatar, fit.rotations[photo], fit.root[photo])
    world = np.einsum("jab,jb->ja", bones[:, :3, :3], avatar.joints) + bones[:, :3, 3]
    camera = fit.camera_from_world[photo]
    return world @ camera[:3, :3].T + camera[:3, 3]


@pytest.mark.figures
@pytest.mark.parametrize("photo", range(4))
def test_limbs_are_where_they_were(
    avatar: Avatar, fit: Fit, truth: dict[str, Any], photo: int
) -> None:
    rows = [avatar.joint_names.index(name) for name in LIMB_JOINTS]
    name = fit.photos[photo]
    true = truth["joints_camera"][truth["photos"].tolist().index(name)][rows]
    found = joints_in_camera(avatar, fit, photo)[rows]
    errors = np.linalg.norm(moved(found, similarity(found, true)) - true, axis=1)
    assert errors.mean() < 0.060, name


@pytest.mark.figures
def test_limbs_have_their_lengths(avatar: Avatar, truth: dict[str, Any]) -> None:
    ends = np.array([[avatar.joint_names.index(name) for name in bone] for bone in BONES])
    lengths = [
        np.linalg.norm(joints[ends[:, 0]] - joints[ends[:, 1]], axis=1)
        for joints in (avatar.joints / avatar.height_m, truth["joints"] / truth["body_height_m"])
    ]
    assert np.abs(lengths[0] / lengths[1] - 1).max() < 0.05


def test_rest_surface_is_the_true_one(avatar: Avatar, truth: dict[str, Any]) -> None:
    by = similarity(avatar.joints, truth["joints"] @ WORLD_FROM_BODY.T)
    found = torch.from_numpy(moved(avatar.vertices, by)).float()
    true = torch.from_numpy(truth["vertices"] @ WORLD_FROM_BODY.T).float()
    faces = [torch.from_numpy(faces).long() for faces in (avatar.faces, truth["faces"])]
    there = SurfaceQuery(true, faces[1]).closest_points(found, 0.5).distance.abs()
    back = SurfaceQuery(found, faces[0]).closest_points(true, 0.5).distance.abs()
    assert there.mean() < 0.025
    assert back.mean() < 0.025


def test_all_photos_are_used(folder: Path) -> None:
    photos = json.loads((folder / "report.json").read_text())["photos"]
    assert [photo["status"] for photo in photos] == ["used"] * len(sample_photos())
