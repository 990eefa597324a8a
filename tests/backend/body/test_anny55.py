from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.body.anny55 import ASSET, Anny55, load_anny55
from backend.body.kinematics import bone_matrices
from backend.geometry.skinning import pose
from shared.skeleton import JOINT_NAMES, PARENTS

SAMPLE = Path(__file__).with_name("anny_sample.npz")


@pytest.fixture(scope="module")
def body() -> Anny55:
    return load_anny55()


@pytest.fixture(scope="module")
def sample() -> dict[str, torch.Tensor]:
    with np.load(SAMPLE) as archive:
        return {name: torch.from_numpy(archive[name]) for name in archive.files}


def height_m(body: Anny55, shape: torch.Tensor) -> float:
    y = body.bind(shape).vertices[body.skin_faces.unique(), 1]
    return float(y.max() - y.min())


def test_asset_is_small_enough_for_the_wheel() -> None:
    assert ASSET.stat().st_size <= 16e6


def test_joints_are_smplx_in_its_order(body: Anny55) -> None:
    assert (body.joint_names, body.parents) == (JOINT_NAMES, PARENTS)


def test_skinning_equals_annys(body: Anny55, sample: dict[str, torch.Tensor]) -> None:
    for row in range(3):
        joints = body.bind(sample["phenotypes"][row].float()).joints
        bones = bone_matrices(joints, body.parents, sample["rotations"][row].float())
        weights = body.weights[sample["vertices"]]
        posed = pose(sample["rest"][row].float(), weights, bones)
        assert (posed - sample["posed"][row]).norm(dim=-1).max() < 1e-5


def test_bind_pose_equals_annys(body: Anny55, sample: dict[str, torch.Tensor]) -> None:
    for shape, rest in zip(sample["phenotypes"].float(), sample["rest"], strict=True):
        ours = body.bind(shape).vertices[sample["vertices"]]
        assert (ours - rest).norm(dim=-1).max() < 5e-4


def test_weights_sum_to_one_on_helpers_too(body: Anny55) -> None:
    assert body.weights.shape == (19158, 55)
    assert (body.weights.sum(1) - 1).abs().max() < 1e-6


def test_mean_adult_is_one_metre_seventy(body: Anny55) -> None:
    assert height_m(body, body.mean_shape) == pytest.approx(1.70, abs=0.01)


def test_mean_adult_stands_upright_facing_forward(body: Anny55) -> None:
    place = dict(zip(JOINT_NAMES, body.bind(body.mean_shape).joints, strict=True))
    assert place["left_wrist"][0] > 0.3 > -0.3 > place["right_wrist"][0]
    assert place["head"][1] > 0 > place["left_ankle"][1]
    assert place["left_foot"][2] > place["left_ankle"][2]


def test_every_phenotype_has_a_gradient_at_the_mean(body: Anny55) -> None:
    shape = body.mean_shape.clone().requires_grad_()
    body.bind(shape).vertices.square().sum().backward()
    assert shape.grad is not None
    assert (shape.grad.abs() > 1).all()


def test_shape_gradient_is_the_slope(body: Anny55) -> None:
    few = body.subset(torch.arange(0, 13000, 2000))
    names = ("template_vertices", "basis", "template_joints", "joint_basis", "coefficients")
    few = replace(few, **{name: getattr(few, name).double() for name in names})
    shape = torch.tensor([0.3, 0.6, 0.4, 0.55, 0.4, 0.7], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: few.bind(x).vertices, shape)


def test_beyond_its_range_a_phenotype_has_no_more_effect(body: Anny55) -> None:
    high = torch.tensor([1.0, 1, 1, 1, 1, 1])
    assert torch.equal(body.bind(high).vertices, body.bind(high + 0.5).vertices)


def test_skin_is_closed_and_its_faces_point_outwards(body: Anny55) -> None:
    edges = body.skin_faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    forward, backward = edges @ torch.tensor([20000, 1]), edges @ torch.tensor([1, 20000])
    assert torch.equal(forward.sort().values, backward.sort().values)
    a, b, c = body.bind(body.mean_shape).vertices[body.skin_faces].unbind(1)
    volume = torch.linalg.cross(b, c).mul(a).sum() / 6
    assert 0.04 < volume < 0.09  # cubic metres


def test_keypoints_lie_at_their_joints(body: Anny55) -> None:
    bind = body.bind(body.mean_shape)
    points = (bind.vertices[body.keypoint_vertices] * body.keypoint_weights[..., None]).sum(1)
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
        joint = bind.joints[JOINT_NAMES.index(f"left_{part}")]
        point = points[body.keypoint_names.index(f"left_{part}")]
        assert (point - joint).norm() < 0.09


def test_subset_binds_the_same_vertices(body: Anny55) -> None:
    chosen = torch.cat([body.keypoint_vertices.unique(), torch.tensor([12, 7])])
    small, whole = body.subset(chosen), body.bind(body.mean_shape)
    assert torch.allclose(small.bind(body.mean_shape).vertices, whole.vertices[chosen], atol=1e-6)
    assert small.keypoint_names == body.keypoint_names
    assert torch.equal(chosen[small.keypoint_vertices], body.keypoint_vertices)


def test_jaw_drops_with_its_facial_shape(body: Anny55) -> None:
    moves = body.facial_shapes[body.facial_names.index("jawOpen")]
    assert len(body.facial_names) == 52
    assert moves[:, 1].min() < -0.01


def test_uv_lies_in_the_unit_square(body: Anny55) -> None:
    corners = body.uv[body.quad_uv]
    assert corners.min() >= 0
    assert corners.max() <= 1


@pytest.mark.slow
def test_all_vertices_equal_annys(body: Anny55) -> None:
    pytest.importorskip("anny")
    from backend.body.export_anny55 import build_anny, pose_anny, random_rotations

    model, draw = build_anny(), np.random.default_rng(7)
    worst_rest, worst_posed = 0.0, 0.0
    for _ in range(50):
        shape, turns = draw.random(6), random_rotations(draw)
        rest, posed = pose_anny(model, dict(zip(body.shape_names, shape, strict=True)), turns)
        bind = body.bind(torch.from_numpy(shape).float())
        bones = bone_matrices(bind.joints, body.parents, torch.from_numpy(turns).float())
        ours = pose(torch.from_numpy(rest).float(), body.weights, bones)
        worst_rest = max(worst_rest, np.linalg.norm(bind.vertices - rest, axis=1).max())
        worst_posed = max(worst_posed, np.linalg.norm(ours - posed, axis=1).max())
    assert worst_rest < 5e-4
    assert worst_posed < 1e-5
