import torch
from torch.nn.functional import normalize

from backend.body.kinematics import bone_matrices, matrix_from_axis_angle
from backend.geometry.pose_steps import (
    Priors,
    ShapePrior,
    Sights,
    common_moves,
    hinges,
    pose_jacobian,
    solve,
)
from backend.geometry.skinning import pose

PARENTS = (-1, 0, 1, 1)


def test_a_joint_turns_itself_and_all_below() -> None:
    expected = [[1, 1, 1, 1], [0, 1, 1, 1], [0, 0, 1, 0], [0, 0, 0, 1]]
    found = hinges(torch.zeros(4, 3), PARENTS, [0, 1, 2, 3]).is_below
    assert found.int().tolist() == expected


def test_pose_jacobian_is_the_derivative_of_skinning() -> None:
    draw = torch.Generator().manual_seed(0)
    rest, joints = torch.randn(9, 3, generator=draw), torch.randn(4, 3, generator=draw)
    weights = torch.rand(9, 4, generator=draw).softmax(1)
    normals = normalize(torch.randn(9, 3, generator=draw), dim=1)
    rotations = matrix_from_axis_angle(torch.randn(4, 3, generator=draw))

    def distances(parameters: torch.Tensor) -> torch.Tensor:
        turn = matrix_from_axis_angle(parameters[3:].unflatten(0, (4, 3)))
        bones = bone_matrices(joints, PARENTS, rotations @ turn)
        return ((pose(rest, weights, bones) + parameters[:3]) * normals).sum(1)

    bones = bone_matrices(joints, PARENTS, rotations)
    own = pose_jacobian(
        rest,
        normals,
        weights,
        bones,
        hinges=hinges(joints, PARENTS, [0, 1, 2, 3]),
    )
    expected = torch.autograd.functional.jacobian(distances, torch.zeros(15))
    torch.testing.assert_close(own, expected, rtol=1e-4, atol=1e-5)


def random_problem() -> tuple[Sights, Priors]:
    draw = torch.Generator().manual_seed(1)
    sights = Sights(
        distance_m=torch.randn(3, 20, generator=draw),
        jacobian=torch.randn(3, 20, 4, generator=draw),
        shape_gain=torch.rand(3, 20, generator=draw) + 0.5,
        precision=torch.rand(3, 20, generator=draw),
    )
    priors = Priors(
        moved=torch.randn(3, 4, generator=draw),
        precision=torch.rand(4, generator=draw),
        common_precision=torch.rand(4, generator=draw),
        shape=ShapePrior(
            distance_m=torch.randn(20, generator=draw), precision=torch.rand(20, generator=draw)
        ),
    )
    return sights, priors


def energy(sights: Sights, priors: Priors, x: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
    error = sights.distance_m + (sights.jacobian * x[:, None]).sum(2) + sights.shape_gain * s
    moved = priors.moved + x
    mean = len(x) * (priors.common_precision * moved.mean(0).square()).sum()
    own = (priors.precision * moved.square()).sum()
    shape = (priors.shape.precision * (priors.shape.distance_m + s).square()).sum()
    return (sights.precision * error.square()).sum() + shape + own + mean


def test_step_is_the_minimum_over_poses_and_shape_together() -> None:
    sights, priors = random_problem()
    step = solve(sights, priors).requires_grad_()
    left = sights.distance_m + (sights.jacobian * step[:, None]).sum(2)
    rest = Sights(
        distance_m=left.detach(),
        jacobian=sights.jacobian,
        shape_gain=sights.shape_gain,
        precision=sights.precision,
    )
    moves = common_moves(rest, priors.shape).requires_grad_()
    slope = torch.autograd.grad(energy(sights, priors, step, moves), (step, moves))
    for one in slope:
        torch.testing.assert_close(one, torch.zeros_like(one), atol=1e-4, rtol=0)


def test_what_all_photos_agree_on_moves_no_pose() -> None:
    sights, priors = random_problem()
    same = Sights(
        distance_m=sights.shape_gain * 0.02,
        jacobian=sights.jacobian,
        shape_gain=sights.shape_gain,
        precision=torch.ones(3, 20),
    )
    none = Priors(
        moved=torch.zeros(3, 4),
        precision=priors.precision,
        common_precision=priors.common_precision,
        shape=ShapePrior(distance_m=torch.zeros(20), precision=torch.zeros(20)),
    )
    torch.testing.assert_close(solve(same, none), torch.zeros(3, 4), atol=1e-6, rtol=0)
