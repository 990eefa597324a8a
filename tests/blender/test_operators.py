"""From photos to the avatar in the scene, with a pretended backend."""

import os
import signal
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from blender.fakes import JOB, SAMPLES, Desk, add_samples, desk, thumbnail
from blender.stand_in import result

__all__ = ["desk"]
pytestmark = pytest.mark.filterwarnings("ignore:Setting the shape on a NumPy:DeprecationWarning")

TICK_S = 0.05
THUMBNAIL_S = 0.01


def paths(desk: Desk) -> list[str]:
    return [path.name for path in desk.addon("properties").photo_paths(desk.bpy.context.scene)]


def armatures(desk: ModuleType) -> int:
    return sum(thing.type == "ARMATURE" for thing in desk.bpy.data.objects)


def generate(desk: ModuleType) -> None:
    add_samples(desk, "front.jpg", "back.jpg")
    desk.bpy.ops.photo_avatar.generate()


def new_file(desk: ModuleType) -> None:
    desk.bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


def test_photos_are_added_once(desk: Desk) -> None:
    add_samples(desk, "front.jpg", "back.jpg")
    assert add_samples(desk, "back.jpg", "knee_bend.jpg") == {"FINISHED"}
    assert paths(desk) == ["front.jpg", "back.jpg", "knee_bend.jpg"]


def test_what_is_no_photo_is_left_out(desk: Desk) -> None:
    assert add_samples(desk, "README.md", "missing.jpg") == {"CANCELLED"}
    assert paths(desk) == []


def test_heic_is_a_photo(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "IMG_1.HEIC").write_bytes(b"any")
    desk.bpy.ops.photo_avatar.add_photos(directory=str(tmp_path), files=[{"name": "IMG_1.HEIC"}])
    assert paths(desk) == ["IMG_1.HEIC"]


def test_adding_photos_starts_the_backend(desk: Desk) -> None:
    add_samples(desk, "front.jpg")
    assert desk.session.names() == ["start"]


def test_one_photo_or_all_are_removed(desk: Desk) -> None:
    add_samples(desk, "front.jpg", "back.jpg", "knee_bend.jpg")
    desk.bpy.ops.photo_avatar.remove_photo(index=1)
    assert paths(desk) == ["front.jpg", "knee_bend.jpg"]
    desk.bpy.ops.photo_avatar.clear_photos()
    assert paths(desk) == []


def test_removing_a_photo_that_is_not_there_changes_nothing(desk: Desk) -> None:
    add_samples(desk, "front.jpg")
    assert desk.bpy.ops.photo_avatar.remove_photo(index=5) == {"CANCELLED"}
    assert paths(desk) == ["front.jpg"]


def test_generate_without_photos_says_so(desk: Desk) -> None:
    with pytest.raises(RuntimeError, match="Add photos first"):
        desk.bpy.ops.photo_avatar.generate()


def test_generate_without_python_says_so(desk: Desk) -> None:
    add_samples(desk, "front.jpg")
    desk.addon("preferences").prefs().python = ""
    with pytest.raises(RuntimeError, match="Choose the backend's Python first"):
        desk.bpy.ops.photo_avatar.generate()


def test_generate_during_a_job_says_so(desk: Desk) -> None:
    generate(desk)
    with pytest.raises(RuntimeError, match="being made already"):
        desk.bpy.ops.photo_avatar.generate()


def test_generate_names_photos_that_are_gone(desk: Desk) -> None:
    add_samples(desk, "front.jpg")
    desk.bpy.context.scene.photo_avatar.photos.add().path = "/gone/back.jpg"
    with pytest.raises(RuntimeError, match=r"Not there any more: back\.jpg"):
        desk.bpy.ops.photo_avatar.generate()
    assert "submit" not in desk.session.names()


def test_generate_sends_what_was_entered(desk: Desk) -> None:
    settings = desk.bpy.context.scene.photo_avatar
    settings.avatar_name, settings.quality = " Anna ", "draft"
    settings.knows_height, settings.height_cm = True, 172
    generate(desk)
    photos = (SAMPLES / "front.jpg", SAMPLES / "back.jpg")
    assert desk.session.asked[-1] == ("submit", photos, "Anna", pytest.approx(1.72), "draft")


def test_unknown_height_is_left_to_the_backend(desk: Desk) -> None:
    generate(desk)
    assert desk.session.asked[-1][3] is None


def test_finished_avatar_is_imported_once(desk: Desk) -> None:
    generate(desk)
    desk.session.finish()
    for _ in range(3):
        desk.addon("pump").tick()
    assert armatures(desk) == 1
    desk.session.results[JOB] = result(desk.addon, photo_count=2)  # it comes once more
    desk.addon("pump").tick()
    assert armatures(desk) == 1


def test_one_undo_takes_the_avatar_out(desk: Desk) -> None:
    desk.bpy.ops.ed.undo_push()
    generate(desk)
    desk.session.finish()
    desk.addon("pump").tick()
    desk.bpy.ops.ed.undo()
    assert armatures(desk) == 0
    desk.bpy.ops.ed.redo()
    assert armatures(desk) == 1


def test_avatar_of_another_file_is_offered_and_not_imported(desk: Desk) -> None:
    generate(desk)
    new_file(desk)
    desk.session.finish()
    desk.addon("pump").tick()
    assert armatures(desk) == 0
    desk.bpy.ops.photo_avatar.import_job(job=JOB)
    assert armatures(desk) == 1


def test_avatar_is_not_imported_in_another_mode(desk: Desk) -> None:
    desk.bpy.ops.mesh.primitive_cube_add()
    generate(desk)
    desk.bpy.ops.object.mode_set(mode="EDIT")
    desk.session.finish()
    desk.addon("pump").tick()
    assert armatures(desk) == 0
    with pytest.raises(RuntimeError, match="Switch to Object Mode first"):
        desk.bpy.ops.photo_avatar.import_job(job=JOB)
    desk.bpy.ops.object.mode_set(mode="OBJECT")
    assert desk.bpy.ops.photo_avatar.import_job(job=JOB) == {"FINISHED"}


def test_avatar_is_imported_after_undo_redo_and_undo_during_the_job(desk: Desk) -> None:
    desk.bpy.ops.ed.undo_push()
    desk.bpy.ops.mesh.primitive_cube_add()
    desk.bpy.ops.ed.undo_push()
    generate(desk)
    for step in (desk.bpy.ops.ed.undo, desk.bpy.ops.ed.redo, desk.bpy.ops.ed.undo):
        step()
        desk.addon("pump").tick()
    desk.session.finish()
    desk.addon("pump").tick()
    assert armatures(desk) == 1
    assert desk.addon("state").live.problem is None


def test_job_of_an_earlier_run_is_fetched_and_imported(desk: Desk) -> None:
    assert desk.bpy.ops.photo_avatar.import_job(job=JOB) == {"CANCELLED"}
    for _ in range(3):
        desk.addon("pump").tick()
    assert desk.session.names() == ["start", "fetch"]
    desk.session.results[JOB] = result(desk.addon)
    desk.addon("pump").tick()
    assert armatures(desk) == 1


def test_result_that_does_not_come_is_not_waited_for(desk: Desk) -> None:
    desk.bpy.ops.photo_avatar.import_job(job=JOB)
    desk.addon("pump").tick()
    desk.session.problem = desk.addon("session").Problem(sentence="It is gone.", hint="", log="")
    desk.addon("pump").tick()
    assert not desk.addon("state").live.wanted


def test_what_encloses_the_avatar_is_named(desk: Desk) -> None:
    desk.bpy.ops.mesh.primitive_cube_add(size=2)
    desk.bpy.ops.mesh.primitive_cube_add(size=20)
    desk.bpy.context.object.name = "Room"
    desk.bpy.ops.mesh.primitive_cube_add(size=1, location=(3, 0, 0))
    desk.session.results[JOB] = result(desk.addon)
    desk.bpy.ops.photo_avatar.import_job(job=JOB)
    assert desk.addon("state").live.hidden_by == ["Cube"]


def test_stopping_does_not_wait(desk: Desk) -> None:
    desk.bpy.ops.photo_avatar.start_backend()
    desk.bpy.ops.photo_avatar.stop_backend()
    assert desk.session.asked[-1] == ("stop", 0)


def test_check_setup_starts_afresh(desk: Desk) -> None:
    desk.bpy.ops.photo_avatar.check_setup()
    assert desk.session.names() == ["stop", "start"]


def test_choosing_another_python_tries_it_at_once(desk: Desk) -> None:
    desk.addon("preferences").prefs().python = "/other/python"
    assert desk.session.names() == ["stop", "start"]
    assert desk.session.asked[-1][1].python == Path("/other/python")


def test_details_hold_message_versions_and_the_logs_end(desk: Desk, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("\n".join(f"line {number}" for number in range(200)))
    what = desk.addon("session").Problem(sentence="It failed.", hint="Try again.", log=str(log))
    details = desk.addon("operators").details(what)
    assert details.startswith("It failed.\nTry again.\n")
    assert f"Blender {desk.bpy.app.version_string}" in details
    assert "line 199" in details
    assert "line 100\n" not in details


def test_error_in_the_timer_is_told_once_and_the_timer_goes_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk.session, "pump", lambda: 1 // 0)
    assert desk.addon("pump").tick() > 0
    assert "division" in desk.addon("state").live.problem.hint


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_a_broken_pipe_does_not_end_blender(desk: Desk) -> None:
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # as in Blender with a window
    desk.addon("pump").outlive_broken_pipes()
    reader, writer = os.pipe()
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        os.write(writer, b"x")
    os.close(writer)
    signal.signal(signal.SIGPIPE, before)


def test_poses_and_rest_are_shown(desk: Desk) -> None:
    armature = desk.addon("scene").import_avatar(desk.bpy.context, result(desk.addon))
    assert desk.bpy.ops.photo_avatar.show_photo(index=1) == {"FINISHED"}
    assert desk.bpy.context.scene.camera is not None
    assert desk.bpy.ops.photo_avatar.show_rest() == {"FINISHED"}
    assert all(bone.matrix_basis.is_identity for bone in armature.pose.bones)
    assert desk.bpy.ops.photo_avatar.show_photo(index=9) == {"CANCELLED"}


@pytest.mark.parametrize("kind", ["glb", "fbx"])
def test_active_avatar_is_exported(desk: Desk, tmp_path: Path, kind: str) -> None:
    desk.addon("scene").import_avatar(desk.bpy.context, result(desk.addon))
    export = getattr(desk.bpy.ops.photo_avatar, f"export_{kind}")
    assert export(filepath=str(tmp_path / f"anna.{kind}")) == {"FINISHED"}
    assert (tmp_path / f"anna.{kind}").stat().st_size > 0


def test_export_without_an_avatar_says_so(desk: Desk) -> None:
    with pytest.raises(RuntimeError, match="Select an avatar first"):
        desk.bpy.ops.photo_avatar.export_glb(filepath="/x.glb")


def test_ticks_and_thumbnails_are_quick(desk: Desk, record_property: Any) -> None:
    desk.bpy.ops.photo_avatar.start_backend()
    for number in range(20):
        path = Path(f"/photos/{number}.jpg")
        desk.bpy.context.scene.photo_avatar.photos.add().path = str(path)
        desk.session.thumbnails[str(path)] = thumbnail(desk.addon, path)
    times = [_tick_s(desk) for _ in range(6)]
    record_property("tick with 4 thumbnails ms", round(1000 * max(times), 2))
    record_property("tick ms", round(1000 * times[-1], 2))
    assert max(times) < TICK_S
    assert max(times) / desk.addon("pump").THUMBNAILS_PER_TICK < THUMBNAIL_S
    assert all(icon is not None for icon in desk.addon("thumbnails").icons()._previews.values())


def _tick_s(desk: Desk) -> float:
    start = time.perf_counter()
    desk.addon("pump").tick()
    return time.perf_counter() - start
