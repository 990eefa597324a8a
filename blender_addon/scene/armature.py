"""Bones -> armature object."""

from typing import Any

import bpy

from ..shared.types import Avatar
from .bones import ROOT, ROOT_LENGTH, bone_shapes

_FACE = ("jaw", "left_eye_smplhf", "right_eye_smplhf")
_COLLECTIONS = ("Body", "Left Hand", "Right Hand", "Face")
_FINGERS = ("index", "middle", "pinky", "ring", "thumb")


def add_armature(
    context: bpy.types.Context, avatar: Avatar, collection: bpy.types.Collection
) -> bpy.types.Object:
    """Return a new armature object in its rest pose, at the origin; it is the active object.

    Object mode before and after. The collection must be visible: bones can only be made in Edit
    mode.
    """
    data = bpy.data.armatures.new(avatar.name)
    armature = bpy.data.objects.new(avatar.name, data)
    collection.objects.link(armature)
    context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    _add_bones(data, avatar)
    bpy.ops.object.mode_set(mode="OBJECT")
    _group_bones(data)
    for bone in armature.pose.bones:
        bone.rotation_mode = "QUATERNION"
    armature.show_in_front = True
    data.display_type = "STICK"
    return armature


def _add_bones(data: bpy.types.Armature, avatar: Avatar) -> None:
    """Needs Edit mode."""
    # Along +Y the bone's axes are the world's, in Blender and in engines with Z up.
    root = data.edit_bones.new(ROOT)
    root.tail = (0, ROOT_LENGTH * avatar.height_m, 0)
    root.use_deform = False
    bones = []
    for shape in bone_shapes(avatar):
        bone: Any = data.edit_bones.new(shape.name)
        bone.head, bone.tail = shape.head, shape.tail
        bone.align_roll(shape.z_direction)
        bone.parent = bones[shape.parent] if shape.parent >= 0 else root
        bone.use_connect = shape.is_connected
        bones.append(bone)


def _group_bones(data: bpy.types.Armature) -> None:
    groups = {name: data.collections.new(name) for name in _COLLECTIONS}
    for bone in data.bones:
        groups[_group_name(bone.name)].assign(bone)


def _group_name(bone: str) -> str:
    if bone in _FACE:
        return "Face"
    side, _, part = bone.partition("_")
    return f"{side.capitalize()} Hand" if part.startswith(_FINGERS) else "Body"
