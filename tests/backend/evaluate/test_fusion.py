from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.evaluate import fusion, tables
from backend.evaluate.pose_noise import POSED_ROWS
from backend.evaluate.truth import read_truth
from shared.types import Avatar


def row(value: float) -> dict[str, Any]:
    figures = dict.fromkeys(fusion.METRICS, value)
    return {**figures, "aligned": figures}


def subject(value: float) -> dict[str, Any]:
    photos = [f"photos_{count}" for count in fusion.PREDICTED_PHOTO_COUNTS]
    rows = {name: row(value) for name in (*fusion.ROWS, *photos)}
    return rows | {name: row(value) | {"joint_error_mm": value} for name in POSED_ROWS}


ROWS = {"suit": subject(1.0), "jeans": subject(2.0), "dress": subject(6.0)}
KINDS = {"suit": "fitted", "jeans": "fitted", "dress": "loose"}


def test_the_truth_itself_has_no_error(subject_folder: Path) -> None:
    truth = read_truth(subject_folder)
    found = fusion.compared(truth.surface, truth)
    errors = [found["p2s_cm"], found["normal_error"], found["aligned"]["chamfer_cm"]]
    assert errors == pytest.approx([0, 0, 0], abs=1e-3)


def test_classes_are_averaged_apart() -> None:
    found = fusion.summary(ROWS, KINDS)
    assert (found["fitted"]["p2s_cm"], found["loose"]["p2s_cm"]) == (1.5, 6.0)
    assert found["nearest_vertex"]["chamfer_cm"] == 6.0
    assert found["true_weights"]["p2s_cm"] == found["by_photo_count"]["8"]["p2s_cm"] == 3.0


def test_what_failed_is_left_out_of_the_mean_and_named() -> None:
    rows = {**ROWS, "jeans": {**ROWS["jeans"], "photos_1": {"failed": "Nobody is seen"}}}
    found = fusion.summary(rows, KINDS)
    one = found["by_photo_count_predicted"]["1"]
    assert (one["fitted"]["p2s_cm"], one["fitted"]["count"], one["count"]) == (1.0, 1, 2)
    assert found["failed"] == {"jeans: photos_1": "Nobody is seen"}
    assert "Failed: jeans: photos 1: Nobody is seen." in tables.fusion_table(found)


def test_what_disturbed_poses_cost_and_what_is_regained_stands_in_the_table() -> None:
    before = row(6.0) | {"joint_error_mm": 30.0}
    rows = {"suit": {**ROWS["suit"], "pose_noise_before": before}}
    table = tables.fusion_table(fusion.summary(rows, KINDS))
    assert "| suit | 100 % | 1.000 | 6.000 | 1.000 | 1.0 | 30.0 | 1.0 |" in table


def test_loose_subjects_stand_beside_the_nearest_vertex() -> None:
    rows = {"dress": {**ROWS["dress"], "nearest_vertex": row(12.0)}}
    found = fusion.summary(rows, {"dress": "loose"})
    assert found["items"]["dress"]["p2s_cm"] == 0.5
    assert tables.fusion_table(found).count("| 0.50 | 0.50 | 0.50 |") == 1


def test_what_was_not_measured_is_no_row_of_the_table() -> None:
    only = {"suit": {row: figures for row, figures in ROWS["suit"].items() if row[-1] != "8"}}
    table = tables.fusion_table(fusion.summary(only, KINDS))
    assert "| fitted | 1.000 |" in table
    assert "loose" not in table
    assert "8 photos, true maps" not in table
    assert "4 photos, true maps, fitted" in table


def test_the_pelvis_of_an_avatar_is_laid_on_the_true_one(box_avatar: Avatar) -> None:
    surface = fusion.in_body_frame(box_avatar, torch.tensor([0.0, 1.0, 0.0]))
    heights = surface.vertices[:, 1].numpy()
    np.testing.assert_allclose([heights.min(), heights.max()], [0.2, 1.8], atol=1e-6)
