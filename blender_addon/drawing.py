"""Pieces that the panels and the preferences are made of."""

import time
from collections.abc import Callable

import blf
from bpy.types import Context, UILayout

from .job import JobState, remaining_s
from .session import Problem, Session, Status
from .wording import about, clock, wrap

MARGIN_PX = 72
"""What a panel, a box and the sidebar's tabs take from a region's width, at scale 1."""
ICON_PX = 22
USUAL_WIDTH_PX = 300
"""Of a region, where there is none."""
LEAST_WIDTH_PX = 60.0
LINE_SCALE = 0.75
"""Lines of one text stand closer than buttons."""
SIGNS = {
    Status.STOPPED: ("RADIOBUT_OFF", "Backend is off"),
    Status.STARTING: ("SORTTIME", "Backend is starting …"),
    Status.READY: ("CHECKMARK", "Ready"),
    Status.BUSY: ("SORTTIME", "Working"),
    Status.FAILED: ("ERROR", "Backend failed"),
}


def text(layout: UILayout, context: Context, words: str, *, icon: str = "NONE") -> None:
    """Draw a text in as many lines as the region's width asks for."""
    column = layout.column(align=True)
    column.scale_y = LINE_SCALE
    indent = "NONE" if icon == "NONE" else "BLANK1"
    width = _width_px(context) - (ICON_PX * _scale(context) if icon != "NONE" else 0)
    for number, line in enumerate(wrap(words, width, _measure(context))):
        column.label(text=line, icon=indent if number else icon)


def status(layout: UILayout, session: Session) -> None:
    """Draw what the backend does, in one row."""
    icon, words = SIGNS[session.status]
    known = session.device if session.status in {Status.READY, Status.BUSY} else ""
    row = layout.row()
    row.alert = session.status is Status.FAILED
    row.label(text=f"{words} – {known.replace('cpu', 'CPU')}" if known else words, icon=icon)


def problem(layout: UILayout, context: Context, what: Problem) -> UILayout:
    """Draw what went wrong and what to do; returns the row of buttons below."""
    box = layout.box()
    red = box.column()
    red.alert = True
    text(red, context, what.sentence, icon="ERROR")
    if what.hint:
        text(box, context, what.hint, icon="BLANK1")
    row = box.row(align=True)
    if what.log:
        row.operator("photo_avatar.open_log", text="Log", icon="TEXT").path = what.log
    details = row.operator("photo_avatar.copy_details", text="Copy", icon="COPYDOWN")
    details.sentence, details.hint, details.log = what.sentence, what.hint, what.log
    return row


def progress(layout: UILayout, job: JobState, *, is_starting: bool) -> None:
    """Draw how far a job is, with the button that ends it."""
    now = time.monotonic()
    stage = "Starting the backend" if is_starting else job.stage
    row = layout.row()
    row.scale_y = 1.4
    row.progress(factor=job.fraction, text=stage, type="BAR")
    times = layout.row()
    times.label(text=clock(now - job.started))
    if (left := remaining_s(job, now)) is not None:
        end = times.row()
        end.alignment = "RIGHT"
        end.label(text=about(left))
    layout.operator("photo_avatar.cancel", icon="X")


def columns(context: Context, wide_px: float) -> int:
    """Return how many pictures of a width fit side by side."""
    return max(1, int(_width_px(context) / (wide_px * _scale(context))))


def _scale(context: Context) -> float:
    return context.preferences.system.ui_scale or 1.0  # 0 without a window


def _width_px(context: Context) -> float:
    region = context.region
    width = region.width if region else USUAL_WIDTH_PX
    return max(LEAST_WIDTH_PX, width - MARGIN_PX * _scale(context))


def _measure(context: Context) -> Callable[[str], float]:
    """Return what gives the width of a text in the panel's own font."""
    blf.size(0, context.preferences.ui_styles[0].widget.points * _scale(context))
    return lambda words: blf.dimensions(0, words)[0]
