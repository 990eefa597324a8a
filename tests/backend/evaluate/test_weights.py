from pathlib import Path
from typing import Any

import pytest
import torch

from backend.body.anny55 import Anny55
from backend.body.kinematics import bone_matrices
from backend.evaluate import tables, weights
from backend.evaluate.truth import read_truth
from backend.synthesis.people import PARTS
from backend.synthesis.random_poses import deformation_poses
from backend.types import SkinnedMesh


def figures(value: float) -> dict[str, Any]:
    item = dict.fromkeys(weights.METRICS, value)
    both = {"item": item, "whole": item}
    return {**both, "from_truth": both, "edge_stretch": {"p99": value}}


def test_the_truth_itself_has_no_error(subject_folder: Path, body: Anny55) -> None:
    truth = read_truth(subject_folder)
    mesh = SkinnedMesh(
        vertices=truth.surface.vertices,
        faces=truth.surface.faces,
        weights=truth.weights,
        colours=torch.zeros_like(truth.surface.vertices),
    )
    bones = bone_matrices(truth.joints, body.parents, deformation_poses(body, 2))
    found = weights.compared(mesh, truth, bones, "shirt_and_jeans")
    assert found["item"]["max_mm"] == pytest.approx(0, abs=0.1)
    assert found["from_truth"]["whole"]["max_mm"] == pytest.approx(0, abs=0.1)
    assert found["whole"]["weight_l1"] == pytest.approx(0, abs=1e-3)


def test_a_loose_subject_is_measured_on_its_loose_garment() -> None:
    parts = torch.arange(len(PARTS))
    assert [PARTS[i] for i in parts[weights.is_item(parts, "skirt")]] == ["bottom"]
    assert [PARTS[i] for i in parts[weights.is_item(parts, "long_hair")]] == ["hair"]
    fitted = {PARTS[i] for i in parts[weights.is_item(parts, "suit")]}
    assert fitted == set(PARTS) - {"skin", "hair"}


def test_means_are_averaged_and_maxima_are_not() -> None:
    names: list[str] = [*weights.ROWS, weights.ON_TRUTH]
    values = {"suit": 1.0, "jeans": 3.0, "dress": 6.0}
    rows = {name: dict.fromkeys(names, figures(value)) for name, value in values.items()}
    found = weights.summary(rows, {"suit": "fitted", "jeans": "fitted", "dress": "loose"})
    assert (found["fitted"]["mean_mm"], found["fitted"]["max_mm"]) == (2.0, 3.0)
    assert found["nearest_vertex_loose"]["p95_mm"] == 6.0
    assert "| loose | 6.00 |" in tables.weights_table(found)


def test_items_stand_beside_the_nearest_vertex() -> None:
    names = [*weights.ROWS, weights.ON_TRUTH]
    rows = {"dress": dict.fromkeys(names, figures(6.0)) | {"nearest_vertex": figures(12.0)}}
    found = weights.summary(rows, {"dress": "loose"})
    assert found["items"]["dress"]["share"] == dict.fromkeys(weights.SHARED, 0.5)
    assert "| dress | 6.00 | 6.0 | 6.0 | 12.00 |" in tables.weights_table(found)


def test_an_item_that_failed_has_no_share() -> None:
    names = [*weights.ROWS, weights.ON_TRUTH]
    rows = {"dress": dict.fromkeys(names, figures(6.0)) | {"pipeline": {"failed": "fusion: no"}}}
    found = weights.summary(rows, {"dress": "loose"})
    assert found["items"] == {"dress": None}
    assert "Failed: dress: pipeline" in tables.weights_table(found)
