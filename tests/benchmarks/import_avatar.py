"""How long an import into Blender takes, and which of its steps.

`PATH_TO_BPY_ENVIRONMENT/bin/python tests/benchmarks/import_avatar.py [--vertices 100000]` prints
the best of some imports: each step in milliseconds and as a share of the whole, which compares
machines that are not equally fast.
"""

import argparse
import importlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
STEPS = {
    "add_armature": "scene",
    "_set_weights": "scene.mesh",
    "_set_surface": "scene.mesh",
    "_set_colours": "scene.mesh",
    "new_material": "scene.mesh",
    "add_poses": "scene",
    "add_cameras": "scene",
}
"""Function and the module that calls it."""


def addon(name: str) -> Any:
    """The extension's module of that name, from the working copy."""
    return importlib.import_module(f"blender_addon.{name}")


def watched(step: Callable[..., Any], seconds: dict[str, float]) -> Callable[..., Any]:
    """The same function, which also notes how long it took."""

    def timed(*arguments: Any) -> Any:
        start = time.perf_counter()
        try:
            return step(*arguments)
        finally:
            seconds[step.__name__] = time.perf_counter() - start

    return timed


def measure(vertex_count: int, photo_count: int) -> dict[str, float]:
    """Seconds of each step of one import into an empty file, and of the whole."""
    import bpy
    from blender.stand_in import result

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    job = result(addon, vertex_count=vertex_count, photo_count=photo_count)
    seconds: dict[str, float] = {}
    plain = {name: getattr(addon(module), name) for name, module in STEPS.items()}
    for name, module in STEPS.items():
        setattr(addon(module), name, watched(plain[name], seconds))
    start = time.perf_counter()
    addon("scene").import_avatar(bpy.context, job)
    seconds["whole"] = time.perf_counter() - start
    for name, module in STEPS.items():
        setattr(addon(module), name, plain[name])
    return seconds


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--vertices", type=int, default=100_000)
    parser.add_argument("--photos", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BLENDER_USER_RESOURCES"] = folder  # read when bpy is imported
        runs = [measure(options.vertices, options.photos) for _ in range(options.repeats)]
        best = min(runs, key=lambda seconds: seconds["whole"])
        for name, value in best.items():
            share = value / best["whole"]
            sys.stdout.write(f"{name:14} {1000 * value:6.0f} ms  {100 * share:4.0f} %\n")


if __name__ == "__main__":
    main()
