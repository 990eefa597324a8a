"""Add photos, Generate, Cancel, Generate again: by real clicks, judged by Blender's own state.

    click_through.py FOLDER PID

FOLDER is the one `startup.py` works in, PID is Blender's.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

STEP_PX = 12
"""Between two places where a button is looked for; buttons are 20 px high at least."""
LOOK_S = 0.35
"""A redraw by software, until Blender knows what is below the mouse."""

DRAW_S = 1.5
"""A redraw of the whole window, with the processor busy."""
folder, blender = Path(sys.argv[1]), int(sys.argv[2])
story: list[dict[str, Any]] = []
found_at = [550]
"""How far below the sidebar's top the last button was, pixels."""


def state() -> dict[str, Any]:
    path = folder / "state.json"
    return json.loads(path.read_text()) if path.exists() else {}


def wait(what: str, claim: Callable[[dict[str, Any]], Any], timeout_s: float) -> dict[str, Any]:
    """The first state of which the claim holds."""
    start = time.monotonic()
    while not ((now := state()) and claim(now)):
        os.kill(blender, 0)  # raises if Blender is gone
        if time.monotonic() - start > timeout_s:
            shoot("timeout")
            sys.exit(f"not within {timeout_s} s: {what}\n{json.dumps(now, indent=1)}")
        time.sleep(0.05)
    seconds = round(time.monotonic() - start, 2)
    story.append({"what": what, "seconds": seconds, **now})
    sys.stdout.write(f"{seconds:7.2f} s  {what}\n")
    (folder / "states.json").write_text(json.dumps(story, indent=1))
    return now


def tell(do: str, **words: Any) -> Any:
    """Have Blender carry out a command, and return its answer."""
    number = time.monotonic_ns()
    path = folder / "command.part"
    path.write_text(json.dumps({"do": do, "number": number, **words}))
    path.rename(folder / "command.json")
    deadline = time.monotonic() + 60
    while (state().get("answers") or [0])[0] != number:
        os.kill(blender, 0)
        if time.monotonic() > deadline:
            sys.exit(f"Blender does not answer: {do} {words}")
        time.sleep(0.02)
    return state()["answers"][1]


def shoot(name: str) -> None:
    tell("redraw")
    time.sleep(DRAW_S)
    subprocess.run(["import", "-window", "root", folder / "shots" / f"{name}.png"], check=True)


def move(x: float, y: float) -> None:
    """To a place in the window; Blender counts from below, the screen from above."""
    height = state()["window"][1]
    subprocess.run(["xdotool", "mousemove", str(int(x)), str(int(height - y))], check=True)


def find(command: str) -> None:
    """Move the mouse onto the button of an operator; first where the last one was found."""
    x, y, width, height = state()["sidebar"]
    places = range(STEP_PX, height, STEP_PX)
    for below in sorted(places, key=lambda place: abs(place - found_at[0])):
        move(x + 0.5 * width, y + height - below)
        time.sleep(LOOK_S)
        if tell("under_mouse").startswith(f"bpy.ops.{command}("):
            found_at[0] = below
            return
    shoot("missing")
    sys.exit(f"no button for {command}")


def click(command: str) -> None:
    find(command)
    subprocess.run(["xdotool", "click", "1"], check=True)


def set_up() -> None:
    wait("tab is shown", lambda now: now["is_tab_shown"], 120)
    shoot("1_not_set_up")
    tell("preference", name="python", value="/nowhere/python")
    wait("a wrong Python is told", lambda now: now["status"] == "failed", 20)
    shoot("1_wrong_python")
    tell("preference", name="python", value=str(folder / "backend-python"))
    wait("backend is ready", lambda now: now["status"] == "ready", 60)
    shoot("2_ready")


def add_photos() -> None:
    names = ["front.jpg", "three_quarter.jpg", "back.jpg", "knee_bend.jpg"]
    files = {"directory": str(folder / "photos"), "files": [{"name": name} for name in names]}
    tell("operator", name="photo_avatar.add_photos", **{"with": files})
    wait("four thumbnails", lambda now: now["pictures"] == now["photos"] == len(names), 30)
    shoot("3_photos")


def cancel_one() -> None:
    tell("setting", name="quality", value="high")  # is not finished before Cancel is found
    click("photo_avatar.generate")
    wait("job runs", lambda now: now["phase"] == "running" and now["fraction"] > 0.1, 120)
    shoot("4_running")
    click("photo_avatar.cancel")
    wait("cancelled", lambda now: now["phase"] == "cancelled" and now["status"] == "ready", 5)
    shoot("5_cancelled")


def make_one() -> None:
    tell("setting", name="quality", value="draft")
    click("photo_avatar.generate")
    wait("job runs again", lambda now: now["phase"] == "running" and now["fraction"] > 0.3, 180)
    shoot("6_running_again")
    wait("avatar is there", lambda now: now["imported"] == 1, 600)
    shoot("7_imported")
    now = state()
    if now["groups"] != [55] or len(now["armatures"]) != 1 or now["own_problem"]:
        sys.exit(f"not the avatar that was expected: {json.dumps(now, indent=1)}")


def look_around() -> None:
    tell("operator", name="photo_avatar.show_photo", **{"with": {"index": 0}})
    tell("camera_view")
    shoot("8_pose_of_a_photo")
    tell("operator", name="object.select_all", **{"with": {"action": "DESELECT"}})
    shoot("9_nothing_selected")


set_up()
add_photos()
cancel_one()
make_one()
look_around()
os.kill(blender, signal.SIGTERM)
