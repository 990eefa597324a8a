"""Operators on an avatar that is in the scene."""

from collections.abc import Callable
from pathlib import Path

from bpy.props import IntProperty, StringProperty
from bpy.types import Context, Object, Operator
from bpy_extras.io_utils import ExportHelper

from .export import export_fbx, export_glb
from .scene import avatar_of, photos_of, show_photo, show_rest
from .shared.errors import AvatarError


def active_avatar(context: Context) -> Object | None:
    """Return the armature of the avatar that the active object belongs to."""
    return avatar_of(context.object) if context.object else None


class AvatarOperator(Operator):
    """What the operators below have in common."""

    @classmethod
    def poll(cls, context: Context) -> bool:
        """An avatar must be active."""
        cls.poll_message_set("Select an avatar first")
        return active_avatar(context) is not None


class PHOTOAVATAR_OT_show_photo(AvatarOperator):
    """Put the avatar into a photo's pose."""

    bl_idname = "photo_avatar.show_photo"
    bl_label = "Show Photo"
    bl_description = "Take the pose of this photo, and look through its camera in camera view"
    bl_options = {"UNDO"}  # noqa: RUF012 - Blender asks for a set

    index: IntProperty(min=0, options={"SKIP_SAVE"})

    def execute(self, context: Context) -> set[str]:
        """Show it."""
        armature = active_avatar(context)
        if self.index >= len(photos_of(armature)):
            self.report({"WARNING"}, "There is no such photo")
            return {"CANCELLED"}
        show_photo(context, armature, self.index)
        return {"FINISHED"}


class PHOTOAVATAR_OT_show_rest(AvatarOperator):
    """Put the avatar into its rest pose."""

    bl_idname = "photo_avatar.show_rest"
    bl_label = "Rest Pose"
    bl_description = "Back to the pose that the avatar was made in"
    bl_options = {"UNDO"}  # noqa: RUF012 - Blender asks for a set

    def execute(self, context: Context) -> set[str]:
        """Show it."""
        show_rest(context, active_avatar(context))
        return {"FINISHED"}


class ExportOperator(ExportHelper, AvatarOperator):
    """What the exports have in common: the file browser starts with the avatar's name."""

    filename_ext: str
    write: Callable[[Context, Object, Path], None]

    def invoke(self, context: Context, event: object) -> set[str]:
        """Ask for the file."""
        if not self.filepath:
            self.filepath = active_avatar(context).name + self.filename_ext
        return super().invoke(context, event)

    def execute(self, context: Context) -> set[str]:
        """Write the file; a wait cursor is shown meanwhile."""
        path = Path(self.filepath)
        context.window_manager.progress_begin(0, 1)
        try:
            type(self).write(context, active_avatar(context), path)
        except AvatarError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        finally:
            context.window_manager.progress_end()
        self.report({"INFO"}, f"Exported {path.name}")
        return {"FINISHED"}


class PHOTOAVATAR_OT_export_glb(ExportOperator):
    """Write the avatar for game engines and the web."""

    bl_idname = "photo_avatar.export_glb"
    bl_label = "Export GLB"
    bl_description = "Write the active avatar as glTF binary: Godot, Unity, the web"

    filename_ext = ".glb"
    filter_glob: StringProperty(default="*.glb", options={"HIDDEN"})
    write = export_glb


class PHOTOAVATAR_OT_export_fbx(ExportOperator):
    """Write the avatar for game engines and other programs."""

    bl_idname = "photo_avatar.export_fbx"
    bl_label = "Export FBX"
    bl_description = "Write the active avatar as FBX: Unreal, Unity, Maya, MotionBuilder"

    filename_ext = ".fbx"
    filter_glob: StringProperty(default="*.fbx", options={"HIDDEN"})
    write = export_fbx


CLASSES = (
    PHOTOAVATAR_OT_show_photo,
    PHOTOAVATAR_OT_show_rest,
    PHOTOAVATAR_OT_export_glb,
    PHOTOAVATAR_OT_export_fbx,
)
