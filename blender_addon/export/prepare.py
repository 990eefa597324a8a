"""A temporary scene with a copy of one avatar, made ready for engines.

The exporters work on what is selected in the window's scene and read the current pose, so the
user's selection, mode, names, frame and pose could not stay as they are without a scene apart.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import bpy
from mathutils import Matrix

from ..shared.errors import BadInput
from ..shared.types import MAX_INFLUENCES
from .clips import has_clips, keep_clips_only
from .members import Member, members, world_matrix

EVEN = 1e-3
"""How much, relatively, the three axes' scales of an armature may differ."""


@contextmanager
def temporary_copy(
    context: bpy.types.Context,
    armature: bpy.types.Object,
    *,
    units_per_metre: float = 1,
    node_name: str = "",
) -> Iterator[bpy.types.Object]:
    """Give a copy of an armature and its meshes, selected in a scene of their own.

    The copy stands at the origin with object scale 1; its meshes have no modifiers but the
    armature's, at most four joints a vertex, and the originals' names. Afterwards nothing of it
    is left and the windows show what they showed.

    Args:
        context: With a window.
        armature: Of the avatar.
        units_per_metre: How large the copy is.
        node_name: Of the copied armature; its own name if empty.

    Raises:
        BadInput: The armature is scaled unevenly.
    """
    scale = _even_scale(armature) * units_per_metre
    found = members(armature)
    originals = [armature, *(member.mesh for member in found)]
    for original in originals:
        if original.mode == "EDIT":
            original.update_from_editmode()
    blocks = [*originals, *(original.data for original in originals)]
    names: dict[Any, str] = {block: block.name for block in blocks}
    names[armature] = node_name or armature.name
    scene_name = armature.name
    with _names_set_aside(names), _new_data_removed(), _windows_restored(context):
        _show_new_scene(context, scene_name, 1 / units_per_metre)
        copy = _copied(context, armature, names)
        _rest(copy, scale)
        for member in found:
            _bind(_copied(context, member.mesh, names), member, copy, scale)
        context.view_layer.objects.active = copy
        context.view_layer.update()
        yield copy


def _even_scale(armature: bpy.types.Object) -> float:
    axes: list[float] = list(world_matrix(armature).to_scale())
    if min(axes) <= 0 or max(axes) - min(axes) > EVEN * max(axes):
        raise BadInput(
            f'The armature "{armature.name}" is scaled unevenly.',
            "Select it and its meshes and use Object > Apply > Scale.",
        )
    return sum(axes) / 3


@contextmanager
def _names_set_aside(names: dict[Any, str]) -> Iterator[None]:
    """Rename what stands in the way of the copies' names, until the copies are gone."""
    kinds = (bpy.data.objects, bpy.data.scenes)
    taken = [kind.get((name, None)) for kind in kinds for name in names.values()]
    local = [block for block in {*names, *taken} if block is not None and block.library is None]
    before = {block: block.name for block in local}
    try:
        for block in local:
            block.name = uuid4().hex
        yield
    finally:
        for block, name in before.items():
            block.name = name


@contextmanager
def _new_data_removed() -> Iterator[None]:
    """Remove all data blocks that come into being meanwhile."""
    before = set(bpy.data.user_map())
    try:
        yield
    finally:
        for scene in set(bpy.data.scenes) - before:
            bpy.data.scenes.remove(scene)
        bpy.data.batch_remove(set(bpy.data.user_map()) - before)


@contextmanager
def _windows_restored(context: bpy.types.Context) -> Iterator[None]:
    windows = context.window_manager.windows
    before = [(window, window.scene, window.view_layer) for window in windows]
    try:
        yield
    finally:
        for window, scene, layer in before:
            if window.scene != scene:
                window.scene = scene
            window.view_layer = layer


def _show_new_scene(context: bpy.types.Context, name: str, metres_per_unit: float) -> None:
    shown = context.scene
    scene = bpy.data.scenes.new(name)
    scene.camera = shown.camera
    for camera in _cameras_looked_through(context):  # else the views would leave them for good
        scene.collection.objects.link(camera)
        camera.select_set(state=False, view_layer=scene.view_layers[0])  # the user may have
    scene.render.fps, scene.render.fps_base = shown.render.fps, shown.render.fps_base
    scene.frame_start, scene.frame_end = shown.frame_start, shown.frame_end
    scene.unit_settings.system = "METRIC"
    scene.unit_settings.scale_length = metres_per_unit
    context.window.scene = scene


def _cameras_looked_through(context: bpy.types.Context) -> set[Any]:
    areas = [area for window in context.window_manager.windows for area in window.screen.areas]
    views: list[Any] = [area.spaces.active for area in areas if area.type == "VIEW_3D"]
    cameras = {context.scene.camera, *(view.camera for view in views)}
    return cameras - {None}


def _copied(context: bpy.types.Context, original: Any, names: dict[Any, str]) -> Any:
    copy = original.copy()
    copy.data = original.data.copy()
    copy.name, copy.data.name = names[original], names[original.data]
    copy.hide_viewport = copy.hide_select = copy.hide_render = False
    place = world_matrix(original)
    copy.parent = None
    copy.constraints.clear()
    copy.matrix_basis = place  # where modifiers that refer to other objects need it
    context.scene.collection.objects.link(copy)
    copy.select_set(state=True)
    return copy


def _rest(armature: Any, scale: float) -> None:
    keep_clips_only(armature, scale)
    armature.matrix_basis = Matrix.Identity(4)
    armature.data.transform(Matrix.Scale(scale, 4))
    armature.data.pose_position = "POSE" if has_clips(armature) else "REST"
    for bone in armature.pose.bones:
        bone.matrix_basis = Matrix.Identity(4)


def _bind(mesh: Any, member: Member, armature: Any, scale: float) -> None:
    """Make a copied mesh move with the copied armature, in the armature's own axes."""
    mesh.animation_data_clear()
    _apply_modifiers(mesh)
    colours = mesh.data.color_attributes
    colours.active_color_index = colours.render_color_index  # FBX files have the active one first
    mesh.data.transform(Matrix.Scale(scale, 4) @ member.armature_from_mesh, shape_keys=True)
    mesh.matrix_basis = Matrix.Identity(4)
    if not member.follows_bones:
        mesh.parent = armature
        return
    # Not parented: a skinned mesh below another node is against glTF's advice.
    mesh.modifiers.new("Armature", "ARMATURE").object = armature
    if member.bone:
        mesh.vertex_groups.clear()
        group = mesh.vertex_groups.new(name=member.bone)
        group.add(range(len(mesh.data.vertices)), 1, "REPLACE")
    else:
        _limit_influences(mesh, armature)


def _apply_modifiers(mesh: Any) -> None:
    """Apply what the viewport shows, but for the armature; not to a mesh with shape keys."""
    for modifier in [one for one in mesh.modifiers if one.type == "ARMATURE"]:
        mesh.modifiers.remove(modifier)
    if mesh.modifiers and mesh.data.shape_keys is None:
        graph = bpy.context.evaluated_depsgraph_get()
        name, mesh.data.name = mesh.data.name, uuid4().hex
        mesh.data = bpy.data.meshes.new_from_object(
            mesh.evaluated_get(graph), preserve_all_data_layers=True, depsgraph=graph
        )
        mesh.data.name = name
    mesh.modifiers.clear()


def _limit_influences(mesh: Any, armature: Any) -> None:
    for group in list(mesh.vertex_groups):
        group.lock_weight = False
        bone = armature.data.bones.get(group.name)
        if bone is None or not bone.use_deform:
            mesh.vertex_groups.remove(group)
    if mesh.vertex_groups:
        bpy.context.view_layer.objects.active = mesh
        bpy.ops.object.vertex_group_limit_total(group_select_mode="ALL", limit=MAX_INFLUENCES)
        bpy.ops.object.vertex_group_normalize_all(group_select_mode="ALL", lock_active=False)
