"""The worker with stand-ins for PyTorch, the pipeline and Pillow: what happens is a job's name."""

import errno
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from backend.worker import Place, work
from shared.errors import NoUsablePhoto

FAULTS = {
    "MemoryError": MemoryError(),
    "PyTorch out of memory": type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory."),
    "C++ out of memory": RuntimeError("DefaultCPUAllocator: can't allocate memory: 12 bytes"),
    "disk full": OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
    "fault": ValueError("a number was wrong"),
    "nobody": NoUsablePhoto("None of the photos can be used.", "Use others."),
}


def run_job(job: Any, listener: Callable[[str, float], None]) -> dict[str, Any]:
    os.write(1, b"a library's words\n")
    sys.stdout.write(" ".join(photo.name for photo in job.photos) + "\n")
    end = time.monotonic() + 0.55
    while job.name == "busy" and (left := end - time.monotonic()) > 0:
        listener("fuse", 1 - left)
    while job.name == "endless":
        listener("fuse", 0.5)
    if job.name in FAULTS:
        raise FAULTS[job.name]
    messages = ("", "b.jpg: no person found. Use another.")
    return {"seconds": {}, "photos": [{"message": message} for message in messages]}


def thumbnail(request: Any) -> None:
    os.write(1, b"a library's words\n")
    raise ZeroDivisionError(request.key)


def stand_in(name: str, **members: Any) -> None:
    sys.modules[name] = ModuleType(name)
    sys.modules[name].__dict__.update(members)


stand_in(
    "torch",
    optim=SimpleNamespace(Adam=list),
    zeros=lambda *_, **__: 0,
    cuda=SimpleNamespace(is_initialized=lambda: False),
)
stand_in("backend.job", Job=SimpleNamespace, run_job=run_job, choose_device=lambda _: None)
stand_in("backend.record", device_name=lambda _: "a stand-in")
stand_in("backend.thumbnails", thumbnail=thumbnail)
_, _, lane, _, jobs = sys.argv
work(lane, Place(jobs=Path(jobs), device=None, body=None))  # pyright: ignore[reportArgumentType]
