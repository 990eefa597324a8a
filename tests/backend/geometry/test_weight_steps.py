import math

import torch
from torch import Tensor

from backend.body.kinematics import bone_matrices, matrix_from_axis_angle
from backend.geometry.normals import vertex_normals
from backend.geometry.pose_steps import Sights
from backend.geometry.skinning import pose
from backend.geometry.weight_steps import WeightRules, change_weights, changeable, weight_gains
from backend.types import SkinnedMesh

RING, STATIONS = 16, 41
JOINTS = torch.tensor([[0.0, 0, 0], [0, 0.5, 0]])


def tube(blend_m: float) -> SkinnedMesh:
    """An open tube along +Y whose two bones blend over a length around the joint."""
    turn = torch.arange(RING) * 2 * math.pi / RING
    y = torch.linspace(0, 1, STATIONS)[:, None].expand(STATIONS, RING)
    vertices = torch.stack([0.1 * turn.sin() + 0 * y, y, 0.1 * turn.cos() + 0 * y], -1)
    a = torch.arange(RING)
    corner = torch.arange(STATIONS - 1)[:, None] * RING
    low, high = corner + a, corner + (a + 1) % RING
    faces = torch.cat(
        [torch.stack([low, high, high + RING], -1), torch.stack([low, high + RING, low + RING], -1)]
    )
    second = ((y - 0.5) / blend_m + 0.5).clamp(0, 1).flatten()
    return SkinnedMesh(
        vertices=vertices.flatten(0, 1),
        faces=faces.flatten(0, 1),
        weights=torch.stack([1 - second, second], 1),
        colours=torch.zeros(RING * STATIONS, 3),
    )


def bends() -> Tensor:
    """Bone matrices of two bends, about X and about Z."""
    turns = torch.tensor([[[0.0, 0, 0], [0.7, 0, 0]], [[0, 0, 0], [0, 0, 0.7]]])
    return bone_matrices(JOINTS, (-1, 0), matrix_from_axis_angle(turns))


def seen(mesh: SkinnedMesh, weights: Tensor, true: Tensor) -> tuple[Sights, Tensor]:
    """How far each vertex is from where its true weights put it, and what its weights do."""
    joints, _ = changeable(mesh, WeightRules())
    distance, gains = [], []
    for own in bends():
        at, there = (pose(mesh.vertices, one, own) for one in (weights, true))
        normals = vertex_normals(there, mesh.faces)
        distance.append(((at - there) * normals).sum(1))
        gains.append(weight_gains(mesh, joints, own, normals))
    errors = torch.stack(distance)
    sights = Sights(
        distance_m=errors,
        jacobian=errors.new_zeros(*errors.shape, 0),
        shape_gain=torch.ones_like(errors),
        precision=torch.full_like(errors, 1 / 0.003**2),
    )
    return sights, torch.stack(gains)


def test_gains_are_what_weights_do_to_points() -> None:
    mesh, other, true = (tube(blend) for blend in (0.4, 0.39, 0.2))
    sights, gains = seen(mesh, mesh.weights, true.weights)
    moved, _ = seen(mesh, other.weights, true.weights)
    change = (gains * (other.weights - mesh.weights)).sum(2)
    torch.testing.assert_close(moved.distance_m, sights.distance_m + change, atol=1e-5, rtol=0)


def test_weights_of_a_bend_are_found_from_two_bends() -> None:
    mesh, true = tube(0.4), tube(0.25)
    sights, gains = seen(mesh, mesh.weights, true.weights)
    rules = WeightRules(precision=1.0, smoothness=10.0)
    found = change_weights(mesh, mesh.weights, sights, gains, rules=rules)
    before, after = ((one - true.weights).abs().mean() for one in (mesh.weights, found))
    assert after < 0.35 * before
    torch.testing.assert_close(found.sum(1), torch.ones(len(found)))


def test_weights_that_fit_do_not_change() -> None:
    mesh = tube(0.25)
    sights, gains = seen(mesh, mesh.weights, mesh.weights)
    found = change_weights(mesh, mesh.weights, sights, gains, rules=WeightRules())
    torch.testing.assert_close(found, mesh.weights, atol=1e-6, rtol=0)


def test_what_all_photos_agree_on_changes_no_weight() -> None:
    mesh = tube(0.25)
    sights, gains = seen(mesh, mesh.weights, mesh.weights)
    same = Sights(
        distance_m=torch.full_like(sights.distance_m, 0.01),
        jacobian=sights.jacobian,
        shape_gain=sights.shape_gain,
        precision=sights.precision,
    )
    found = change_weights(mesh, mesh.weights, same, gains, rules=WeightRules(shape_precision=1e-3))
    torch.testing.assert_close(found, mesh.weights, atol=1e-4, rtol=0)
