"""Operators on the backend and its jobs; registers all operators."""

from pathlib import Path

import bpy
from bpy.props import StringProperty
from bpy.types import Context, Event, Object, Operator
from mathutils import Vector

from .job import UNDER_WAY
from .operators_avatar import CLASSES as OF_AVATARS
from .operators_photos import CLASSES as OF_PHOTOS
from .preferences import launch, start_backend
from .properties import photo_paths
from .scene import import_avatar
from .session import Problem
from .state import live

LOG_LINE_COUNT = 60
"""Last lines of a log that go along with the details of a failure."""


def is_generating() -> bool:
    """Return whether an avatar is on its way."""
    job = live.session.job
    return job is not None and job.phase in UNDER_WAY


def why_not_generate(context: Context) -> str:
    """Return what keeps Generate from being pressed; empty if nothing does."""
    if is_generating():
        return "An avatar is being made already"
    if not context.scene.photo_avatar.photos:
        return "Add photos first"
    if launch() is None:
        return "Choose the backend's Python first"
    return ""


class PHOTOAVATAR_OT_start_backend(Operator):
    """Start the program that makes the avatars."""

    bl_idname = "photo_avatar.start_backend"
    bl_label = "Start Backend"
    bl_description = "Start the program that makes the avatars; it ends with Blender"

    @classmethod
    def poll(cls, _context: Context) -> bool:
        """It must be known where it is."""
        cls.poll_message_set("Choose the backend's Python first")
        return launch() is not None

    def execute(self, context: Context) -> set[str]:
        """Start it; the status tells how it goes."""
        start_backend()
        return {"FINISHED"}


class PHOTOAVATAR_OT_stop_backend(Operator):
    """End the program that makes the avatars."""

    bl_idname = "photo_avatar.stop_backend"
    bl_label = "Stop Backend"
    bl_description = "End the backend and give its memory back; finished avatars are kept"

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Ask first if that would end a job."""
        if is_generating():
            return context.window_manager.invoke_confirm(
                self, event, message="This also ends the avatar that is being made."
            )
        return self.execute(context)

    def execute(self, context: Context) -> set[str]:
        """End it."""
        live.session.stop(timeout_s=0)
        return {"FINISHED"}


class PHOTOAVATAR_OT_check_setup(Operator):
    """Start the backend afresh and see whether it answers."""

    bl_idname = "photo_avatar.check_setup"
    bl_label = "Check Setup"
    bl_description = "Start the backend with these settings and show whether it works"

    @classmethod
    def poll(cls, _context: Context) -> bool:
        """It must be known where it is, and no job may run."""
        if is_generating():
            cls.poll_message_set("An avatar is being made")
            return False
        cls.poll_message_set("Choose the backend's Python first")
        return launch() is not None

    def execute(self, context: Context) -> set[str]:
        """Start it; the status tells how it goes."""
        live.session.stop(timeout_s=0)
        start_backend()
        return {"FINISHED"}


class PHOTOAVATAR_OT_generate(Operator):
    """Make an avatar of the photos."""

    bl_idname = "photo_avatar.generate"
    bl_label = "Generate Avatar"
    bl_description = "Make an avatar of the photos. Blender can be used meanwhile"

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Say what is missing."""
        reason = why_not_generate(context)
        cls.poll_message_set(reason)
        return not reason

    def execute(self, context: Context) -> set[str]:
        """Start the backend if need be, and give it the photos."""
        paths = photo_paths(context.scene)
        gone = [path.name for path in paths if not path.is_file()]
        if gone:
            self.report(
                {"ERROR"}, f"Not there any more: {', '.join(gone)}. Remove it from the list"
            )
            return {"CANCELLED"}
        settings = context.scene.photo_avatar
        live.problem = None
        live.session.dismiss()
        start_backend()
        job = live.session.submit(
            paths,
            name=settings.avatar_name.strip() or "Avatar",
            height_m=settings.height_cm / 100 if settings.knows_height else None,
            quality=settings.quality,
        )
        live.file_of_job[job] = live.file
        return {"FINISHED"}


class PHOTOAVATAR_OT_cancel(Operator):
    """Stop making the avatar."""

    bl_idname = "photo_avatar.cancel"
    bl_label = "Cancel"
    bl_description = "Stop making this avatar"

    @classmethod
    def poll(cls, _context: Context) -> bool:
        """There must be something to stop."""
        cls.poll_message_set("Nothing is being made")
        return is_generating()

    def execute(self, context: Context) -> set[str]:
        """Stop it."""
        live.session.cancel()
        return {"FINISHED"}


class PHOTOAVATAR_OT_dismiss(Operator):
    """Close a message."""

    bl_idname = "photo_avatar.dismiss"
    bl_label = "Dismiss"
    bl_description = "Close this message"

    def execute(self, context: Context) -> set[str]:
        """Forget it."""
        live.problem = None
        live.session.dismiss()
        return {"FINISHED"}


class PHOTOAVATAR_OT_import_job(Operator):
    """Bring a finished avatar into the scene."""

    bl_idname = "photo_avatar.import_job"
    bl_label = "Import Avatar"
    bl_description = "Bring this avatar into the scene; Ctrl Z takes it out again"
    bl_options = {"UNDO"}  # noqa: RUF012 - Blender asks for a set

    job: StringProperty(options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Avatars are imported in Object Mode."""
        cls.poll_message_set("Switch to Object Mode first")
        return context.mode == "OBJECT"

    def execute(self, context: Context) -> set[str]:
        """Import it, or fetch it first: then the timer imports it when it is here."""
        result = live.session.take_result(self.job)
        if result is None:
            start_backend()
            live.want(self.job)
            return {"CANCELLED"}
        armature = import_avatar(context, result)
        show_colours(context)
        live.settle(self.job)
        live.imported.add(self.job)
        live.hidden_by = around(context, result.avatar.height_m)
        self.report({"INFO"}, f"{armature.name} imported; solid views show its colours")
        return {"FINISHED"}


def around(context: Context, height_m: float) -> list[str]:
    """Return the names of things that closely enclose an avatar at the origin, as a new cube."""
    middle = Vector((0, 0, height_m / 2))
    return [
        thing.name
        for thing in context.visible_objects
        if thing.type == "MESH"
        and not thing.find_armature()
        and max(thing.dimensions) < 2 * height_m
        and _encloses(thing, middle)
    ]


def _encloses(thing: Object, point: Vector) -> bool:
    local = thing.matrix_world.inverted_safe() @ point
    corners = list(zip(*thing.bound_box, strict=True))
    return all(min(axis) < value < max(axis) for value, axis in zip(local, corners, strict=True))


def show_colours(context: Context) -> None:
    """Let solid 3D views show colours of vertices, but for those that the user has set up."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D" and area.spaces.active.shading.color_type == "MATERIAL":
                area.spaces.active.shading.color_type = "VERTEX"


class PHOTOAVATAR_OT_forget_job(Operator):
    """Delete a job from the disk."""

    bl_idname = "photo_avatar.forget_job"
    bl_label = "Delete Avatar"
    bl_description = "Delete this avatar's files from the disk; what is in a scene stays"

    job: StringProperty(options={"SKIP_SAVE"})

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Ask first: it cannot be undone."""
        return context.window_manager.invoke_confirm(
            self, event, message="Its files are deleted from the disk. This cannot be undone."
        )

    def execute(self, context: Context) -> set[str]:
        """Delete it."""
        live.settle(self.job)
        live.session.forget(self.job)
        return {"FINISHED"}


class PHOTOAVATAR_OT_open_log(Operator):
    """Show a log file."""

    bl_idname = "photo_avatar.open_log"
    bl_label = "Show Log"
    bl_description = "Open the log in your system's text viewer"

    path: StringProperty(options={"SKIP_SAVE"})

    def execute(self, context: Context) -> set[str]:
        """Open it with what the system has for text files."""
        if not Path(self.path).is_file():
            self.report({"WARNING"}, f"There is no log at {self.path}")
            return {"CANCELLED"}
        try:
            bpy.ops.wm.path_open(filepath=self.path)
        except RuntimeError:
            context.window_manager.clipboard = self.path
            self.report({"WARNING"}, "No program opens it; the log's path is on the clipboard")
        return {"FINISHED"}


class PHOTOAVATAR_OT_copy_details(Operator):
    """Copy what is known of a failure, for a report."""

    bl_idname = "photo_avatar.copy_details"
    bl_label = "Copy Details"
    bl_description = "Copy the message, the versions and the log's end, to be pasted in a report"

    sentence: StringProperty(options={"SKIP_SAVE"})
    hint: StringProperty(options={"SKIP_SAVE"})
    log: StringProperty(options={"SKIP_SAVE"})

    def execute(self, context: Context) -> set[str]:
        """Put it on the clipboard."""
        what = Problem(sentence=self.sentence, hint=self.hint, log=self.log)
        context.window_manager.clipboard = details(what)
        self.report({"INFO"}, "Details copied")
        return {"FINISHED"}


def details(what: Problem) -> str:
    """Return a failure with all that helps to find its cause."""
    lines = [what.sentence, what.hint, "", f"Blender {bpy.app.version_string}"]
    lines += [f"Computes on: {live.session.device}"] if live.session.device else []
    if what.log and Path(what.log).is_file():
        tail = Path(what.log).read_text(encoding="utf-8", errors="replace").splitlines()
        lines += ["", f"End of {what.log}:", *tail[-LOG_LINE_COUNT:]]
    return "\n".join(lines)


CLASSES = (
    PHOTOAVATAR_OT_start_backend,
    PHOTOAVATAR_OT_stop_backend,
    PHOTOAVATAR_OT_check_setup,
    PHOTOAVATAR_OT_generate,
    PHOTOAVATAR_OT_cancel,
    PHOTOAVATAR_OT_dismiss,
    PHOTOAVATAR_OT_import_job,
    PHOTOAVATAR_OT_forget_job,
    PHOTOAVATAR_OT_open_log,
    PHOTOAVATAR_OT_copy_details,
    *OF_PHOTOS,
    *OF_AVATARS,
)


def register() -> None:
    """Make the operators known to Blender."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo `register`."""
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
