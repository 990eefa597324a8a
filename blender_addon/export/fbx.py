"""Avatar -> FBX for Unreal, Unity and other programs."""

from pathlib import Path

import bpy

from ..shared.errors import BadInput
from .clips import has_clips
from .file import run_exporter, written_whole
from .prepare import temporary_copy

NODE_NAME = "Armature"
"""Unreal makes a bone of the armature's node unless it has exactly this name."""
UNITS_PER_METRE = 100
"""FBX's own unit is the centimetre: no engine has to convert, and no node has a scale."""


def export_fbx(context: bpy.types.Context, armature: bpy.types.Object, path: str | Path) -> None:
    """Write an avatar, its meshes and its NLA tracks as a binary .fbx file: centimetres, +Y up.

    The avatar stands at the origin in its rest pose; each NLA track that is not muted becomes an
    animation. Vertex colours are sRGB.

    Args:
        context: With a window.
        armature: Of the avatar, with an even scale; hidden or not, in any mode and pose.
        path: Replaced only once the new file is whole.

    Raises:
        BadInput: The file cannot be written, the exporter is disabled or fails, or the armature
            is scaled unevenly.
    """
    if not hasattr(bpy.types, "EXPORT_SCENE_OT_fbx"):
        raise BadInput(
            "Blender's FBX exporter is disabled.",
            'Enable "FBX format" (io_scene_fbx) in Edit > Preferences > Add-ons.',
        )
    copy = temporary_copy(context, armature, units_per_metre=UNITS_PER_METRE, node_name=NODE_NAME)
    with written_whole(Path(path), ".fbx") as part, copy:
        run_exporter(
            bpy.ops.export_scene.fbx,
            filepath=str(part),
            use_selection=True,
            object_types={"ARMATURE", "MESH"},
            global_scale=1.0,
            apply_unit_scale=True,
            apply_scale_options="FBX_SCALE_NONE",
            axis_forward="-Z",
            axis_up="Y",
            use_space_transform=True,
            bake_space_transform=False,
            use_mesh_modifiers=False,
            mesh_smooth_type="FACE",
            use_tspace=False,
            use_triangles=False,
            colors_type="SRGB",
            prioritize_active_color=True,
            use_custom_props=False,
            add_leaf_bones=False,
            primary_bone_axis="Y",
            secondary_bone_axis="X",
            use_armature_deform_only=False,
            armature_nodetype="NULL",
            bake_anim=has_clips(armature),
            bake_anim_use_all_bones=True,
            bake_anim_use_nla_strips=True,
            bake_anim_use_all_actions=False,
            bake_anim_force_startend_keying=True,
            bake_anim_step=1.0,
            bake_anim_simplify_factor=0.0,
            path_mode="COPY",
            embed_textures=True,
        )
