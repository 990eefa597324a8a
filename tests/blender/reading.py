"""Skinned meshes of the open file, as arrays to compare."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def import_file(bpy: Any, path: Path) -> tuple[Any, list[Any]]:
    """Import a .glb or .fbx file; return its armature and its meshes."""
    before = set(bpy.data.objects)
    if path.suffix == ".glb":
        bpy.ops.import_scene.gltf(filepath=str(path))
    else:
        bpy.ops.import_scene.fbx(filepath=str(path))
    new = sorted(set(bpy.data.objects) - before, key=lambda thing: thing.name)
    armature = next(thing for thing in new if thing.type == "ARMATURE")
    meshes = [thing for thing in new if thing.type == "MESH"]
    return armature, [mesh for mesh in meshes if mesh.name != "Icosphere"]  # shape of glTF's bones


def places(bpy: Any, mesh: Any) -> NDArray[np.float64]:
    """Return the vertices (V 3) as deformed now, in the world."""
    bpy.context.view_layer.update()
    evaluated = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
    shape = evaluated.to_mesh()
    local = np.empty((len(shape.vertices), 3), np.float32)
    shape.vertices.foreach_get("co", local.ravel())
    matrix = np.array(mesh.matrix_world)
    evaluated.to_mesh_clear()
    return local @ matrix[:3, :3].T + matrix[:3, 3]


def weights(mesh: Any, bones: list[str]) -> NDArray[np.float64]:
    """Return each vertex's share (V J) of each bone."""
    column = {group.index: bones.index(group.name) for group in mesh.vertex_groups}
    shares = np.zeros((len(mesh.data.vertices), len(bones)))
    for vertex in mesh.data.vertices:
        for element in vertex.groups:
            shares[vertex.index, column[element.group]] = element.weight
    return shares


def colours(mesh: Any) -> NDArray[np.float64]:
    """Return each vertex's sRGB colour (V 3), 0 to 255, of the only colour attribute."""
    (layer,) = mesh.data.color_attributes
    rgba = np.empty((len(layer.data), 4), np.float32)
    layer.data.foreach_get("color_srgb", rgba.ravel())
    if layer.domain == "POINT":
        return 255.0 * rgba[:, :3]
    corner = np.empty(len(mesh.data.loops), np.int32)
    mesh.data.loops.foreach_get("vertex_index", corner)
    of_vertex = np.empty((len(mesh.data.vertices), 3))
    of_vertex[corner] = 255.0 * rgba[:, :3]
    return of_vertex


def heads(armature: Any) -> NDArray[np.float64]:
    """Return where the rest bones begin (J 3), in the world, sorted by name."""
    bones = sorted(armature.data.bones, key=lambda bone: bone.name)
    return np.array([armature.matrix_world @ bone.head_local for bone in bones])


def turn_bones(armature: Any, rotations: dict[str, Any]) -> None:
    """Rotate bones relative to their parents and to the rest pose, in world axes."""
    armature.data.pose_position = "POSE"
    for name, rotation in rotations.items():
        bone = armature.pose.bones[name]
        axes = (armature.matrix_world @ bone.bone.matrix_local).to_3x3().normalized()
        bone.matrix_basis = (axes.inverted() @ rotation @ axes).to_4x4()
