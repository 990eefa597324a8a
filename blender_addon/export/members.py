"""Which meshes belong to an avatar, and how they hang on its armature."""

from dataclasses import dataclass
from typing import Any

import bpy
from mathutils import Matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A mesh of an avatar, as it is in the rest pose."""

    mesh: bpy.types.Object
    armature_from_mesh: Matrix
    """From the mesh's own axes to the armature's; metres of the armature's own."""
    follows_bones: bool
    """Moved by bones, not only with the armature as a whole."""
    bone: str
    """The only one that moves the mesh; empty if the vertex groups say which."""


def members(armature: bpy.types.Object) -> list[Member]:
    """Return the meshes below an armature in the object tree and those with it as modifier."""
    below = armature.children_recursive
    meshes = [thing for thing in below if thing.type == "MESH"]
    others = [thing for thing in bpy.data.objects if thing.type == "MESH" and thing not in below]
    meshes += [thing for thing in others if _is_skinned(thing, armature)]
    return [_member(mesh, armature) for mesh in meshes]


def world_matrix(thing: Any) -> Matrix:
    """Return where an object is, also if it was hidden when it was moved or the file was opened."""
    is_free = thing.parent is None and not thing.constraints
    return thing.matrix_basis if is_free else thing.matrix_world


def _member(mesh: Any, armature: Any) -> Member:
    matrix, bone = _place(mesh, armature)
    skinned = _is_skinned(mesh, armature)
    return Member(
        mesh=mesh,
        armature_from_mesh=matrix,
        follows_bones=skinned or bool(bone),
        bone="" if skinned else bone,
    )


def _is_skinned(mesh: Any, armature: Any) -> bool:
    by_parent = mesh.parent == armature and mesh.parent_type == "ARMATURE"
    modifiers = [modifier for modifier in mesh.modifiers if modifier.type == "ARMATURE"]
    return by_parent or any(modifier.object == armature for modifier in modifiers)


def _place(thing: Any, armature: Any) -> tuple[Matrix, str]:
    """Return where an object is in the armature's axes, and the bone that it hangs on.

    Not from `matrix_world`: it has the current pose in it, and is old for what is hidden.
    """
    if thing == armature:
        return Matrix.Identity(4), ""
    if thing.parent is None:
        return world_matrix(armature).inverted() @ world_matrix(thing), ""
    parent, bone = _place(thing.parent, armature)
    if thing.parent == armature and thing.parent_type == "BONE":
        bone = thing.parent_bone
        rest = armature.data.bones[bone]
        parent = rest.matrix_local @ Matrix.Translation((0, rest.length, 0))
    return parent @ thing.matrix_parent_inverse @ thing.matrix_basis, bone
