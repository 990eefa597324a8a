import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.body.anny55 import Anny55
from backend.consolidation import Consolidated
from backend.evaluate.photographs import PhotographSettings
from backend.evaluate.subject_files import RECIPES, made_row
from backend.evaluate.truth import TRUTH, WEIGHTS
from backend.settings import Settings, override

COARSE = override(
    Settings(),
    {
        "coarse_fuse.voxel_m": 0.03,
        "coarse_fuse.face_budget": 3000,
        "register.iterations": 2,
        "register.max_points": 500,
        "fuse.voxel_m": 0.02,
        "fuse.face_budget": 9000,
    },
)
BY_COUNT = ("pipeline_2", "maps_1", "maps_4", "maps_8")
"""Differ from other rows in a count alone."""
SLOW = ("pipeline", "pipeline_1", "pose_noise_before", "pose_noise", "maps_2")
"""Of these: they differ from the others in counts and in registration."""
CHECKED = sorted(set(RECIPES) - {"true_weights", *BY_COUNT})


def made(folder: Path, row: str, body: Anny55) -> Consolidated:
    """Return what the row makes of the subject, always under the same name."""
    photographs = PhotographSettings(size_px=(96, 128))
    return made_row(folder, row, body, COARSE, photographs=photographs)


def fill_with_noise(path: Path) -> None:
    draw = np.random.default_rng(0)
    changed: dict[str, Any] = {}
    with np.load(path) as archive:
        for name in archive.files:
            array = archive[name]
            is_real = array.dtype.kind == "f"
            noise = (
                draw.random(array.shape).astype("f4") if is_real else draw.permuted(array, axis=0)
            )
            changed[name] = array if name.endswith("_shape") else noise
    np.savez(path, **changed)


@pytest.fixture
def spoilt(subject_folder: Path, tmp_path: Path) -> Path:
    """The same subject after all truth but what is given has become noise."""
    folder = tmp_path / subject_folder.name
    shutil.copytree(subject_folder, folder)
    for name in (TRUTH, WEIGHTS):
        fill_with_noise(folder / name)
    return folder


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, marks=pytest.mark.slow if row in SLOW else ()) for row in CHECKED],
)
def test_truth_that_is_not_given_does_not_reach_a_row(
    subject_folder: Path, spoilt: Path, body: Anny55, row: str
) -> None:
    before, after = (made(f, row, body) for f in (subject_folder, spoilt))
    assert torch.equal(before.mesh.vertices, after.mesh.vertices)
    assert torch.equal(before.mesh.weights, after.mesh.weights)
    assert torch.equal(before.poses.rotations, after.poses.rotations)


@pytest.mark.slow
def test_the_row_that_is_given_weights_uses_them(
    subject_folder: Path, spoilt: Path, body: Anny55
) -> None:
    before, after = (made(folder, "true_weights", body).mesh for folder in (subject_folder, spoilt))
    assert before.vertices.shape != after.vertices.shape or not torch.equal(
        before.vertices, after.vertices
    )
