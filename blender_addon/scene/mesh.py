"""Vertices, faces, weights and colours -> mesh object; every step is one call for all vertices."""

from typing import Any

import bmesh
import bpy
import numpy as np

from ..shared.types import Avatar
from .material import COLOUR, new_material


def add_mesh(
    avatar: Avatar, armature: bpy.types.Object, collection: bpy.types.Collection
) -> bpy.types.Object:
    """Return a new mesh object that the armature deforms; a child of it.

    Vertex groups are named as the joints, and in their order.
    """
    mesh = bpy.data.meshes.new(avatar.name)
    body = bpy.data.objects.new(f"{avatar.name} mesh", mesh)
    for name in avatar.joint_names:
        body.vertex_groups.new(name=name)
    mesh.vertices.add(len(avatar.vertices))
    _set_weights(mesh, avatar)  # before there are faces: seven times faster
    _set_surface(mesh, avatar)
    _set_colours(mesh, avatar)
    mesh.materials.append(new_material(avatar.name))
    collection.objects.link(body)
    body.parent = armature
    modifier: Any = body.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature
    modifier.use_deform_preserve_volume = False  # engines blend matrices
    return body


def _set_weights(mesh: bpy.types.Mesh, avatar: Avatar) -> None:
    """Group indices are joint indices: the object's groups are made in that order."""
    vertices, joints = np.nonzero(avatar.weights)
    shares = avatar.weights[vertices, joints]
    edited = bmesh.new()
    edited.from_mesh(mesh)
    layer = edited.verts.layers.deform.verify()
    weights_of = [vertex[layer] for vertex in edited.verts]
    columns = (vertices.tolist(), joints.tolist(), shares.tolist())
    for vertex, joint, share in zip(*columns, strict=True):
        weights_of[vertex][joint] = share
    edited.to_mesh(mesh)
    edited.free()


def _set_surface(mesh: Any, avatar: Avatar) -> None:
    corners = avatar.faces.size
    mesh.attributes["position"].data.foreach_set("vector", avatar.vertices.ravel())
    mesh.loops.add(corners)
    mesh.loops.foreach_set("vertex_index", avatar.faces.ravel())
    mesh.polygons.add(len(avatar.faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, corners, 3, dtype=np.int32))
    mesh.update(calc_edges=True)
    mesh.validate()  # a face twice, or one with the same vertex twice, can crash Blender later


def _set_colours(mesh: Any, avatar: Avatar) -> None:
    attribute = mesh.color_attributes.new(name=COLOUR, type="BYTE_COLOR", domain="POINT")
    rgba = np.ones((len(avatar.colours), 4), np.float32)
    rgba[:, :3] = avatar.colours / np.float32(255)
    attribute.data.foreach_set("color_srgb", rgba.ravel())
    mesh.color_attributes.active_color = attribute
    mesh.color_attributes.render_color_index = mesh.color_attributes.active_color_index
