import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from backend.body.kinematics import (
    axis_angle_from_matrix,
    bones_of,
    matrix_from_axis_angle,
    moved_joints,
)
from backend.geometry.signed_distance import SurfaceQuery
from backend.geometry.skinning import pose
from backend.stages.register import RegisterSettings, register
from backend.types import PosedSurface, Poses, SkinnedMesh

RING, STATIONS = 24, 61
LENGTH_M = 1.2
SETTINGS = RegisterSettings(
    iterations=12, stiff_joints=(), fixed_joints=(), max_points=1000, max_turn_rad=0.2
)
JOINTS = torch.tensor([[0.0, 0, 0], [0, 0.4, 0], [0, 0.8, 0]])


def quiet(_stage: str, _fraction: float) -> None:
    pass


def tube() -> SkinnedMesh:
    """A closed flat tube along +Y on three bones, thicker at its lower end."""
    turn = torch.arange(RING) * 2 * math.pi / RING
    along = torch.linspace(0, LENGTH_M, STATIONS)
    width = 0.12 - 0.05 * along / LENGTH_M
    x, z = width[:, None] * turn.sin(), 0.6 * width[:, None] * turn.cos()
    y = along[:, None].expand_as(x)
    ends = torch.tensor([[0.0, 0, 0], [0, LENGTH_M, 0]])
    vertices = torch.cat([torch.stack([x, y, z], -1).flatten(0, 1), ends])
    faces = []
    for k in range(STATIONS - 1):
        for i in range(RING):
            a, b = k * RING + i, k * RING + (i + 1) % RING
            faces += [[a, b, b + RING], [a, b + RING, a + RING]]
    bottom, top, last = RING * STATIONS, RING * STATIONS + 1, RING * (STATIONS - 1)
    for i in range(RING):
        j = (i + 1) % RING
        faces += [[bottom, j, i], [top, last + i, last + j]]
    second, third = (((vertices[:, 1] - y) / 0.12 + 0.5).clamp(0, 1) for y in (0.4, 0.8))
    weights = torch.stack([1 - second, second - third, third], 1)
    colours = torch.zeros_like(vertices)
    return SkinnedMesh(
        vertices=vertices, faces=torch.tensor(faces), weights=weights, colours=colours
    )


def poses_of(turns: list[list[list[float]]]) -> Poses:
    """Turns of the second and third joint, by photo, as axis-angles."""
    own = torch.tensor(turns)
    rotations = matrix_from_axis_angle(torch.cat([torch.zeros_like(own[:, :1]), own], 1))
    return Poses(
        joints=JOINTS,
        parents=(-1, 0, 1),
        rotations=rotations,
        camera_from_body=torch.eye(4).repeat(len(turns), 1, 1),
    )


BENT = poses_of([[[0.0, 0, 0.5], [0, 0, 0.8]], [[0.6, 0, 0], [0.3, 0, -0.9]], [[0.0] * 3] * 2])


def surfaces(mesh: SkinnedMesh, poses: Poses) -> list[PosedSurface]:
    whole = torch.ones(len(mesh.vertices), dtype=torch.bool)
    posed = [pose(mesh.vertices, mesh.weights, bones) for bones in bones_of(poses)]
    return [
        PosedSurface(
            mesh=SkinnedMesh(
                vertices=points, faces=mesh.faces, weights=mesh.weights, colours=mesh.colours
            ),
            is_front=whole,
            is_observed=whole,
        )
        for points in posed
    ]


def turned(poses: Poses, turns: Tensor) -> Poses:
    """Poses whose joints are turned further, each in its own bone's axes."""
    return Poses(
        joints=poses.joints,
        parents=poses.parents,
        rotations=poses.rotations @ matrix_from_axis_angle(turns),
        camera_from_body=poses.camera_from_body,
    )


def shifted(poses: Poses, by_m: Tensor) -> Poses:
    camera = poses.camera_from_body.clone()
    camera[:, :3, 3] += by_m
    return Poses(
        joints=poses.joints,
        parents=poses.parents,
        rotations=poses.rotations,
        camera_from_body=camera,
    )


def joint_error_m(poses: Poses, true: Poses) -> Tensor:
    here, there = (moved_joints(one.joints, bones_of(one)) for one in (poses, true))
    return (here - there).norm(dim=-1)


def test_poses_that_were_disturbed_are_found_again() -> None:
    mesh = tube()
    noise = torch.tensor([[0.0, 0.1, 0], [0.0, -0.1, 0], [0, 0, 0]])[..., None]
    noise = noise * torch.tensor([1.0, 0.3, -1.0])
    start = shifted(turned(BENT, noise), torch.tensor([[0.02, 0, 0], [-0.02, 0, 0.01], [0.0] * 3]))
    found = register(mesh, surfaces(mesh, BENT), start, SETTINGS, report=quiet).poses
    assert joint_error_m(start, BENT).max() > 0.03
    assert joint_error_m(found, BENT).max() < 0.004
    assert torch.equal(found.joints, JOINTS)


def test_an_offset_common_to_all_poses_goes_into_the_shape() -> None:
    mesh = tube()
    offset = torch.zeros(3, 3)
    offset[2, 2] = 0.05
    start = turned(BENT, offset.expand(3, 3, 3))
    settings = replace(SETTINGS, common_sigma_rad=0.01)
    found = register(mesh, surfaces(mesh, BENT), start, settings, report=quiet)
    moved = axis_angle_from_matrix(start.rotations.mT @ found.poses.rotations)
    assert moved[:, 2].mean(0).norm() < 0.005
    seen = SurfaceQuery(surfaces(mesh, BENT)[2].mesh.vertices, mesh.faces)
    shape = pose(found.mesh.vertices, mesh.weights, bones_of(found.poses)[2])
    before = pose(mesh.vertices, mesh.weights, bones_of(start)[2])
    apart = [seen.closest_points(one, 0.1).distance.mean() for one in (before, shape)]
    assert apart[1] < 0.2 * apart[0]


def test_scans_get_the_weights_of_the_surface_that_lies_on_them() -> None:
    mesh = tube()
    found = register(mesh, surfaces(mesh, BENT), BENT, SETTINGS, report=quiet)
    for own in found.scan_weights:
        torch.testing.assert_close(own.sum(1), torch.ones(len(own)))
        assert (own - mesh.weights).abs().mean() < 0.01


def test_registration_stops_when_the_report_says_so() -> None:
    class Stopped(Exception):
        pass

    def stop(_stage: str, fraction: float) -> None:
        if fraction > 0.2:
            raise Stopped

    mesh = tube()
    with pytest.raises(Stopped):
        register(mesh, surfaces(mesh, BENT), BENT, SETTINGS, report=stop)


def test_the_body_takes_back_half_of_an_offset_common_to_all_poses() -> None:
    mesh = tube()
    offset = torch.zeros(3, 3)
    offset[2, 2] = 0.05
    start = turned(BENT, offset.expand(3, 3, 3))
    found = register(mesh, surfaces(mesh, BENT), start, SETTINGS, report=quiet, body=mesh)
    left = axis_angle_from_matrix(BENT.rotations.mT @ found.poses.rotations)
    assert left[:, 2].mean(0).norm() < 0.5 * 0.05
