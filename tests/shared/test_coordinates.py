import numpy as np
from numpy.typing import NDArray

from shared.coordinates import (
    GLTF_FROM_WORLD,
    WORLD_FROM_BODY,
    WORLD_FROM_LEVEL_CAMERA,
    blender_world_from_camera,
    change_axes,
    conjugate,
    rigid,
)

LEFT_UP_FORWARD = np.eye(3)  # of the body frame


def test_a_person_faces_minus_y_with_z_up_in_the_world() -> None:
    turned = change_axes(LEFT_UP_FORWARD, WORLD_FROM_BODY)
    assert np.array_equal(turned, [[1, 0, 0], [0, 0, 1], [0, -1, 0]])


def test_all_changes_of_axes_are_proper_rotations() -> None:
    for matrix in (WORLD_FROM_BODY, GLTF_FROM_WORLD, WORLD_FROM_LEVEL_CAMERA):
        assert np.array_equal(matrix @ matrix.T, np.eye(3))
        assert np.isclose(np.linalg.det(matrix), 1)


def test_a_level_camera_has_the_worlds_up_on_top() -> None:
    down, forward = np.array([0, 1, 0]), np.array([0, 0, 1])
    assert np.array_equal(WORLD_FROM_LEVEL_CAMERA @ down, [0, 0, -1])
    assert np.array_equal(WORLD_FROM_LEVEL_CAMERA @ forward, [0, 1, 0])


def test_conjugated_rotations_turn_changed_points() -> None:
    turn: NDArray[np.float64] = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    point = np.array([0.3, -0.2, 0.9])
    there = conjugate(turn, WORLD_FROM_BODY) @ change_axes(point, WORLD_FROM_BODY)
    assert np.allclose(there, change_axes(turn @ point, WORLD_FROM_BODY))


def test_a_blender_camera_looks_along_its_minus_z() -> None:
    camera_from_world = rigid(WORLD_FROM_LEVEL_CAMERA.T, np.array([0.0, 1, 3]))
    world_from_blender = blender_world_from_camera(camera_from_world)
    ahead = world_from_blender @ [0, 0, -1, 1]
    assert np.allclose(camera_from_world @ ahead, [0, 0, 1, 1])
