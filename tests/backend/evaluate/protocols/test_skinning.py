import math
from dataclasses import asdict

import pytest
import torch
from torch import Tensor

from backend.evaluate.protocols.skinning import (
    deformation_error,
    deformation_mm,
    edge_stretch,
    joint_accuracy,
    summary,
    weight_l1,
)

ANGLES_RAD = (0.5, 1.2)


@pytest.fixture
def rod() -> Tensor:
    """101 points along +X on two bones that meet at 0.5 m."""
    return torch.stack([torch.linspace(0, 1, 101), torch.zeros(101), torch.zeros(101)], 1)


@pytest.fixture
def weights(rod: Tensor) -> Tensor:
    return torch.nn.functional.one_hot((rod[:, 0] > 0.5).long(), 2).float()


@pytest.fixture
def bones() -> Tensor:
    """The second bone turns about Z through (0.5, 0, 0)."""
    matrices = torch.eye(4).repeat(len(ANGLES_RAD), 2, 1, 1)
    for pose, angle in enumerate(ANGLES_RAD):
        c, s = math.cos(angle), math.sin(angle)
        matrices[pose, 1, :2, :2] = torch.tensor([[c, -s], [s, c]])
        matrices[pose, 1, :2, 3] = torch.tensor([0.5 - 0.5 * c, -0.5 * s])
    return matrices


def test_true_weights_have_no_error(rod: Tensor, weights: Tensor, bones: Tensor) -> None:
    errors = asdict(deformation_error(rod, weights, weights, bones))
    assert errors == {"mean_mm": 0, "p95_mm": 0, "p99_mm": 0, "max_mm": 0}


def test_a_vertex_on_the_wrong_bone_is_a_chord_away(
    rod: Tensor, weights: Tensor, bones: Tensor
) -> None:
    errors = deformation_mm(rod, weights, weights.flip(1), bones)
    arm = (rod[:, 0] - 0.5).abs()
    for error, angle in zip(errors, ANGLES_RAD, strict=True):
        assert torch.allclose(error, 2000 * arm * math.sin(angle / 2), atol=1e-3)


def test_statistics_of_the_swapped_rod(rod: Tensor, weights: Tensor, bones: Tensor) -> None:
    result = deformation_error(rod, weights, weights.flip(1), bones[:1])
    end_mm = 1000 * math.sin(ANGLES_RAD[0] / 2)
    assert result.max_mm == pytest.approx(end_mm, rel=1e-5)
    assert result.mean_mm == pytest.approx(end_mm * 50 * 51 / 50 / 101, rel=1e-5)
    assert result.p95_mm == pytest.approx(end_mm * 0.96, rel=1e-5)  # both ends have one of each
    assert result.p99_mm == pytest.approx(end_mm, rel=1e-5)


def test_classes_are_summarised_from_the_same_distances(
    rod: Tensor, weights: Tensor, bones: Tensor
) -> None:
    half = weights.clone()
    half[:50] = half[:50].flip(1)
    errors = deformation_mm(rod, weights, half, bones)
    assert summary(errors[:, 50:]).max_mm == 0
    assert summary(errors[:, :50]).max_mm > 100
    with pytest.raises(ValueError, match="no vertex"):
        summary(errors[:, :0])


def test_wrong_bones_count_twice_in_l1_and_not_in_accuracy(weights: Tensor) -> None:
    wrong = weights.clone()
    wrong[:25] = wrong[:25].flip(1)
    assert weight_l1(weights, wrong) == pytest.approx(2 * 25 / 101)
    assert joint_accuracy(weights, wrong) == pytest.approx(76 / 101)


def test_edges_across_a_tear_are_stretched(rod: Tensor, weights: Tensor, bones: Tensor) -> None:
    faces = torch.tensor([[i, i + 1, i + 2] for i in range(99)])
    torn = weights.clone()
    torn[90:] = torn[90:].flip(1)
    assert edge_stretch(rod, faces, weights, bones).max < 1.5
    result = edge_stretch(rod, faces, torn, bones[1:])
    # The gap of 0.4 m opens by a chord: edges (89, 90), (88, 90) and (89, 91) of 199.
    assert result.torn_share == pytest.approx(3 / 199)
    assert 30 < result.max < 60
    assert 6 < result.p99 < result.max
