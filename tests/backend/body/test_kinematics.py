import math

import pytest
import torch

from backend.body.kinematics import (
    axis_angle_from_matrix,
    bone_matrices,
    camera_from_bind,
    matrix_from_axis_angle,
    moved_joints,
    swing,
)
from shared.skeleton import PARENTS


def draw(*shape: int, scale: float = 1.0, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_quarter_turn_about_z_takes_x_to_y() -> None:
    turn = matrix_from_axis_angle(torch.tensor([0.0, 0.0, math.pi / 2]))
    assert torch.allclose(turn @ torch.tensor([1.0, 0, 0]), torch.tensor([0.0, 1, 0]), atol=1e-6)


@pytest.mark.parametrize("angle", [0.0, 1e-7, 1e-3, 0.5, 3.0, 3.1415])
def test_axis_angle_round_trip(angle: float) -> None:
    axes = torch.nn.functional.normalize(draw(50, 3), dim=-1)
    back = axis_angle_from_matrix(matrix_from_axis_angle(angle * axes))
    assert torch.allclose(back, angle * axes, atol=1e-8)


def test_half_turn_gives_its_axis_up_to_sign() -> None:
    axes = torch.nn.functional.normalize(draw(50, 3), dim=-1)
    back = axis_angle_from_matrix(2 * axes[..., None] * axes[:, None] - torch.eye(3))
    assert torch.allclose((back * axes).sum(-1).abs(), torch.full((50,), math.pi).double())


def test_axis_angle_matches_the_matrix_exponential() -> None:
    x, y, z = draw(3).tolist()
    generator = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=torch.float64)
    turn = matrix_from_axis_angle(torch.tensor([x, y, z], dtype=torch.float64))
    assert torch.allclose(turn, torch.linalg.matrix_exp(generator))


@pytest.mark.parametrize("scale", [0.0, 1e-5, 0.7])
def test_axis_angle_has_the_right_gradient(scale: float) -> None:
    vectors = draw(4, 3, scale=scale).requires_grad_()
    assert torch.autograd.gradcheck(matrix_from_axis_angle, vectors)
    assert torch.autograd.gradcheck(
        lambda v: axis_angle_from_matrix(matrix_from_axis_angle(v)), vectors
    )


def test_swing_turns_about_the_common_normal() -> None:
    source, target = draw(20, 3), draw(20, 3, seed=1)
    turn = swing(source, target)
    moved = (turn @ source[..., None])[..., 0]
    assert torch.allclose(
        moved / moved.norm(dim=-1, keepdim=True), target / target.norm(dim=-1, keepdim=True)
    )
    assert torch.allclose(turn.mT @ turn, torch.eye(3).double().expand(20, 3, 3))
    normal = torch.linalg.cross(source, target)
    assert torch.allclose((turn @ normal[..., None])[..., 0], normal)


def test_identity_leaves_the_bind_pose() -> None:
    eye = torch.eye(3).expand(2, 55, 3, 3)
    bones = bone_matrices(draw(55, 3).float(), PARENTS, eye)
    assert torch.equal(bones, torch.eye(4).expand(2, 55, 4, 4))


def test_bones_chain_like_a_loop_over_the_tree() -> None:
    joints, turns = draw(55, 3), matrix_from_axis_angle(draw(55, 3))
    bones: list[torch.Tensor] = []
    for joint, parent in enumerate(PARENTS):
        local = torch.eye(4).double()
        local[:3, :3] = turns[joint]
        local[:3, 3] = joints[joint] - turns[joint] @ joints[joint]
        bones.append(bones[parent] @ local if parent >= 0 else local)
    assert torch.allclose(bone_matrices(joints, PARENTS, turns), torch.stack(bones))


def test_joint_keeps_its_place_on_the_parent() -> None:
    joints, turns = draw(55, 3), matrix_from_axis_angle(draw(3, 55, 3))
    bones = bone_matrices(joints, PARENTS, turns)
    on_parent = moved_joints(joints[1:], bones[:, list(PARENTS[1:])])
    assert torch.allclose(moved_joints(joints, bones)[:, 1:], on_parent)


def test_camera_comes_after_the_bones() -> None:
    joints, turns = draw(55, 3), matrix_from_axis_angle(draw(2, 55, 3))
    camera = torch.eye(4).double().repeat(2, 1, 1)
    camera[:, 2, 3] = 3.0
    bones = camera_from_bind(joints, PARENTS, turns, camera)
    assert torch.allclose(bones[..., 2, 3], bone_matrices(joints, PARENTS, turns)[..., 2, 3] + 3)


def test_bones_have_the_right_gradient() -> None:
    parents = (-1, 0, 1, 1)
    joints, vectors = draw(4, 3).requires_grad_(), draw(2, 4, 3).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda j, v: bone_matrices(j, parents, matrix_from_axis_angle(v)), (joints, vectors)
    )
