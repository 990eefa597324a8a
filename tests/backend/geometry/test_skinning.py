import math

import pytest
import torch

from backend.geometry.skinning import blended_matrices, determinants, pose, unpose


def bones(count: int, angle: float = 0.4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    skew = torch.randn(count, 3, 3, generator=generator, dtype=torch.float64) * angle
    matrices = torch.eye(4, dtype=torch.float64).repeat(count, 1, 1)
    matrices[:, :3, :3] = torch.linalg.matrix_exp(skew - skew.mT)
    matrices[:, :3, 3] = torch.randn(count, 3, generator=generator, dtype=torch.float64)
    return matrices


def mesh(vertices: int = 100, joints: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    points = torch.randn(vertices, 3, generator=generator, dtype=torch.float64)
    weights = torch.rand(vertices, joints, generator=generator, dtype=torch.float64)
    return points, weights / weights.sum(1, keepdim=True)


def hinge(angle_rad: float) -> torch.Tensor:
    sine, cosine = math.sin(angle_rad), math.cos(angle_rad)
    matrices = torch.eye(4, dtype=torch.float64).repeat(2, 1, 1)
    matrices[1, :2, :2] = torch.tensor([[cosine, -sine], [sine, cosine]], dtype=torch.float64)
    return matrices


def test_one_bone_moves_its_vertices_rigidly() -> None:
    rest, _ = mesh()
    moved = pose(rest, torch.ones(100, 1, dtype=torch.float64), bones(1))
    assert torch.allclose(moved, rest @ bones(1)[0, :3, :3].T + bones(1)[0, :3, 3])


def test_pose_is_the_weighted_mean_of_the_bones() -> None:
    rest, weights = mesh()
    each = torch.stack([rest @ bone[:3, :3].T + bone[:3, 3] for bone in bones(5)], 1)
    assert torch.allclose(pose(rest, weights, bones(5)), (weights[..., None] * each).sum(1))


def test_unpose_undoes_pose() -> None:
    rest, weights = mesh()
    assert torch.allclose(unpose(pose(rest, weights, bones(5)), weights, bones(5)), rest)


def test_poses_come_in_batches() -> None:
    rest, weights = mesh()
    both = torch.stack([bones(5), bones(5, 0.1)])
    posed = pose(rest, weights, both)
    assert torch.allclose(posed[1], pose(rest, weights, both[1]))
    assert torch.allclose(unpose(posed, weights, both), rest.expand(2, -1, -1))


@pytest.mark.parametrize("angle_rad", [0.0, 1.0, 2.5, math.pi])
def test_halfway_between_two_bones_the_determinant_is_cos_squared(angle_rad: float) -> None:
    half = torch.full((1, 2), 0.5, dtype=torch.float64)
    left = determinants(half, hinge(angle_rad))
    assert float(left) == pytest.approx(math.cos(angle_rad / 2) ** 2, abs=1e-12)


def test_a_flat_fold_gives_finite_points() -> None:
    half = torch.full((1, 2), 0.5, dtype=torch.float64)
    assert unpose(torch.ones(1, 3, dtype=torch.float64), half, hinge(math.pi)).isfinite().all()


def test_blended_matrices_are_affine() -> None:
    _, weights = mesh()
    last = blended_matrices(weights, bones(5))[:, 3]
    assert torch.allclose(last, torch.tensor([0.0, 0, 0, 1]).double())
    assert torch.allclose(
        determinants(weights, bones(5)),
        torch.linalg.det(blended_matrices(weights, bones(5))[:, :3, :3]),
    )


def test_skinning_has_the_right_gradient() -> None:
    rest, weights = mesh(4, 3)
    inputs = [tensor.requires_grad_() for tensor in (rest, weights, bones(3))]
    assert torch.autograd.gradcheck(pose, inputs)
    assert torch.autograd.gradcheck(unpose, inputs)
