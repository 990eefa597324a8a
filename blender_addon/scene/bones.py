"""Rest joints -> bones: where each begins and ends, and which way its axes point."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from ..shared.arrays import Shape
from ..shared.types import Avatar

ROOT = "root"
"""Bone at the origin that carries the avatar through the world; moves no vertex by itself."""
ROOT_LENGTH = 0.1
"""Of the avatar's height."""
SHORTEST_M = 1e-3
"""Blender deletes bones without length when Edit mode ends."""
_MAIN_CHILD = {
    "pelvis": "spine1",
    "spine3": "neck",
    "left_wrist": "left_middle1",
    "right_wrist": "right_middle1",
}
"""Where a bone ends whose joint has several children; the head ends at the crown."""
_FACE = {
    "jaw": (0.0, -0.05, -0.04),
    "left_eye_smplhf": (0.0, -0.02, 0.0),
    "right_eye_smplhf": (0.0, -0.02, 0.0),
}
"""From head to tail, in heights of the avatar."""
_FORWARD = np.array([0.0, -1, 0])
_UP = np.array([0.0, 0, 1])
_MIRROR = np.array([-1.0, 1, 1])
_FINGERS = ("index", "middle", "pinky", "ring")
_LEAST_SINE = 0.2
"""Of the angle between a bone and what its Z axis is turned to: below, another reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoneShape:
    """One bone in the rest pose; world frame, metres."""

    name: str
    parent: int
    """Row of the parent; -1 hangs on the bone `root`."""
    head: Annotated[NDArray[np.float64], Shape("3", np.float64)]
    tail: Annotated[NDArray[np.float64], Shape("3", np.float64)]
    z_direction: Annotated[NDArray[np.float64], Shape("3", np.float64)]
    """The bone's Z axis points there as far as its Y axis, head to tail, allows."""
    is_connected: bool
    """The head is the parent's tail."""


def bone_shapes(avatar: Avatar) -> tuple[BoneShape, ...]:
    """Return one bone per joint, in the joints' order; left and right are mirror images.

    Bones end where their main child begins, and fingers, feet, head, jaw and eyes go on for a
    plausible length. Each Z axis points to where the part bends: forward for spine, arms and legs,
    up for the feet and the face, to the palm for fingers. A right bone refers to the mirrored
    direction of the left one, which makes Blender's *Paste X-Flipped* exact.
    """
    heads = avatar.joints.astype(np.float64)
    child_of = [_main_child(avatar, joint) for joint in range(len(heads))]
    shapes = []
    for joint, name in enumerate(avatar.joint_names):
        parent = int(avatar.parents[joint])
        tail = _tail(avatar, joint, child_of[joint])
        is_next = parent >= 0 and child_of[parent] == joint
        shapes.append(
            BoneShape(
                name=name,
                parent=parent,
                head=heads[joint],
                tail=tail,
                z_direction=_z_direction(avatar, name, tail - heads[joint]),
                is_connected=is_next and not name.endswith("_middle1"),  # like its neighbours
            )
        )
    return tuple(shapes)


def _main_child(avatar: Avatar, joint: int) -> int | None:
    """Return the joint at which a bone ends: the only child, or the one of the table."""
    name = avatar.joint_names[joint]
    children = np.flatnonzero(avatar.parents == joint).tolist()
    if name in _MAIN_CHILD:
        child = avatar.joint_names.index(_MAIN_CHILD[name])
    elif len(children) == 1:
        child = children[0]
    else:
        return None
    is_long = np.linalg.norm(avatar.joints[child] - avatar.joints[joint]) >= SHORTEST_M
    return child if is_long else None


def _tail(avatar: Avatar, joint: int, child: int | None) -> NDArray[np.float64]:
    head = avatar.joints[joint].astype(np.float64)
    if child is not None:
        return avatar.joints[child].astype(np.float64)
    along = _leaf(avatar, joint)
    is_long = np.linalg.norm(along) >= SHORTEST_M
    return head + (along if is_long else 0.02 * avatar.height_m * _UP)


def _leaf(avatar: Avatar, joint: int) -> NDArray[np.float64]:
    """Return head to tail of a bone at whose end there is no joint."""
    name = avatar.joint_names[joint]
    head = avatar.joints[joint].astype(np.float64)
    along = head - avatar.joints[avatar.parents[joint]]
    if name in _FACE:
        return avatar.height_m * np.array(_FACE[name])
    if name == "head":
        return max(avatar.height_m - head[2], 0.0) * _UP
    if name.endswith("_foot"):
        return 0.5 * along * [1, 1, 0]  # the ball of the foot to the tip of the toes
    return along  # a finger's last phalanx is about as long as the one before


def _z_direction(avatar: Avatar, name: str, along: NDArray[np.float64]) -> NDArray[np.float64]:
    if name.startswith("right_"):
        along = along * _MIRROR
        return _z_direction(avatar, name.replace("right_", "left_", 1), along) * _MIRROR
    candidates = (_wanted(avatar, name), _FORWARD, _UP)  # no bone is parallel to all three
    return next(each for each in candidates if _sine(each, along) >= _LEAST_SINE)


def _sine(direction: NDArray[np.float64], along: NDArray[np.float64]) -> float:
    """Return the sine of the angle between a direction of length 1 or 0 and a bone."""
    return float(np.linalg.norm(np.cross(direction, along)) / np.linalg.norm(along))


def _wanted(avatar: Avatar, name: str) -> NDArray[np.float64]:
    """Return where the Z axis of a central or left bone is to point; length 1, or 0 if unknown."""
    part = name.removeprefix("left_")
    if part == "wrist" or part.startswith(_FINGERS):
        return _unit(_to_palm(avatar))
    if part.startswith("thumb"):
        return _unit(_across(avatar))
    return _UP if part in ("ankle", "foot", "jaw", "eye_smplhf") else _FORWARD


def _across(avatar: Avatar) -> NDArray[np.float64]:
    """Return the way across the left palm, from the index finger to the little one."""
    at = dict(zip(avatar.joint_names, avatar.joints.astype(np.float64), strict=True))
    return at["left_pinky1"] - at["left_index1"]


def _to_palm(avatar: Avatar) -> NDArray[np.float64]:
    """Return the direction into which the left fingers bend."""
    at = dict(zip(avatar.joint_names, avatar.joints.astype(np.float64), strict=True))
    return np.cross(_across(avatar), at["left_middle1"] - at["left_wrist"])


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)
