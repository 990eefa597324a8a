import pytest
import torch
from torch.nn.functional import normalize

from backend.body.anny55 import Anny55, load_anny55
from backend.body.hinges import Hinges, hinges, limit_cost, off_axis_cost
from backend.body.kinematics import bone_matrices, matrix_from_axis_angle, moved_joints
from backend.body.limb_pose import limb_pose, limb_rows


@pytest.fixture(scope="module")
def body() -> Anny55:
    return load_anny55()


@pytest.fixture(scope="module")
def joints(body: Anny55) -> torch.Tensor:
    return body.bind(body.mean_shape).joints


@pytest.fixture(scope="module")
def table(body: Anny55, joints: torch.Tensor) -> Hinges:
    return hinges(body, joints)


CHAIR = torch.tensor([[0.1, -0.1, 0.9], [0.0, -1.0, 0.0]])
REACH = torch.tensor([[0.6, -0.6, 0.2], [0.1, 0.5, 0.8]])
MIRROR = torch.tensor([-1.0, 1.0, 1.0])
SEATED = normalize(torch.stack([CHAIR, CHAIR * MIRROR, REACH, REACH * MIRROR]), dim=-1)[None]


def test_limbs_point_where_they_are_told(body: Anny55, joints: torch.Tensor, table: Hinges) -> None:
    pose = limb_pose(body, joints, table, SEATED)
    bones = bone_matrices(joints, body.parents, matrix_from_axis_angle(pose))
    found = normalize(moved_joints(joints, bones)[:, limb_rows(body)].diff(dim=2), dim=-1)
    assert (found * SEATED).sum(-1).min() > 0.995


def test_knees_and_elbows_bend_about_their_hinges_only(
    body: Anny55, joints: torch.Tensor, table: Hinges
) -> None:
    pose = limb_pose(body, joints, table, SEATED)
    assert limit_cost(pose, table) == 0
    assert off_axis_cost(pose, table) < 1e-9


def test_the_bind_pose_s_own_directions_turn_nothing(
    body: Anny55, joints: torch.Tensor, table: Hinges
) -> None:
    bound = normalize(joints[limb_rows(body)].diff(dim=1), dim=-1)
    assert limb_pose(body, joints, table, bound[None]).abs().max() < 0.05
