import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.body.anny55 import Anny55
from backend.evaluate.subject_files import fused_row
from backend.evaluate.truth import TRUTH, WEIGHTS
from backend.settings import Settings, override

COARSE = override(Settings(), {"fuse.voxel_m": 0.02, "fuse.face_budget": 3000})


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
    folder = tmp_path / "spoilt"
    shutil.copytree(subject_folder, folder)
    for name in (TRUTH, WEIGHTS):
        fill_with_noise(folder / name)
    return folder


@pytest.mark.parametrize("row", ["pipeline", "nearest_vertex_1"])
def test_truth_that_is_not_given_does_not_reach_a_row(
    subject_folder: Path, spoilt: Path, body: Anny55, row: str
) -> None:
    before, after = (fused_row(f, row, body, COARSE) for f in (subject_folder, spoilt))
    assert torch.equal(before.vertices, after.vertices)
    assert torch.equal(before.weights, after.weights)


def test_the_row_that_is_given_weights_uses_them(
    subject_folder: Path, spoilt: Path, body: Anny55
) -> None:
    before, after = (
        fused_row(folder, "true_weights", body, COARSE) for folder in (subject_folder, spoilt)
    )
    assert before.vertices.shape != after.vertices.shape or not torch.equal(
        before.vertices, after.vertices
    )
