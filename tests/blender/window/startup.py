"""Blender's side of the click-through: tells what is, and does what it is told.

Every tenth of a second `state.json` is written, and `command.json` is carried out if it is there.
"""

import importlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

MODULE = "bl_ext.user_default.photo_avatar"
PERIOD_S = 0.1
answers: list[Any] = []
"""Of the last command; with its number."""


ticks_ms = {"longest": 0.0, "import": 0.0}
"""What the extension's timer took of Blender's time."""


def part(name: str) -> Any:
    return importlib.import_module(f"{MODULE}.{name}")


def sidebar() -> tuple[Any, Any, Any]:
    """Window, 3D view and its sidebar."""
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    return window, area, next(region for region in area.regions if region.type == "UI")


def show_tab() -> bool:
    _, area, region = sidebar()
    area.spaces.active.show_region_ui = True
    try:
        region.active_panel_category = "Avatar"
    except AttributeError:  # read-only until the region was drawn once
        area.tag_redraw()
        return False
    return region.active_panel_category == "Avatar"


def under_mouse() -> str:
    """The Python command of the button below the mouse; empty if there is none."""
    window, area, region = sidebar()
    manager = bpy.context.window_manager
    manager.clipboard = "nothing"
    with bpy.context.temp_override(window=window, area=area, region=region):
        copy: Any = bpy.ops.ui.copy_python_command_button
        if copy.poll():
            copy()
    return manager.clipboard


def carry_out(command: dict[str, Any]) -> Any:
    window, area, _ = sidebar()
    match command["do"]:
        case "under_mouse":
            return under_mouse()
        case "preference":
            setattr(part("preferences").prefs(), command["name"], command["value"])
        case "setting":
            setattr(bpy.context.scene.photo_avatar, command["name"], command["value"])
        case "redraw":
            for each in window.screen.areas:
                each.tag_redraw()
        case "camera_view":
            area.spaces.active.region_3d.view_perspective = "CAMERA"
        case "operator":
            group, name = command["name"].split(".")
            view = next(region for region in area.regions if region.type == "WINDOW")
            with bpy.context.temp_override(window=window, area=area, region=view):
                operator = getattr(getattr(bpy.ops, group), name)
                return sorted(operator("EXEC_DEFAULT", True, **command.get("with", {})))
    return None


def state(is_tab_shown: bool) -> dict[str, Any]:
    window, _, region = sidebar()
    live = part("state").live
    job = live.session.job
    return {
        "is_tab_shown": is_tab_shown,
        "window": [window.width, window.height],
        "sidebar": [region.x, region.y, region.width, region.height],
        "status": str(live.session.status),
        "device": live.session.device,
        "problem": live.session.problem and live.session.problem.sentence,
        "own_problem": live.problem and live.problem.hint,
        "phase": job and str(job.phase),
        "fraction": job and job.fraction,
        "stage": job and job.stage,
        "photos": len(bpy.context.scene.photo_avatar.photos),
        "pictures": len(live.session.thumbnails),
        "armatures": [thing.name for thing in bpy.data.objects if thing.type == "ARMATURE"],
        "groups": [len(x.vertex_groups) for x in bpy.data.objects if x.find_armature()],
        "actions": len(bpy.data.actions),
        "jobs": [info.state for info in live.session.jobs],
        "imported": len(live.imported),
        "ticks_ms": ticks_ms,
        "answers": answers,
    }


def write(path: Path, content: Any) -> None:
    part_path = path.with_suffix(".part")
    part_path.write_text(json.dumps(content))
    part_path.replace(path)


def measure(step: Callable[[], bool]) -> Callable[[], bool]:
    """The timer's work, timed."""

    def timed() -> bool:
        imported = len(part("state").live.imported)
        start = time.perf_counter()
        try:
            return step()
        finally:
            kind = "longest" if imported == len(part("state").live.imported) else "import"
            ticks_ms[kind] = max(ticks_ms[kind], 1000 * (time.perf_counter() - start))

    return timed


def work() -> float:
    order = Path("command.json")
    if order.exists():
        command = json.loads(order.read_text())
        order.unlink()
        try:
            answer = carry_out(command)
        except RuntimeError as error:
            answer = f"error: {error}"
        answers[:] = [command["number"], answer]
    write(Path("state.json"), state(show_tab()))
    return PERIOD_S


part("pump").step = measure(part("pump").step)
bpy.context.preferences.view.show_splash = False
bpy.app.timers.register(work, first_interval=PERIOD_S, persistent=True)
