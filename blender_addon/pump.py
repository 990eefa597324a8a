"""The timer that keeps the panel up to date: the only place where news becomes action.

It never waits. What a job needs is done by the backend; here it is only asked what is new.
"""

import logging
import signal
import sys
import time
from pathlib import Path
from typing import Any

import bpy
from bpy.types import Area, Operator, Window

from .job import UNDER_WAY, Phase
from .operators import is_generating
from .properties import photo_paths
from .session import Problem, Status
from .shared.messages import Thumbnail
from .state import live
from .thumbnails import icons

log = logging.getLogger(__name__)

BUSY_S = 0.05
IDLE_S = 0.5
CLOCK_S = 0.5
"""How often a running job's time is drawn anew."""
THUMBNAILS_PER_TICK = 4
_clock = 0.0
"""When the panel was drawn for the running job's time; `time.monotonic`."""


def tick() -> float:
    """Do what is new; returns after how many seconds to look again."""
    global _clock  # noqa: PLW0603 - Blender calls a timer without arguments
    try:
        changed = step()
    except Exception as error:  # noqa: BLE001 - the timer would end, and with it every news
        changed = _tell(error)
    now = time.monotonic()
    if is_generating() and now - _clock > CLOCK_S:
        changed = True
    if changed:
        _clock = now
        _redraw()
    return BUSY_S if _is_lively() else IDLE_S


def step() -> bool:
    """Do what is new; returns whether the panel has to be drawn again."""
    changed = live.session.pump()
    changed |= _get_thumbnails()
    changed |= _want_finished()
    changed |= _import_wanted()
    return changed


def _get_thumbnails() -> bool:
    """Ask for what is missing, show what has come."""
    shown = 0
    for path in _photos():
        if str(path) not in live.pictured:
            live.pictured.add(str(path))
            live.session.request_thumbnail(path)
        there = live.session.thumbnails.get(str(path))
        if isinstance(there, Thumbnail) and shown < THUMBNAILS_PER_TICK:
            shown += icons().show(str(path), there)
    return shown > 0


def _want_finished() -> bool:
    """A job that has ended is imported by itself, but not into a file opened meanwhile."""
    job = live.session.job
    if job is None or job.phase in UNDER_WAY or job.job not in live.file_of_job:
        return False
    file = live.file_of_job.pop(job.job)
    if job.phase is Phase.FINISHED and file == live.file:
        live.want(job.job)
        live.asked.add(job.job)  # the session fetches what it has submitted
    return True


def _import_wanted() -> bool:
    changed = False
    for job in tuple(live.wanted):
        if job in live.session.results:
            changed |= _import(job)
        elif job not in live.asked and live.is_answering:
            live.asked.add(job)
            live.session.fetch(job)
        elif live.session.problem:
            live.settle(job)
    return changed


def _import(job: str) -> bool:
    """Import a result if that disturbs nobody; in another mode the panel offers it."""
    if any(_is_tool(operator) for window in _windows() for operator in window.modal_operators):
        return False
    live.settle(job)
    window = next(iter(_windows()), None)
    with bpy.context.temp_override(**({"window": window} if window else {})):
        if bpy.context.mode == "OBJECT":
            own: Any = bpy.ops
            own.photo_avatar.import_job("EXEC_DEFAULT", True, job=job)  # noqa: FBT003 - undo
    return True


def _is_tool(operator: Operator) -> bool:
    """Whether it is one of Blender's own: extensions have some that run for ever."""
    return Operator.bl_rna_get_subclass_py(operator.bl_idname) is None


def _tell(error: Exception) -> bool:
    """Show an error that nobody has foreseen; returns whether it is news."""
    sentence = str(error).strip() or type(error).__name__
    if live.problem and live.problem.hint == sentence:
        return False
    log.exception("the panel's timer has failed")
    live.problem = Problem(sentence="Something went wrong.", hint=sentence, log="")
    return True


def _is_lively() -> bool:
    is_starting = live.session.status is Status.STARTING
    return is_starting or is_generating() or bool(live.wanted) or _waits_for_pictures()


def _waits_for_pictures() -> bool:
    there = live.session.thumbnails
    return live.is_answering and any(str(path) not in there for path in _photos())


def _photos() -> set[Path]:
    return {path for scene in bpy.data.scenes for path in photo_paths(scene)}


def _windows() -> list[Window]:
    manager = bpy.context.window_manager
    return list(manager.windows) if manager else []


def _redraw() -> None:
    for window in _windows():
        for area in window.screen.areas:
            _redraw_area(area)


def _redraw_area(area: Area) -> None:
    if area.type == "PREFERENCES":
        area.tag_redraw()
    elif area.type == "VIEW_3D":
        for region in area.regions:
            if region.type == "UI":
                region.tag_redraw()


@bpy.app.handlers.persistent
def _other_file(_path: str) -> None:
    """What was started in the file before is not put into this one."""
    live.file += 1


def outlive_broken_pipes() -> None:
    """Let writing to a program that has ended be an error in Python, and not Blender's own end.

    Python does this itself when it starts, but not inside Blender, where a backend that cannot be
    started, or that is killed, would take Blender and unsaved work with it.
    """
    if sys.platform != "win32" and signal.getsignal(signal.SIGPIPE) is signal.SIG_DFL:
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def register() -> None:
    """Start the timer; it outlives the opening of files."""
    outlive_broken_pipes()
    bpy.app.handlers.load_post.append(_other_file)
    bpy.app.timers.register(tick, first_interval=IDLE_S, persistent=True)


def unregister() -> None:
    """End the timer, and the backend with it."""
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
    bpy.app.handlers.load_post.remove(_other_file)
    live.session.stop()
