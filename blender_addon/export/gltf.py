"""Avatar -> binary glTF 2.0 for the web, Godot and other programs."""

from pathlib import Path

import bpy

from ..shared.errors import BadInput
from .clips import has_clips
from .file import run_exporter, written_whole
from .prepare import temporary_copy


def export_glb(context: bpy.types.Context, armature: bpy.types.Object, path: str | Path) -> None:
    """Write an avatar, its meshes and its NLA tracks as a .glb file: metres, +Y up, facing +Z.

    The avatar stands at the origin in its rest pose; each NLA track that is not muted becomes an
    animation. Vertex colours are written where a material uses them.

    Args:
        context: With a window.
        armature: Of the avatar, with an even scale; hidden or not, in any mode and pose.
        path: Replaced only once the new file is whole.

    Raises:
        BadInput: The file cannot be written, the exporter is disabled or fails, or the armature
            is scaled unevenly.
    """
    if not hasattr(bpy.types, "EXPORT_SCENE_OT_gltf"):
        raise BadInput(
            "Blender's glTF exporter is disabled.",
            'Enable "glTF 2.0 format" (io_scene_gltf2) in Edit > Preferences > Add-ons.',
        )
    with written_whole(Path(path), ".glb") as part, temporary_copy(context, armature):
        run_exporter(
            bpy.ops.export_scene.gltf,
            filepath=str(part),
            export_format="GLB",
            use_selection=True,
            use_active_scene=True,
            export_yup=True,
            export_apply=False,
            export_texcoords=True,
            export_normals=True,
            export_tangents=False,
            export_materials="EXPORT",
            export_image_format="AUTO",
            # Once, as COLOR_0: the other modes and flags add a white or a second layer.
            export_vertex_color="MATERIAL",
            export_all_vertex_colors=False,
            export_active_vertex_color_when_no_material=False,
            export_attributes=False,
            export_extras=False,
            export_cameras=False,
            export_lights=False,
            export_skins=True,
            export_influence_nb=4,
            export_all_influences=False,
            export_def_bones=False,
            export_leaf_bone=False,
            export_rest_position_armature=True,
            export_reset_pose_bones=True,
            export_armature_object_remove=False,
            export_hierarchy_flatten_bones=False,
            export_animations=has_clips(armature),
            export_animation_mode="NLA_TRACKS",
            export_force_sampling=True,
            export_frame_step=1,
            export_frame_range=False,
            export_anim_slide_to_zero=True,
            export_negative_frame="SLIDE",
            export_optimize_animation_size=True,
            export_optimize_animation_keep_anim_armature=False,
            export_optimize_disable_viewport=True,
            export_morph=True,
            export_morph_normal=False,
            export_morph_tangent=False,
            export_morph_animation=False,
            export_try_sparse_sk=True,
            export_current_frame=False,
        )
