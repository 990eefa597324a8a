import math
from itertools import pairwise

import pytest
import torch

from backend.body.anny55 import Anny55, load_anny55
from backend.body.kinematics import bone_matrices, matrix_from_axis_angle, moved_joints
from backend.body.zero_pose import bind_from_smplx, smplx_from_bind
from shared.skeleton import JOINT_NAMES

EYE = torch.eye(3).expand(55, 3, 3)


@pytest.fixture(scope="module")
def body() -> Anny55:
    return load_anny55()


def zero_joints(body: Anny55, shape: torch.Tensor) -> dict[str, torch.Tensor]:
    joints = body.bind(shape).joints
    turns = bind_from_smplx(EYE, body.zero_from_bind(joints), body.parents)
    places = moved_joints(joints, bone_matrices(joints, body.parents, turns))
    return dict(zip(JOINT_NAMES, places, strict=True))


def angle_deg(first: torch.Tensor, second: torch.Tensor) -> float:
    sine = torch.linalg.cross(first, second).norm()
    return math.degrees(math.atan2(float(sine), float(first @ second)))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("side", "sign"), [("left", 1.0), ("right", -1.0)])
def test_zero_parameters_give_straight_limbs(
    body: Anny55, side: str, sign: float, seed: int
) -> None:
    place = zero_joints(body, torch.rand(6, generator=torch.Generator().manual_seed(seed)))
    arm = ["shoulder", "elbow", "wrist"]
    fingers = [[f"{name}{i}" for i in (1, 2, 3)] for name in ("index", "middle", "ring", "pinky")]
    out, down = torch.tensor([sign, 0, 0]), torch.tensor([0.0, -1, 0])
    chains = [(chain, out) for chain in (arm, *fingers)] + [(["hip", "knee", "ankle"], down)]
    for chain, direction in chains:
        for near, far in pairwise(chain):
            bone = place[f"{side}_{far}"] - place[f"{side}_{near}"]
            assert angle_deg(bone, direction) < 0.1


def test_thumbs_are_straight_in_the_zero_pose(body: Anny55) -> None:
    place = zero_joints(body, body.mean_shape)
    near = place["left_thumb2"] - place["left_thumb1"]
    far = place["left_thumb3"] - place["left_thumb2"]
    assert angle_deg(near, far) < 0.1
    assert near[2] > 0


def test_trunk_and_feet_stay_as_they_are_bound(body: Anny55) -> None:
    zero = body.zero_from_bind(body.bind(body.mean_shape).joints)
    for name in ("pelvis", "spine3", "neck", "head", "left_collar", "left_ankle", "right_foot"):
        assert torch.equal(zero[JOINT_NAMES.index(name)], torch.eye(3))


def test_zero_pose_has_no_twist(body: Anny55) -> None:
    joints = body.bind(body.mean_shape).joints
    zero = body.zero_from_bind(joints)
    shoulder, elbow = (JOINT_NAMES.index(f"left_{part}") for part in ("shoulder", "elbow"))
    vector = zero[shoulder] - zero[shoulder].T  # its axis is at a right angle to the bone
    axis = torch.stack([vector[2, 1], vector[0, 2], vector[1, 0]])
    assert abs(angle_deg(axis, joints[elbow] - joints[shoulder]) - 90) < 0.01


def test_elbow_parameter_bends_the_zero_pose_in_body_axes(body: Anny55) -> None:
    joints = body.bind(body.mean_shape).joints
    vectors = torch.zeros(55, 3)
    vectors[JOINT_NAMES.index("left_elbow"), 1] = -math.pi / 2
    theta = matrix_from_axis_angle(vectors)
    turns = bind_from_smplx(theta, body.zero_from_bind(joints), body.parents)
    places = moved_joints(joints, bone_matrices(joints, body.parents, turns))
    forearm = places[JOINT_NAMES.index("left_wrist")] - places[JOINT_NAMES.index("left_elbow")]
    assert angle_deg(forearm, torch.tensor([0.0, 0, 1])) < 0.1


def test_smplx_parameters_survive_the_round_trip(body: Anny55) -> None:
    zero = body.zero_from_bind(body.bind(body.mean_shape).joints)
    theta = matrix_from_axis_angle(torch.randn(3, 55, 3, generator=torch.manual_seed(0)))
    back = smplx_from_bind(bind_from_smplx(theta, zero, body.parents), zero, body.parents)
    assert torch.allclose(back, theta, atol=1e-6)


def test_bones_turn_as_smplx_says(body: Anny55) -> None:
    joints = body.bind(body.mean_shape).joints
    zero = body.zero_from_bind(joints)
    theta = matrix_from_axis_angle(torch.randn(55, 3, generator=torch.manual_seed(0)))
    bones = bone_matrices(joints, body.parents, bind_from_smplx(theta, zero, body.parents))
    since_zero = bone_matrices(joints, body.parents, theta)[:, :3, :3]
    assert torch.allclose(bones[:, :3, :3], since_zero @ zero, atol=1e-5)


def test_zero_pose_is_differentiable(body: Anny55) -> None:
    joints = body.bind(body.mean_shape).joints.requires_grad_()
    body.zero_from_bind(joints).square().sum().backward()
    assert joints.grad is not None
    assert joints.grad.isfinite().all()
