from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from backend.body.model import BodyModel
from backend.geometry.skinning import pose as pose_with
from backend.stages.rig import (
    Names,
    Rigged,
    RigSettings,
    level_soles,
    rig,
    strongest_weights,
    symmetric_joints,
)
from backend.types import BindBody, BodyFit, Camera, SkinnedMesh
from shared.skinning import pose, project

JOINTS = {  # body frame, metres: two straight legs, a spine, a head
    "pelvis": (0.01, 0.0, 0.0),
    "left_hip": (0.11, -0.05, 0.0),
    "right_hip": (-0.09, -0.05, 0.0),
    "left_ankle": (0.11, -0.9, -0.02),
    "right_ankle": (-0.09, -0.9, -0.02),
    "left_foot": (0.11, -0.95, 0.1),
    "right_foot": (-0.09, -0.95, 0.1),
    "head": (0.01, 0.5, 0.0),
}
PARENTS = (-1, 0, 0, 1, 2, 3, 4, 0)
NAMES = Names(avatar="anna", photos=("front.jpg",), masks=("mask_1.png",))


def skeleton() -> Any:
    """A body model of which `rig` reads three members."""
    faces = torch.arange(6).reshape(2, 3)
    members = {name: len for name in vars(BodyModel) if not name.startswith("_")}
    used = {"joint_names": tuple(JOINTS), "parents": PARENTS, "faces": faces}
    return SimpleNamespace(**(members | used))


def random_rotations(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    skew = torch.randn(count, 3, 3, generator=generator, dtype=torch.float64)
    return torch.linalg.matrix_exp((skew - skew.transpose(1, 2)) / 4)


def cloud() -> SkinnedMesh:
    """Eight points around each joint, bound to it and a little to another."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.tensor(list(JOINTS.values()), dtype=torch.float64).repeat_interleave(8, 0)
    offsets = torch.randn(64, 3, generator=generator, dtype=torch.float64) * 0.03
    weights = torch.eye(8, dtype=torch.float64).repeat_interleave(8, 0)
    weights = 0.8 * weights + 0.2 * weights.roll(8, 0)
    faces = torch.arange(63).reshape(21, 3)
    colours = torch.full((64, 3), 0.5, dtype=torch.float64)
    return SkinnedMesh(vertices=centres + offsets, faces=faces, weights=weights, colours=colours)


def body_fit() -> BodyFit:
    rotations = random_rotations(9)
    camera_from_body = torch.eye(4, dtype=torch.float64)
    camera_from_body[:3, :3] = rotations[8] @ torch.diag(torch.tensor([1.0, -1, -1])).double()
    camera_from_body[:3, 3] = torch.tensor([0.2, -0.1, 4.0])
    local = torch.cat([torch.eye(3, dtype=torch.float64)[None], rotations[1:8]])
    intrinsics = torch.tensor([[900.0, 0, 400], [0, 900, 500], [0, 0, 1]], dtype=torch.float64)
    return BodyFit(
        shape=torch.zeros(2),
        bind=BindBody(
            vertices=cloud().vertices, joints=torch.tensor(list(JOINTS.values())).double()
        ),
        rotations=local[None],
        camera_from_body=camera_from_body[None],
        cameras=(Camera(intrinsics=intrinsics, width=800, height=1000),),
        landmark_error_percent=torch.zeros(1),
    )


def rigged(**settings: Any) -> Rigged:
    return rig(cloud(), body_fit(), skeleton(), RigSettings(**settings), names=NAMES)


def pixels_before_the_rig() -> Tensor:
    """The photo's pixels of the surface, by a loop over the bones in the body frame."""
    fit, surface = body_fit(), cloud()
    matrices = torch.zeros(8, 4, 4, dtype=torch.float64)
    for joint, parent in enumerate(PARENTS):
        place, turn = fit.bind.joints[joint], fit.rotations[0, joint]
        local = torch.eye(4, dtype=torch.float64)
        local[:3, :3], local[:3, 3] = turn, place - turn @ place
        matrices[joint] = local if parent < 0 else matrices[parent] @ local
    posed = pose_with(surface.vertices, surface.weights, matrices)
    matrix = fit.camera_from_body[0]
    image = (posed @ matrix[:3, :3].T + matrix[:3, 3]) @ fit.cameras[0].intrinsics.T
    return image[:, :2] / image[:, 2:]


@pytest.mark.parametrize("height_m", [None, 1.2])
def test_posed_avatar_is_seen_where_the_posed_surface_was(height_m: float | None) -> None:
    result = rigged(height_m=height_m, sole_percentile=0.0, most_levelling_m=0.0)
    seen = project(pose(result.avatar, result.fit, 0), result.fit, 0)
    assert np.abs(seen[:, :2] - pixels_before_the_rig().numpy()).max() < 0.01


def test_avatar_stands_on_the_floor_at_the_origin() -> None:
    avatar = rigged().avatar
    ankles = avatar.joints[[3, 4]]
    assert abs(avatar.vertices[:, 2].min()) < 1e-6
    assert np.allclose(ankles[0] * [-1, 1, 1], ankles[1], atol=1e-6)


def test_toes_point_along_minus_y_and_the_left_is_plus_x() -> None:
    joints = rigged().avatar.joints
    assert (joints[5] - joints[3])[1] < -0.1
    assert joints[3][0] > 0.09


def test_height_scales_the_body() -> None:
    avatar = rigged(height_m=1.75).avatar  # six vertices are the body's skin, as they are here
    assert avatar.height_m == pytest.approx(1.75)
    assert np.ptp(avatar.vertices[:6, 2]) == pytest.approx(1.75)


def test_person_in_the_photo_touches_the_floor_below_the_origin() -> None:
    result = rigged()
    assert abs(pose(result.avatar, result.fit, 0)[:, 2].min()) < 1e-5
    pelvis = result.avatar.joints[0] + result.fit.root[0]
    assert np.allclose(pelvis[:2], 0, atol=1e-6)


def test_camera_is_level() -> None:
    down = rigged().fit.camera_from_world[0, 1, :3]
    assert np.allclose(down, [0, 0, -1])


def test_four_strongest_influences_stay() -> None:
    kept = strongest_weights(np.array([[0.3, 0.05, 0.2, 0.1, 0.35]]), 4)
    assert np.allclose(kept, np.array([[0.3, 0, 0.2, 0.1, 0.35]]) / 0.95)


def test_joints_become_mirror_images() -> None:
    names = ("pelvis", "left_knee", "right_knee")
    joints = symmetric_joints(np.array([[0.5, 1, 0], [1.2, 0.01, 0], [-0.2, -0.01, 0]]), names)
    assert np.allclose(joints, [[0.5, 1, 0], [1.2, 0, 0], [-0.2, 0, 0]])


def test_both_soles_stand_on_the_floor() -> None:
    vertices = np.array([[0.1, 0.0, 0], [0.1, 0.5, 0], [-0.1, 0.01, 0], [-0.1, 0.5, 0]])
    feet = {"left": np.array([1.0, 0.5, 0, 0]), "right": np.array([0, 0, 1, 0.5])}
    levelled, floor = level_soles(vertices, feet, RigSettings())
    assert floor == 0
    assert np.allclose(levelled[:, 1], [0, 0.5, 0, 0.495])


def test_a_foot_in_the_air_is_not_drawn_down_to_the_floor() -> None:
    feet = {"left": np.array([1.0, 0]), "right": np.array([0, 1.0])}
    levelled, _ = level_soles(np.array([[0.1, 0, 0], [-0.1, 0.3, 0]]), feet, RigSettings())
    assert levelled[1, 1] == pytest.approx(0.28)
