"""The tab "Avatar" in the 3D view's sidebar: it only shows what is; operators and timer act."""

import time

import bpy
from bpy.types import Context, Panel, UILayout

from . import drawing
from .job import JobState, Phase
from .operators import is_generating, why_not_generate
from .operators_avatar import active_avatar
from .operators_photos import TAB
from .preferences import SETUP, Choices, prefs
from .properties import photo_paths
from .scene import photos_of
from .session import Problem, Session, Status
from .shared.messages import BadPhoto, JobInfo
from .state import live
from .thumbnails import icons
from .wording import count, day

CARD_PX = 92.0
"""Width of a photo's card, at scale 1."""
PICTURE_SCALE = 5.2
"""Height of a photo's picture, in rows of buttons."""
LABEL_SHARE = 0.42
"""Of a row's width."""
NEWEST_COUNT = 5
"""Finished avatars that are shown before the older ones are folded away."""
ADVICE = "Add photos of one person: from head to feet, from several sides. One is enough to start."


class AvatarPanel:
    """What all panels of the tab have in common."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = TAB


class VIEW3D_PT_photo_avatar_status(AvatarPanel, Panel):
    """Whether the backend can be used."""

    bl_label = "Photo Avatar"
    bl_options = {"HIDE_HEADER"}  # noqa: RUF012 - Blender asks for a set

    def draw(self, context: Context) -> None:
        """Draw one row; more only if something is to be done."""
        session, choices = live.session, prefs()
        if not choices.python:
            _ask_for_python(self.layout, context, choices)
            return
        row = self.layout.row()
        drawing.status(row, session)
        _switch(row, session)
        if session.status is Status.FAILED and session.problem:
            row = drawing.problem(self.layout, context, session.problem)
            row.operator("photo_avatar.check_setup", text="Retry")
            self.layout.prop(choices, "python", text="")
        elif session.problem:
            drawing.problem(self.layout, context, session.problem).operator("photo_avatar.dismiss")


def _ask_for_python(layout: UILayout, context: Context, choices: object) -> None:
    layout.label(text="Not set up yet", icon="ERROR")
    drawing.text(layout, context, SETUP)
    if isinstance(choices, Choices):  # a script has registered us: Blender keeps no preferences
        drawing.text(layout, context, "Enable Photo Avatar in Preferences, Add-ons.", icon="INFO")
        return
    layout.prop(choices, "python", text="")


def _switch(row: UILayout, session: Session) -> None:
    """The buttons at the end of the status row."""
    buttons = row.row(align=True)
    buttons.alignment = "RIGHT"
    if session.status is Status.STOPPED:
        buttons.operator("photo_avatar.start_backend", text="Start", icon="PLAY")
    elif session.status is not Status.FAILED:
        buttons.operator("photo_avatar.stop_backend", text="", icon="QUIT", emboss=False)
    settings = buttons.operator("preferences.addon_show", text="", icon="PREFERENCES", emboss=False)
    settings.module = __package__


class VIEW3D_PT_photo_avatar_photos(AvatarPanel, Panel):
    """The photos that the next avatar is made of."""

    bl_label = "Photos"

    def draw_header_preset(self, context: Context) -> None:
        """Say how many there are."""
        if number := len(context.scene.photo_avatar.photos):
            self.layout.label(text=str(number))

    def draw(self, context: Context) -> None:
        """Draw the photos as cards, what is wrong with any, and the buttons."""
        paths = [str(path) for path in photo_paths(context.scene)]
        if paths:
            _cards(self.layout, context, paths)
        else:
            drawing.text(self.layout, context, ADVICE)
        row = self.layout.row(align=True)
        row.operator("photo_avatar.add_photos", icon="ADD")
        if paths:
            row.operator("photo_avatar.clear_photos", text="", icon="TRASH")
        for path in paths:
            bad = live.session.thumbnails.get(path)
            if isinstance(bad, BadPhoto):
                _complain(self.layout, context, bad)


def _cards(layout: UILayout, context: Context, paths: list[str]) -> None:
    grid = layout.grid_flow(
        row_major=True,
        columns=drawing.columns(context, CARD_PX),
        even_columns=True,
        even_rows=True,
        align=True,
    )
    for index, path in enumerate(paths):
        card = grid.box().column(align=True)
        _picture(card, path)
        row = card.row(align=True)
        row.label(text=bpy.path.basename(path))
        row.operator("photo_avatar.remove_photo", text="", icon="X", emboss=False).index = index


def _picture(card: UILayout, path: str) -> None:
    """The photo's picture, or in its place why there is none."""
    number = icons().icon(path)
    if number:
        card.template_icon(number, scale=PICTURE_SCALE)
        return
    is_bad = isinstance(live.session.thumbnails.get(path), BadPhoto)
    place = card.row()
    place.alert = is_bad
    place.scale_y = PICTURE_SCALE
    place.alignment = "CENTER"
    place.label(icon="ERROR" if is_bad else "IMAGE_DATA")


def _complain(layout: UILayout, context: Context, bad: BadPhoto) -> None:
    red = layout.column()
    red.alert = True
    drawing.text(red, context, bad.sentence, icon="ERROR")
    drawing.text(layout, context, bad.hint, icon="BLANK1")


class VIEW3D_PT_photo_avatar_generate(AvatarPanel, Panel):
    """Make an avatar, and see how far it is."""

    bl_label = "Generate"

    def draw(self, context: Context) -> None:
        """Draw the settings and the button; while a job runs, how far it is."""
        job = live.session.job
        if job is not None and is_generating():
            drawing.progress(self.layout, job, is_starting=live.session.status is Status.STARTING)
            return
        _settings(self.layout, context)
        _outcome(self.layout, context)
        button = self.layout.row()
        button.scale_y = 1.6
        button.operator("photo_avatar.generate", icon="OUTLINER_OB_ARMATURE")
        if reason := why_not_generate(context):
            drawing.text(self.layout, context, f"{reason}.", icon="INFO")


def _settings(layout: UILayout, context: Context) -> None:
    settings = context.scene.photo_avatar
    column = layout.column()
    row = column.split(factor=LABEL_SHARE)
    row.label(text="Name")
    row.prop(settings, "avatar_name", text="")
    row = column.split(factor=LABEL_SHARE)
    row.prop(settings, "knows_height")
    if settings.knows_height:
        row.prop(settings, "height_cm", text="cm")
    else:
        row.label(text="estimated")
    column.row().prop(settings, "quality", expand=True)


def _outcome(layout: UILayout, context: Context) -> None:
    """How the last job ended, until the user closes it."""
    job = live.session.job
    if live.problem:
        drawing.problem(layout, context, live.problem).operator("photo_avatar.dismiss")
    if job is None:
        return
    if job.phase is Phase.FAILED:
        what = Problem(sentence=job.sentence, hint=job.hint, log=job.log)
        drawing.problem(layout, context, what).operator("photo_avatar.dismiss")
    elif job.phase is Phase.FINISHED:
        _finished(layout.box(), context, job)
    elif job.phase is Phase.CANCELLED:
        row = layout.row()
        row.label(text="Cancelled", icon="CANCEL")
        row.operator("photo_avatar.dismiss", text="", icon="X", emboss=False)


def _finished(box: UILayout, context: Context, job: JobState) -> None:
    is_imported, is_coming = job.job in live.imported, job.job in live.wanted
    row = box.row()
    if is_imported:
        row.label(text=f"{job.name} imported", icon="CHECKMARK")
    elif is_coming:
        row.label(text="Importing …", icon="SORTTIME")
    else:
        row.label(text=f"{job.name} is ready", icon="CHECKMARK")
    row.operator("photo_avatar.dismiss", text="", icon="X", emboss=False)
    for message in job.messages:
        drawing.text(box, context, message, icon="INFO")
    if is_imported:
        _next_step(box, context)
    elif not is_coming:
        box.operator("photo_avatar.import_job", icon="IMPORT").job = job.job


def _next_step(box: UILayout, context: Context) -> None:
    if live.hidden_by:
        others = " and ".join(live.hidden_by[:2])
        drawing.text(box, context, f"{others} stands in the same place and hides it.", icon="INFO")
    drawing.text(box, context, "Next: try the photos' poses, animate it, or export it below.")
    row = box.row()
    row.operator_context = "INVOKE_REGION_WIN"
    row.operator("view3d.view_selected", text="Frame in View", icon="ZOOM_SELECTED")


class VIEW3D_PT_photo_avatar_pose(AvatarPanel, Panel):
    """What can be done with the active avatar."""

    bl_label = "Selected Avatar"

    @classmethod
    def poll(cls, context: Context) -> bool:
        """An avatar must be active."""
        return active_avatar(context) is not None

    def draw(self, context: Context) -> None:
        """Draw its poses and the exports."""
        armature = active_avatar(context)
        self.layout.label(text=armature.name, icon="OUTLINER_OB_ARMATURE")
        column = self.layout.column(align=True)
        for index, photo in enumerate(photos_of(armature)):
            button = column.operator(
                "photo_avatar.show_photo", text=f"Pose of {photo.name}", icon="IMAGE_DATA"
            )
            button.index = index
        column.operator("photo_avatar.show_rest", icon="ARMATURE_DATA")
        view = self.layout.row()
        view.operator_context = "INVOKE_REGION_WIN"
        view.operator("view3d.view_camera", text="Through the Photo's Camera", icon="VIEW_CAMERA")
        row = self.layout.row(align=True)
        row.operator("photo_avatar.export_glb", icon="EXPORT")
        row.operator("photo_avatar.export_fbx", icon="EXPORT")


class VIEW3D_PT_photo_avatar_jobs(AvatarPanel, Panel):
    """Avatars of this and of earlier times."""

    bl_label = "Avatars"

    @classmethod
    def poll(cls, _context: Context) -> bool:
        """There must be one."""
        return any(info.state not in {"queued", "running"} for info in live.session.jobs)

    def draw(self, context: Context) -> None:
        """Draw the newest; the older, and those that came to nothing, are folded away."""
        finished = [info for info in live.session.jobs if info.state == "finished"]
        failed = [
            info
            for info in live.session.jobs
            if info.state in {"failed", "cancelled", "interrupted"}
        ]
        _rows(self.layout, finished[:NEWEST_COUNT])
        _fold(self.layout, "older", "Older", finished[NEWEST_COUNT:])
        _fold(self.layout, "failed", "Not finished", failed)


def _fold(layout: UILayout, idname: str, title: str, jobs: list[JobInfo]) -> None:
    if not jobs:
        return
    header, body = layout.panel(f"photo_avatar_{idname}", default_closed=True)
    header.label(text=f"{title} ({len(jobs)})")
    if body:
        _rows(body, jobs)


def _rows(layout: UILayout, jobs: list[JobInfo]) -> None:
    now = time.time()
    column = layout.column(align=True)
    for info in jobs:
        row = column.row(align=True)
        made_of = count(len(info.photos), "photo")
        row.label(text=f"{info.name} – {made_of}, {day(info.created, now)}")
        if info.state == "finished":
            button = row.operator("photo_avatar.import_job", text="", icon="IMPORT")
            button.job = info.job
        elif info.log:
            row.operator("photo_avatar.open_log", text="", icon="TEXT").path = info.log
        row.operator("photo_avatar.forget_job", text="", icon="TRASH").job = info.job


CLASSES = (
    VIEW3D_PT_photo_avatar_status,
    VIEW3D_PT_photo_avatar_photos,
    VIEW3D_PT_photo_avatar_generate,
    VIEW3D_PT_photo_avatar_pose,
    VIEW3D_PT_photo_avatar_jobs,
)


def register() -> None:
    """Show the tab."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo `register`."""
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
