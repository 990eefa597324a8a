from dataclasses import replace

import numpy as np

from shared.skinning import pose, posed_from_rest, project
from shared.types import Avatar, Fit


def test_rest_rotations_leave_the_avatar_at_rest(box_avatar: Avatar, box_fit: Fit) -> None:
    assert np.allclose(pose(box_avatar, box_fit, 0), box_avatar.vertices)


def test_the_pelvis_is_moved_by_root(box_avatar: Avatar) -> None:
    root = np.array([1.0, 2, 3])
    turn = np.tile([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]], (2, 1, 1))
    matrices = posed_from_rest(box_avatar, turn, root)
    pelvis = np.append(box_avatar.joints[0], 1)
    assert np.allclose(matrices[0] @ pelvis, np.append(box_avatar.joints[0] + root, 1))


def test_a_nodding_head_turns_about_its_joint(box_avatar: Avatar, box_fit: Fit) -> None:
    nod = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], np.float32)  # z -> -y: forward
    fit = replace(box_fit, rotations=np.stack([np.eye(3, dtype=np.float32), nod])[None])
    posed = pose(box_avatar, fit, 0)
    assert np.allclose(posed[:4], box_avatar.vertices[:4])
    assert np.allclose(posed[4], [-0.2, -0.4, 1.1], atol=1e-6)


def test_the_middle_of_the_box_is_seen_in_the_middle(box_fit: Fit) -> None:
    assert np.allclose(project(np.array([0, 0, 0.8]), box_fit, 0), [40, 50, 3])


def test_up_in_the_world_is_up_in_the_photo(box_fit: Fit) -> None:
    assert project(np.array([0, 0, 1.6]), box_fit, 0)[1] < 50
