from dataclasses import replace

import numpy as np
import pytest

from shared.arrays import ArrayError
from shared.types import Avatar, Fit, Photo


def test_photo_holds_bytes() -> None:
    with pytest.raises(ArrayError, match="data: declared uint8"):
        Photo(name="front.jpg", data=np.zeros(4, np.float32))  # pyright: ignore[reportArgumentType]


def test_weights_of_an_avatar_sum_to_one(box_avatar: Avatar) -> None:
    with pytest.raises(ArrayError, match="weights"):
        replace(box_avatar, weights=box_avatar.weights * np.float32(0.9))


def test_faces_of_an_avatar_name_its_vertices(box_avatar: Avatar) -> None:
    with pytest.raises(ArrayError, match="faces"):
        replace(box_avatar, faces=box_avatar.faces + np.int32(1))


def test_parents_come_before_children(box_avatar: Avatar) -> None:
    with pytest.raises(ArrayError, match="parents"):
        replace(box_avatar, parents=np.array([1, -1], np.int32))


def test_vertices_are_finite(box_avatar: Avatar) -> None:
    with pytest.raises(ArrayError, match="not finite"):
        replace(box_avatar, vertices=np.full_like(box_avatar.vertices, np.nan))


def test_five_influences_are_refused(box_avatar: Avatar) -> None:
    with pytest.raises(ArrayError, match="four"):
        replace(
            box_avatar,
            weights=np.full((8, 5), 0.2, np.float32),
            joints=np.zeros((5, 3), np.float32),
            parents=np.arange(-1, 4, dtype=np.int32),
            joint_names=tuple("abcde"),
        )


def test_mirrored_matrices_are_no_rotations(box_fit: Fit) -> None:
    with pytest.raises(ArrayError, match="rotations"):
        replace(box_fit, rotations=-box_fit.rotations)


def test_each_photo_of_a_fit_has_a_mask(box_fit: Fit) -> None:
    with pytest.raises(ArrayError, match="masks"):
        replace(box_fit, masks=())
