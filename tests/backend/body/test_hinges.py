import pytest
import torch
from limbs import bend, posed

from backend.body import hinges as bends
from backend.body.anny55 import Anny55

HINGED = ("left_knee", "right_knee", "left_elbow", "right_elbow", "left_index1", "right_ring2")


def test_flexion_of_the_bind_pose_is_the_angle_of_its_limbs(
    body: Anny55, joints: torch.Tensor
) -> None:
    table = bends.hinges(body, joints)
    knee = bend(joints, body, ("left_hip", "left_knee", "left_ankle"))
    elbow = bend(joints, body, ("left_shoulder", "left_elbow", "left_wrist"))
    found = bends.flexion(torch.zeros(1, 55, 3), table)[0]
    assert found[0].item() == pytest.approx(knee, abs=0.02)
    assert found[2].item() == pytest.approx(elbow, abs=0.02)


@pytest.mark.parametrize("name", HINGED)
def test_more_flexion_bends_the_limb_more(body: Anny55, joints: torch.Tensor, name: str) -> None:
    table = bends.hinges(body, joints)
    joint = body.joint_names.index(name)
    row = table.joints.tolist().index(joint)
    chain = (body.parents[joint], joint, body.parents.index(joint))
    names = (body.joint_names[chain[0]], name, body.joint_names[chain[2]])
    pose = torch.zeros(55, 3)
    pose[joint] = 0.6 * table.axes[row]
    grown = bend(posed(body, joints, pose), body, names) - bend(joints, body, names)
    assert grown > 0.5


def test_limits_cost_nothing_inside_the_range(body: Anny55, joints: torch.Tensor) -> None:
    table = bends.hinges(body, joints)
    pose = torch.zeros(2, 55, 3)
    pose[1, table.joints] = (table.highest - table.bent - 0.01)[:, None] * table.axes
    assert bends.limit_cost(pose, table) == 0


def test_a_knee_that_bends_forward_costs(body: Anny55, joints: torch.Tensor) -> None:
    table = bends.hinges(body, joints)
    pose = torch.zeros(1, 55, 3)
    pose[0, 4] = -(table.bent[0] + 0.5) * table.axes[0]
    assert bends.limit_cost(pose, table).item() == pytest.approx(0.25, abs=1e-4)


def test_hinges_may_not_twist_but_forearms_may(body: Anny55, joints: torch.Tensor) -> None:
    table = bends.hinges(body, joints)
    pose = torch.zeros(1, 55, 3)
    pose[0, 18:20] = 1.0
    assert bends.off_axis_cost(pose, table) == 0
    pose[0, 4] = torch.tensor([0.0, 0.5, 0.0])
    assert bends.off_axis_cost(pose, table) > 0.2


def test_straight_knees_are_asked_only_of_straight_legs(body: Anny55, joints: torch.Tensor) -> None:
    table = bends.hinges(body, joints)
    pose = torch.zeros(1, 55, 3)
    pose[0, 5] = table.axes[1]
    gate = torch.tensor([[True, False]])
    found = bends.straight_knee_cost(pose, table, gate, table.bent[0].item())
    assert found.item() == pytest.approx(0, abs=1e-9)
