"""The nouns that cross the process boundary, with their units and frames.

World frame = Blender: metres, right-handed, +Z up, the person faces -Y, so the person's left is +X.
V vertices, F faces, J joints, P photos, N bytes.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from .arrays import Shape, check_arrays, require

MAX_INFLUENCES = 4
"""Joints that move one vertex; more are ignored by three.js and by most game engines."""
TOLERANCE = 1e-4
"""Of weights' sums and of rotations' orthogonality: thousand times float32's rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """One picture file as the user gave it; the backend alone decodes it."""

    name: str
    data: Annotated[NDArray[np.uint8], Shape("N", np.uint8)]
    """The file's own bytes."""

    def __post_init__(self) -> None:
        """Check the array's shape."""
        check_arrays(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Avatar:
    """A rigged person in the rest pose; world frame, `root` (the origin) between the feet."""

    name: str
    height_m: float
    """From the soles to the crown of the body inside the surface; hair and hats stand above."""
    vertices: Annotated[NDArray[np.float32], Shape("V 3", np.float32)]
    faces: Annotated[NDArray[np.int32], Shape("F 3", np.int32)]
    """Vertex indices, counter-clockwise seen from outside."""
    weights: Annotated[NDArray[np.float32], Shape("V J", np.float32)]
    """Share of each joint in each vertex: rows sum to 1 and have at most four that are not 0."""
    joint_names: tuple[str, ...]
    parents: Annotated[NDArray[np.int32], Shape("J", np.int32)]
    """A parent comes before its children; -1 for the pelvis, joint 0."""
    joints: Annotated[NDArray[np.float32], Shape("J 3", np.float32)]
    """Where the joints are in the rest pose."""
    colours: Annotated[NDArray[np.uint8], Shape("V 3", np.uint8)]
    """sRGB."""

    def __post_init__(self) -> None:
        """Check shapes, indices and sums."""
        check_arrays(self)
        require(len(self.joint_names) == len(self.parents), "joint_names: one for each joint")
        require(_is_tree(self.parents), "parents: -1 first, then each before its children")
        require(_are_indices(self.faces, len(self.vertices)), "faces: an index is out of range")
        require(bool(np.isfinite(self.vertices).all()), "vertices: not finite")
        require(bool(np.isfinite(self.joints).all()), "joints: not finite")
        require(_are_shares(self.weights), "weights: rows are not shares of at most four joints")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How the avatar stands in each photo.

    Each photo has a world of its own: its camera is level, the pelvis is above the origin, the
    lowest point of the person is at z = 0.
    """

    photos: tuple[str, ...]
    masks: tuple[str, ...]
    """File of each photo's mask (8-bit, 255 = person), beside the fit's own file."""
    rotations: Annotated[NDArray[np.float32], Shape("P J 3 3", np.float32)]
    """Of each joint relative to its parent and to the rest pose, in world axes; the pelvis's (row
    0) is relative to the world."""
    root: Annotated[NDArray[np.float32], Shape("P 3", np.float32)]
    """Metres; the posed pelvis is at `joints[0] + root`."""
    intrinsics: Annotated[NDArray[np.float32], Shape("P 3 3", np.float32)]
    """Pixels of the whole photo, pixel centres at +0.5."""
    camera_from_world: Annotated[NDArray[np.float32], Shape("P 4 4", np.float32)]
    """Rigid; the camera frame is OpenCV's: +X right, +Y down, +Z forward."""
    image_sizes: Annotated[NDArray[np.int32], Shape("P 2", np.int32)]
    """(width, height) in pixels."""

    def __post_init__(self) -> None:
        """Check shapes and rotations."""
        check_arrays(self)
        require(len(self.photos) == len(self.root), "photos: one name for each photo")
        require(len(self.masks) == len(self.root), "masks: one file for each photo")
        for name in ("root", "intrinsics", "camera_from_world"):
            require(bool(np.isfinite(getattr(self, name)).all()), f"{name}: not finite")
        require(_are_rotations(self.rotations), "rotations: not rotations")
        cameras = self.camera_from_world[:, :3, :3]
        require(_are_rotations(cameras), "camera_from_world: not rigid")


def _is_tree(parents: NDArray[np.int32]) -> bool:
    own = np.arange(len(parents))
    return bool(parents[0] == -1 and (parents[1:] >= 0).all() and (parents < own).all())


def _are_indices(indices: NDArray[np.int32], count: int) -> bool:
    return indices.size == 0 or bool(indices.min() >= 0 and indices.max() < count)


def _are_shares(weights: NDArray[np.float32]) -> bool:
    few = (weights != 0).sum(axis=1) <= MAX_INFLUENCES
    whole = np.abs(weights.sum(axis=1) - 1) <= TOLERANCE
    return bool((few & whole).all() and (weights >= 0).all())


def _are_rotations(matrices: NDArray[np.float32]) -> bool:
    if not (np.abs(matrices) < 2).all():  # not finite either; squares would overflow
        return False
    squares = np.swapaxes(matrices, -1, -2) @ matrices
    off = np.abs(squares - np.eye(3, dtype=np.float32)).max(initial=0)
    return bool(off <= TOLERANCE and (np.linalg.det(matrices) > 0).all())
