"""Changes between the frames: the only place where axes are flipped.

world = Blender   +X the person's left, +Y backward, +Z up       metres
body  = SMPL-X    +X the person's left, +Y up,       +Z forward  metres; glTF's frame is the same
camera = OpenCV   +X right,             +Y down,     +Z forward  metres
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

WORLD_FROM_BODY: NDArray[np.float64] = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
"""Rotation from body axes to world axes."""
GLTF_FROM_WORLD: NDArray[np.float64] = WORLD_FROM_BODY.T
"""Rotation from world axes to glTF's, which are the body's."""
BLENDER_CAMERA_FROM_CAMERA: NDArray[np.float64] = np.diag([1.0, -1, -1])
"""Rotation from OpenCV's camera axes to Blender's (+Y up, looking along -Z), and back."""
WORLD_FROM_LEVEL_CAMERA: NDArray[np.float64] = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
"""Rotation of a camera that looks horizontally along +Y, as at a person who faces it."""


def change_axes(
    points: NDArray[np.floating[Any]], target_from_source: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return points (… 3) of the source axes in the target axes."""
    return points @ target_from_source.T


def conjugate(
    rotations: NDArray[np.floating[Any]], target_from_source: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the same rotations (… 3 3), written in the target axes instead of the source's."""
    return target_from_source @ rotations @ target_from_source.T


def rigid(
    rotation: NDArray[np.floating[Any]], translation: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    """Return the transforms (… 4 4) that rotate, then translate by metres."""
    matrix = np.zeros((*translation.shape[:-1], 4, 4))
    matrix[..., :3, :3] = rotation
    matrix[..., :3, 3] = translation
    matrix[..., 3, 3] = 1
    return matrix


def blender_world_from_camera(camera_from_world: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the matrix of a Blender camera object (… 4 4) that sees what the camera sees."""
    flip = np.eye(4)
    flip[:3, :3] = BLENDER_CAMERA_FROM_CAMERA
    return np.linalg.inv(camera_from_world) @ flip
