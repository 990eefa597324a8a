from functools import cache

import pytest
import torch

from backend.body.anny55 import Anny55, load_anny55
from backend.body.kinematics import axis_angle_from_matrix, bone_matrices, moved_joints
from backend.synthesis.own_garments import make_garments
from backend.synthesis.people import Outfit, Person, dress
from backend.synthesis.random_poses import (
    POSES,
    deformation_poses,
    random_rotations,
    wears_skirt,
)

NAMED = {"standing", "arms_up", "sitting", "crossed_legs", "running", "hands_on_hips"}


@cache
def body() -> Anny55:
    return load_anny55()


def joints_of(name: str, seed: int) -> dict[str, torch.Tensor]:
    bind = body().bind(body().mean_shape)
    bones = bone_matrices(bind.joints, body().parents, random_rotations(body(), seed, name))
    return dict(zip(body().joint_names, moved_joints(bind.joints, bones), strict=True))


def test_the_poses_of_the_issue_have_names() -> None:
    assert set(POSES) > NAMED


@pytest.mark.parametrize("name", POSES)
def test_poses_are_rotations_about_a_still_pelvis(name: str) -> None:
    rotations = random_rotations(body(), 1, name)
    eye = torch.eye(3).expand(55, 3, 3)
    torch.testing.assert_close(rotations @ rotations.mT, eye, atol=1e-5, rtol=0)
    assert rotations[0].equal(torch.eye(3))


def test_same_seed_same_pose() -> None:
    assert random_rotations(body(), 4).equal(random_rotations(body(), 4))
    assert not random_rotations(body(), 4).equal(random_rotations(body(), 5))


@pytest.mark.parametrize("seed", range(3))
def test_arms_up_are_above_the_head(seed: int) -> None:
    joints = joints_of("arms_up", seed)
    assert joints["left_wrist"][1] > joints["head"][1]
    assert joints["right_wrist"][1] > joints["head"][1]


@pytest.mark.parametrize("seed", range(3))
def test_thighs_are_level_and_shins_upright_when_sitting(seed: int) -> None:
    joints = joints_of("sitting", seed)
    thigh = joints["left_knee"] - joints["left_hip"]
    shin = joints["left_ankle"] - joints["left_knee"]
    assert thigh[2] / thigh.norm() > 0.9
    assert -shin[1] / shin.norm() > 0.9


@pytest.mark.parametrize("seed", range(3))
def test_hands_on_hips_are_beside_the_hips(seed: int) -> None:
    joints = joints_of("hands_on_hips", seed)
    hand = joints["left_middle1"] - joints["left_hip"]
    assert hand.norm() < 0.25
    assert hand[1] > 0
    assert joints["left_elbow"][0] > joints["left_wrist"][0]


def wearing(*names: str) -> Person:
    garments = make_garments(body())
    worn = tuple(garments[name] for name in names)
    outfit = Outfit(garments=worn, eyes=None, skin_colour=(1.0, 1.0, 1.0), skin_texture=None)
    return dress(body(), body().mean_shape, outfit)


def test_a_skirt_spans_the_thighs_and_trousers_do_not() -> None:
    assert wears_skirt(body(), wearing("skirt"))
    assert not wears_skirt(body(), wearing("shirt", "trousers"))


def test_deformation_poses_turn_by_their_sigmas_and_never_change() -> None:
    poses = deformation_poses(body(), 400)
    angles = torch.rad2deg(axis_angle_from_matrix(poses).norm(dim=-1))
    spread = angles.square().mean(0).sqrt()
    for name, sigma in (("left_hip", 30), ("right_elbow", 27), ("head", 10), ("pelvis", 0)):
        found = float(spread[body().joint_names.index(name)])
        assert found == pytest.approx(sigma, rel=0.15, abs=1e-3)
    assert deformation_poses(body()).equal(deformation_poses(body()))
