"""The whole road as an artist walks it: photos, Generate, avatar, with a real backend process."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SAMPLES = sorted((Path(__file__).parents[2] / "backend/assets/samples").glob("*.jpg"))
START_S = 60.0
JOB_S = 300.0
STOP_S = 5.0


def wait(pump: Any, is_so: Callable[[], object], seconds: float, what: str) -> None:
    """Let the extension's timer run until something is so."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"{what}: {pump.live.session.problem}"
        pump.tick()
        time.sleep(0.02)


@pytest.fixture
def desk(addon: Callable[..., Any], blender: Any, tmp_path: Path) -> Iterator[Any]:
    """The extension's pump, with a backend that has a job folder of its own."""
    preferences = blender.context.preferences.addons[addon().__name__].preferences
    preferences.jobs = str(tmp_path / "jobs")
    preferences.device = "cpu"
    preferences.python = os.environ["PHOTO_AVATAR_PYTHON"]
    pump = addon("pump")
    yield pump
    pump.live.session.stop()
    pump.live.session.dismiss()


def add_samples(blender: Any, count: int) -> None:
    files = [{"name": path.name} for path in SAMPLES[:count]]
    blender.ops.photo_avatar.add_photos(directory=str(SAMPLES[0].parent), files=files)
    blender.context.scene.photo_avatar.quality = "draft"
    blender.context.scene.photo_avatar.avatar_name = "Anna"


def backends(folder: Path, kind: str = "backend") -> list[int]:
    """Processes that name the job folder and the kind on their command line."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            line = (place / "cmdline").read_bytes()
        except OSError:  # has ended meanwhile
            continue
        if str(folder).encode() in line and kind.encode() in line.split(b"\0"):
            found.append(int(place.name))
    return found


def test_photos_become_an_avatar(
    desk: Any, blender: Any, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    start = time.monotonic()
    add_samples(blender, 2)
    blender.ops.photo_avatar.generate()
    wait(desk, lambda: blender.data.armatures, JOB_S, "no avatar")
    record_property("two photos to avatar s", round(time.monotonic() - start))
    armature = blender.context.object
    mesh = armature.children[0]
    assert armature.type == "ARMATURE"
    assert len([bone for bone in armature.data.bones if bone.use_deform]) == 55
    assert [group.name for group in mesh.vertex_groups][:3] == ["pelvis", "left_hip", "right_hip"]
    assert len(mesh.vertex_groups) == 55
    heights = np.array([corner[2] for corner in mesh.bound_box])
    assert 1.4 < np.ptp(heights) < 2.1
    assert len([action for action in blender.data.actions if action.asset_data]) == 2
    desk.live.session.stop()
    assert backends(tmp_path / "jobs") == []


def test_cancel_gives_the_memory_back(desk: Any, blender: Any, tmp_path: Path) -> None:
    add_samples(blender, 1)
    blender.ops.photo_avatar.generate()
    wait(desk, lambda: desk.live.session.job.fraction > 0, START_S, "does not run")
    [worker] = backends(tmp_path / "jobs", "jobs")
    blender.ops.photo_avatar.cancel()
    assert desk.live.session.job.phase == "cancelled"
    wait(desk, lambda: worker not in backends(tmp_path / "jobs"), 10.0, "the worker lives on")
    assert backends(tmp_path / "jobs", "serve")


def test_results_of_earlier_runs_can_be_imported(desk: Any, blender: Any) -> None:
    add_samples(blender, 1)
    blender.ops.photo_avatar.generate()
    wait(desk, lambda: blender.data.armatures, JOB_S, "no avatar")
    desk.live.session.stop()
    blender.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    blender.ops.photo_avatar.start_backend()
    wait(desk, lambda: desk.live.session.jobs, START_S, "no job is listed")
    blender.ops.photo_avatar.import_job(job=desk.live.session.jobs[0].job)
    wait(desk, lambda: blender.data.armatures, START_S, "no avatar")


def test_the_backend_ends_within_seconds(desk: Any, blender: Any, tmp_path: Path) -> None:
    blender.ops.photo_avatar.start_backend()
    wait(desk, lambda: desk.live.is_answering, START_S, "does not answer")
    start = time.monotonic()
    desk.live.session.stop()
    assert time.monotonic() - start < STOP_S
    assert backends(tmp_path / "jobs") == []
