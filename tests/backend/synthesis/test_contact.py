from functools import cache

import torch

from backend.body.anny55 import Anny55, load_anny55
from backend.body.kinematics import bone_matrices, matrix_from_axis_angle
from backend.geometry.signed_distance import SurfaceQuery
from backend.geometry.skinning import pose
from backend.synthesis.contact import with_arms_clear
from backend.synthesis.people import Outfit, Person, dress


@cache
def body() -> Anny55:
    return load_anny55()


@cache
def naked() -> Person:
    outfit = Outfit(garments=(), eyes=None, skin_colour=(1.0, 1.0, 1.0), skin_texture=None)
    return dress(body(), body().mean_shape, outfit)


def with_arm_in_trunk() -> torch.Tensor:
    vectors = torch.zeros(55, 3)
    vectors[body().joint_names.index("left_shoulder")] = torch.tensor([0.3, 0.0, -1.0])
    return matrix_from_axis_angle(vectors)


def hand_depth_m(rotations: torch.Tensor) -> float:
    bind = naked().bind
    posed = pose(
        bind.vertices[:13380],
        body().weights[:13380],
        bone_matrices(bind.joints, body().parents, rotations),
    )
    names = body().joint_names
    trunk = body().weights[:13380, [names.index(n) for n in ("pelvis", "spine1", "left_hip")]]
    hand = body().weights[:13380, names.index("left_wrist")] > 0.9
    is_trunk = trunk.sum(1) > 0.6
    query = SurfaceQuery(posed, body().skin_faces[is_trunk[body().skin_faces].all(1)])
    return -float(query.signed_distance(posed[hand], 0.2).min())


def test_a_hand_in_the_trunk_is_turned_out_of_it() -> None:
    pierced = with_arm_in_trunk()
    cleared = with_arms_clear(naked(), body().joint_names, pierced, is_touching=False)
    assert hand_depth_m(pierced) > 0.02
    assert hand_depth_m(cleared) < 0.004


def test_a_pose_with_free_arms_stays_as_it_is() -> None:
    free = torch.eye(3).repeat(55, 1, 1)
    cleared = with_arms_clear(naked(), body().joint_names, free, is_touching=False)
    torch.testing.assert_close(cleared, free, atol=1e-6, rtol=0)
