import pytest
import torch

from backend.body.anny55 import load_anny55
from backend.body.trunk import Trunk, arm_rows, trunk_cost, trunk_depth, trunk_of
from backend.types import BindBody


@pytest.fixture(scope="module")
def bind() -> BindBody:
    body = load_anny55()
    return body.bind(body.mean_shape)


@pytest.fixture(scope="module")
def trunk(bind: BindBody) -> Trunk:
    return trunk_of(load_anny55(), bind)


def test_the_spine_is_inside_and_the_limbs_are_not(bind: BindBody, trunk: Trunk) -> None:
    depth = trunk_depth(bind.joints, trunk)
    assert depth[[3, 6]].min() > 0.3
    assert depth[[4, 5, 18, 19, 20, 21]].max() == 0


def test_depth_is_zero_on_the_ellipse_and_half_halfway(trunk: Trunk) -> None:
    height = trunk.bottom_m + 4.5 * trunk.step_m
    centre, radius = trunk.centres[4], trunk.radii[4]
    points = torch.stack(
        [torch.stack([centre[0] + k * radius[0], height, centre[1]]) for k in (0.5, 1)]
    )
    assert torch.allclose(trunk_depth(points, trunk), torch.tensor([0.5, 0.0]), atol=1e-3)


def test_a_wrist_inside_is_pushed_out_wherever_the_body_stands(trunk: Trunk) -> None:
    pose = torch.eye(4)[None].clone()
    pose[0, :3, :3] = torch.tensor([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    pose[0, :3, 3] = torch.tensor([0.3, 0.1, 2.0])
    inside = torch.tensor([0.05, float(trunk.bottom_m + 4 * trunk.step_m), 0.06])
    wrist = (pose[0, :3, :3] @ inside + pose[0, :3, 3])[None, None].requires_grad_()
    cost = trunk_cost(wrist, pose, trunk)
    cost.backward()
    assert cost > 0
    assert wrist.grad is not None
    assert wrist.grad.norm() > 0


def test_arm_rows_are_elbows_wrists_and_knuckles() -> None:
    names = load_anny55().joint_names
    assert {names[i] for i in arm_rows(names, torch.device("cpu"))} == {
        f"{side}_{name}" for side in ("left", "right") for name in ("elbow", "wrist", "middle1")
    }
