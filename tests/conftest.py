"""What several test files share: one small avatar in one photo."""

import numpy as np
import pytest

from shared.types import Avatar, Fit


@pytest.fixture
def box_avatar() -> Avatar:
    """A closed box of 8 vertices, 1.6 m tall, on two joints: the pelvis and a head above it."""
    corners = np.array([[x, y, z] for z in (0, 1.6) for y in (-0.1, 0.1) for x in (-0.2, 0.2)])
    quads = ((0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5))
    faces = [corner for a, b, c, d in quads for corner in ((a, b, c), (a, c, d))]
    return Avatar(
        name="box",
        height_m=1.6,
        vertices=corners.astype(np.float32),
        faces=np.array(faces, np.int32),
        weights=np.repeat(np.eye(2, dtype=np.float32), 4, axis=0),
        joint_names=("pelvis", "head"),
        parents=np.array([-1, 0], np.int32),
        joints=np.array([[0, 0, 0.8], [0, 0, 1.2]], np.float32),
        colours=np.arange(24, dtype=np.uint8).reshape(8, 3),
    )


@pytest.fixture
def box_fit() -> Fit:
    """The box as it rests, 3 m before a level camera that looks at its middle."""
    return Fit(
        photos=("front.jpg",),
        masks=("mask_1.png",),
        rotations=np.tile(np.eye(3, dtype=np.float32), (1, 2, 1, 1)),
        root=np.zeros((1, 3), np.float32),
        intrinsics=np.array([[[100, 0, 40], [0, 100, 50], [0, 0, 1]]], np.float32),
        camera_from_world=np.array(
            [[[1, 0, 0, 0], [0, 0, -1, 0.8], [0, 1, 0, 3], [0, 0, 0, 1]]], np.float32
        ),
        image_sizes=np.array([[80, 100]], np.int32),
    )
