"""A Blender with the extension that does what its input says, and tells what the user would see.

Run by `kills.py` inside an environment with bpy. Lines in: "start", "generate", "quit". Lines out:
JSON, one whenever something has changed.
"""

import importlib
import json
import os
import sys
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

MODULE = "bl_ext.user_default.photo_avatar"


def seen(live: Any) -> dict[str, Any]:
    """What the panel shows."""
    session = live.session
    job = session.job
    return {
        "status": session.status,
        "problem": session.problem.sentence if session.problem else "",
        "job": job.job if job else "",
        "phase": job.phase if job else "",
        "fraction": round(job.fraction, 3) if job else 0,
        "sentence": job.sentence if job else "",
        "hint": job.hint if job else "",
        "jobs": {info.job: info.state for info in session.jobs},
    }


def set_up(zip_file: str, python: str, jobs: str, photo: str) -> Any:
    """Install the extension if need be, add the photo; gives the extension's timer module."""
    import bpy

    if MODULE not in bpy.context.preferences.addons:
        bpy.ops.extensions.package_install_files(
            filepath=zip_file, repo="user_default", enable_on_install=True
        )
    preferences: Any = bpy.context.preferences.addons[MODULE].preferences
    preferences.jobs, preferences.device, preferences.python = jobs, "cpu", python
    own: Any = bpy.ops
    path = Path(photo)
    own.photo_avatar.add_photos(directory=str(path.parent), files=[{"name": path.name}])
    scene: Any = bpy.context.scene
    scene.photo_avatar.quality = "draft"
    return importlib.import_module(f"{MODULE}.pump")


def obey(pump: Any, orders: SimpleQueue[str]) -> None:
    """Run the extension's timer, do what is ordered, show what has changed; until "quit"."""
    import bpy

    own: Any = bpy.ops
    shown = None
    order = ""
    while order != "quit":
        pump.tick()
        now = seen(pump.live)
        if now != shown:
            sys.stdout.write(json.dumps(now) + "\n")
            sys.stdout.flush()
            shown = now
        time.sleep(0.02)
        try:
            order = orders.get_nowait()
        except Empty:
            continue
        if order == "start":
            own.photo_avatar.start_backend()
        elif order == "generate":
            own.photo_avatar.generate()


def main() -> None:
    """Obey until the input ends."""
    pump = set_up(*sys.argv[1:])
    orders: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=lambda: [orders.put(x.strip()) for x in sys.stdin], daemon=True).start()
    obey(pump, orders)
    pump.live.session.stop()
    os._exit(0)


if __name__ == "__main__":
    main()
