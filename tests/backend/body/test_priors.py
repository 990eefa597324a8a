import pytest
import torch
from limbs import bend, posed

from backend.body import priors
from backend.body.anny55 import Anny55


def test_arms_of_the_standing_pose_hang(body: Anny55, joints: torch.Tensor) -> None:
    points = posed(body, joints, priors.standing_pose(body, joints))
    for side in ("left", "right"):
        shoulder, wrist = (body.joint_names.index(f"{side}_{j}") for j in ("shoulder", "wrist"))
        arm = points[wrist] - points[shoulder]
        assert arm[1] < -0.9 * arm.norm()


def test_the_standing_pose_is_symmetric_and_stands_on_straight_legs(
    body: Anny55, joints: torch.Tensor
) -> None:
    points = posed(body, joints, priors.standing_pose(body, joints))
    mirrored = points[[2, 5, 8, 17, 19, 21]] * torch.tensor([-1.0, 1.0, 1.0])
    assert torch.allclose(points[[1, 4, 7, 16, 18, 20]], mirrored, atol=2e-3)
    assert bend(points, body, ("left_hip", "left_knee", "left_ankle")) < 0.1


def test_the_prior_costs_nothing_at_its_mean(body: Anny55, joints: torch.Tensor) -> None:
    prior = priors.pose_prior(body, joints)
    assert priors.pose_cost(prior.mean[None], prior) == 0


def test_jaw_eyes_and_root_are_not_free(body: Anny55, joints: torch.Tensor) -> None:
    is_free = priors.pose_prior(body, joints).is_free[:, 0]
    fixed = {body.joint_names[i] for i in (is_free == 0).nonzero()[:, 0]}
    assert fixed == {"pelvis", "jaw", "left_eye_smplhf", "right_eye_smplhf"}


def test_phenotypes_stay_in_their_range(body: Anny55) -> None:
    shape = priors.shape_within(torch.full((6,), 50.0), priors.shape_range(body))
    assert shape.min() > 0.8
    assert shape.max() <= 1.01


def test_a_person_who_does_not_stand_may_lean() -> None:
    lean = torch.tensor([[[0.0, -1.0, 1.0]], [[0.0, -1.0, 1.0]]])
    gate = torch.tensor([False, True])
    expected = 0.5 / (1 + 0.5 / 0.03)
    assert priors.upright_cost(lean, gate, 0.03).item() == pytest.approx(expected)


def test_upright_lines_cost_nothing() -> None:
    line = torch.tensor([[[0.2, -1.0, 0.0]]])
    assert priors.upright_cost(line, torch.tensor([True]), 0.03) == 0
