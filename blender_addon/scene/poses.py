"""Rotations of a fit <-> pose assets, and pose assets -> pose."""

from pathlib import PurePath
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Quaternion, Vector
from numpy.typing import NDArray

from ..shared.messages import Result
from .tags import IMPORT, PHOTO, PHOTO_NAME

FRAME = 1
"""Of a pose's keys."""


def add_poses(armature: bpy.types.Object, result: Result) -> None:
    """Make one pose asset per photo; the armature stays in its rest pose.

    Each is an action; as an asset it has a fake user and is saved whether or not it is used.
    """
    names = result.avatar.joint_names
    data: Any = armature.data
    rest = np.array([data.bones[name].matrix_local.to_3x3() for name in names])
    for photo, photo_name in enumerate(result.fit.photos):
        action = bpy.data.actions.new(f"{result.avatar.name} – {PurePath(photo_name).stem}")
        action[IMPORT] = armature[IMPORT]
        action[PHOTO] = photo
        action[PHOTO_NAME] = photo_name
        channels = _new_channels(action, armature.name)
        rotations = to_bone_axes(result.fit.rotations[photo], rest)
        for name, rotation in zip(names, rotations, strict=True):
            _key(channels, name, "rotation_quaternion", Matrix(rotation).to_quaternion())
        _key(channels, names[0], "location", rest[0].T @ result.fit.root[photo])
        action.asset_mark()
        action.asset_data.description = f"Pose of {result.avatar.name} in {photo_name}"


def to_bone_axes(
    rotations: NDArray[np.floating[Any]], rest: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    """Return rotations (J 3 3), written in world axes, in the axes of each rest bone.

    Q_j = R_j^T · R · R_j    with the rest bones' axes R_j (J 3 3), as columns
    """
    return (np.swapaxes(rest, -1, -2) @ rotations @ rest).astype(np.float64)


def apply_pose(armature: bpy.types.Object, action: bpy.types.Action) -> None:
    """Pose all bones as the action does; bones and channels without keys go to rest.

    The armature's own action, if it has one, stays assigned: on the next change of frame it takes
    over again.
    """
    values: dict[tuple[str, int], float] = {
        (curve.data_path, curve.array_index): curve.evaluate(FRAME) for curve in _curves(action)
    }
    for bone in armature.pose.bones:
        path = bone.path_from_id()
        at = [values.get((f"{path}.location", axis), 0.0) for axis in range(3)]
        identity = (1.0, 0.0, 0.0, 0.0)
        turn = [
            values.get((f"{path}.rotation_quaternion", part), identity[part]) for part in range(4)
        ]
        # The matrix and not the channels: the rotation mode may have been changed.
        bone.matrix_basis = Matrix.LocRotScale(Vector(at), Quaternion(turn), None)
    data: Any = armature.data
    data.pose_position = "POSE"


def apply_rest(armature: bpy.types.Object) -> None:
    """Put all bones to rest."""
    for bone in armature.pose.bones:
        bone.matrix_basis = Matrix.Identity(4)


def _new_channels(action: Any, slot_name: str) -> Any:
    """Return where a new action keeps its curves and their groups."""
    if not hasattr(action, "slots"):  # Blender 4.2 and 4.3
        return action
    slot = action.slots.new("OBJECT", slot_name)
    strip = action.layers.new("Layer").strips.new(type="KEYFRAME")
    return strip.channelbag(slot, ensure=True)


def _curves(action: Any) -> list[bpy.types.FCurve]:
    if not hasattr(action, "slots"):
        return list(action.fcurves)
    return [
        curve
        for layer in action.layers
        for strip in layer.strips
        for channels in strip.channelbags
        for curve in channels.fcurves
    ]


def _key(channels: Any, bone: str, channel: str, values: Any) -> None:
    group = channels.groups.get(bone) or channels.groups.new(bone)
    for index, value in enumerate(values):
        curve = channels.fcurves.new(f'pose.bones["{bone}"].{channel}', index=index)
        curve.group = group
        curve.keyframe_points.insert(FRAME, value, options={"FAST"})
        curve.update()
