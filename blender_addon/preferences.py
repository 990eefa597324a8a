"""What belongs to the machine and not to a file: where the backend is and what it may use."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
from bpy.props import EnumProperty, StringProperty
from bpy.types import AddonPreferences, Context

from . import drawing
from .session import Launch, Status
from .state import live

DEVICES = (
    ("auto", "Automatic", "The graphics card if the backend can use it, else the processor"),
    ("cpu", "Processor", "Works everywhere"),
    ("cuda", "Graphics card", "NVIDIA with CUDA; refuses to start if there is none"),
)
USUAL_PYTHON = r".venv\Scripts\python.exe" if sys.platform == "win32" else ".venv/bin/python"
SETUP = (
    "Choose the Python program that the Photo Avatar backend is installed in: "
    f"{USUAL_PYTHON} in the folder where you installed it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The settings of an extension that Blender keeps no preferences of."""

    python: str = ""
    device: str = "auto"
    body: str = ""
    jobs: str = ""


def _python_chosen(_preferences: "PHOTOAVATAR_AP_preferences", _context: Context) -> None:
    """Try the new program at once, so that a wrong one is told at once."""
    live.session.stop(timeout_s=0)
    start_backend()


class PHOTOAVATAR_AP_preferences(AddonPreferences):
    """Where the backend is, and what it may use."""

    bl_idname = __package__ or ""

    python: StringProperty(
        name="Backend Python", description=SETUP, subtype="FILE_PATH", update=_python_chosen
    )
    device: EnumProperty(name="Compute on", description="Used from the next start", items=DEVICES)
    body: StringProperty(
        name="SMPL-X body",
        description="Your own SMPL-X model (.npz) instead of the built-in body; optional",
        subtype="FILE_PATH",
    )
    jobs: StringProperty(
        name="Job folder",
        description="Where results and logs are kept; empty: in Blender's own user folder",
        subtype="DIR_PATH",
    )

    def draw(self, context: Context) -> None:
        """Show the settings, and whether they work."""
        column = self.layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(self, "python")
        column.prop(self, "device")
        column.prop(self, "body", placeholder="Built-in body")
        column.prop(self, "jobs", placeholder=str(_usual_job_folder()))
        self.layout.separator()
        row = self.layout.row()
        row.operator("photo_avatar.check_setup", icon="FILE_REFRESH")
        drawing.status(row, live.session)
        problem = live.session.problem
        if live.session.status is Status.FAILED and problem:
            drawing.problem(self.layout, context, problem)
        elif not self.python:
            drawing.text(self.layout, context, SETUP, icon="INFO")


def prefs() -> Any:
    """Return the user's settings; never raises: Blender keeps none for a mere script."""
    addon = bpy.context.preferences.addons.get(__package__)
    return addon.preferences if addon and addon.preferences else Choices()


def job_folder() -> Path:
    """Return where results and logs are kept."""
    chosen = prefs().jobs
    return Path(bpy.path.abspath(chosen)) if chosen else _usual_job_folder()


def _usual_job_folder() -> Path:
    try:
        folder = bpy.utils.extension_path_user(__package__, path="jobs")
    except ValueError:  # not installed as an extension
        folder = bpy.utils.user_resource("DATAFILES", path="photo_avatar/jobs")
    return Path(folder)


def launch() -> Launch | None:
    """Return how the backend is started; None if the user has not said where it is."""
    choices = prefs()
    if not choices.python:
        return None
    return Launch(
        python=Path(bpy.path.abspath(choices.python)),
        jobs=job_folder(),
        device=None if choices.device == "auto" else choices.device,
        body=Path(bpy.path.abspath(choices.body)) if choices.body else None,
        client=f"Blender {bpy.app.version_string}",
    )


def start_backend() -> bool:
    """Start the backend unless it runs; returns whether it is known where it is."""
    start = launch()
    if start is None:
        return False
    live.session.start(start)
    return True


def register() -> None:
    """Show the settings in Blender's preferences."""
    bpy.utils.register_class(PHOTOAVATAR_AP_preferences)


def unregister() -> None:
    """Undo `register`."""
    bpy.utils.unregister_class(PHOTOAVATAR_AP_preferences)
