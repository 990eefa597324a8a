"""What the sidebar shows in each state; drawn into a layout that knows Blender's own rules."""

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from blender.fakes import (
    SAMPLES,
    Desk,
    Layout,
    add_samples,
    desk,
    drawn,
    thumbnail,
)
from blender.stand_in import result

__all__ = ["desk"]

SENTENCE = "The graphics card has too little memory."
DRAW_S = 0.02


def text(said: list[str]) -> str:
    return " ".join(said)


def info(desk: Desk, state: str, number: int = 0) -> Any:
    return desk.addon("shared.messages").JobInfo(
        job=f"{number:032x}", name=f"Anna {number}", state=state, created=time.time(),
        quality="draft", photos=("a.jpg", "b.jpg"), sentence="", hint="", log="/logs/log.txt",
    )  # fmt: skip


def test_without_python_it_says_what_to_choose(desk: Desk) -> None:
    desk.addon("preferences").prefs().python = ""
    said = drawn(desk)
    assert "Not set up yet" in said
    assert "python" in said
    assert "photo_avatar.start_backend" not in said


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("STOPPED", "Backend is off"),
        ("STARTING", "Backend is starting …"),
        ("READY", "Ready – CPU (2 threads)"),
        ("BUSY", "Working – CPU (2 threads)"),
        ("FAILED", "Backend failed"),
    ],
)
def test_status_is_told(desk: Desk, status: str, words: str) -> None:
    desk.session.status = desk.addon("session").Status[status]
    desk.session.device = "cpu (2 threads)"
    assert words in drawn(desk)


def test_failed_backend_says_why_and_lets_choose_another_python(desk: Desk) -> None:
    desk.session.status = desk.addon("session").Status.FAILED
    problem = {"sentence": SENTENCE, "hint": "Hint.", "log": "/logs/log.txt"}
    desk.session.problem = desk.addon("session").Problem(**problem)
    said = drawn(desk)
    assert SENTENCE in text(said)
    assert {"photo_avatar.open_log", "photo_avatar.copy_details", "python"} <= set(said)


def test_empty_list_gives_advice(desk: Desk) -> None:
    said = drawn(desk)
    assert desk.addon("panels").ADVICE in text(said)
    assert "Add photos first." in said


def test_photos_have_pictures_names_and_a_button(desk: Desk) -> None:
    add_samples(desk, "front.jpg", "back.jpg")
    front = SAMPLES / "front.jpg"
    desk.session.thumbnails[str(front)] = thumbnail(desk.addon, front)
    desk.addon("pump").tick()
    said = drawn(desk)
    assert {"front.jpg", "back.jpg", "2"} <= set(said)
    assert said.count("photo_avatar.remove_photo") == 2


def test_bad_photo_is_told_with_a_hint(desk: Desk) -> None:
    add_samples(desk, "front.jpg")
    path = str(SAMPLES / "front.jpg")
    desk.session.thumbnails[path] = desk.addon("shared.messages").BadPhoto(
        key=path, sentence="front.jpg: cannot be read.", hint="Save it as JPEG."
    )
    said = drawn(desk)
    assert "front.jpg: cannot be read." in text(said)
    assert "Save it as JPEG." in text(said)


def test_running_job_shows_stage_time_and_cancel_in_place_of_generate(desk: Desk) -> None:
    add_samples(desk, "front.jpg")
    desk.bpy.ops.photo_avatar.generate()
    desk.session.move(0.4)
    said = drawn(desk)
    assert {"Fitting the body", "0:00", "photo_avatar.cancel"} <= set(said)
    assert "photo_avatar.generate" not in said


def test_generate_before_the_backend_answers_shows_that_it_starts(desk: Desk) -> None:
    add_samples(desk, "front.jpg")
    desk.bpy.ops.photo_avatar.generate()
    desk.session.status = desk.addon("session").Status.STARTING
    assert "Starting the backend" in drawn(desk)


def test_failed_job_shows_reason_hint_log_and_generate(desk: Desk) -> None:
    add_samples(desk, "front.jpg")
    desk.bpy.ops.photo_avatar.generate()
    desk.session.job = desk.addon("job").fail(
        desk.session.job, 0.0, sentence=SENTENCE, hint="Choose Draft.", log="/logs/log.txt"
    )
    said = drawn(desk)
    assert SENTENCE in text(said)
    buttons = {"open_log", "copy_details", "dismiss", "generate"}
    assert {f"photo_avatar.{name}" for name in buttons} <= set(said)


def test_cancelled_job_is_told(desk: Desk) -> None:
    add_samples(desk, "front.jpg")
    desk.bpy.ops.photo_avatar.generate()
    desk.bpy.ops.photo_avatar.cancel()
    assert "Cancelled" in drawn(desk)


def test_imported_avatar_is_told_with_left_out_photos_and_the_next_step(desk: Desk) -> None:
    add_samples(desk, "front.jpg")
    desk.bpy.ops.photo_avatar.generate()
    desk.session.finish()
    desk.addon("pump").tick()
    said = drawn(desk)
    assert "Avatar imported" in said
    assert "b.jpg: no person found." in text(said)
    assert "photo_avatar.import_job" not in said


def test_active_avatar_offers_its_photos_and_the_exports(desk: Desk) -> None:
    assert "photo_avatar.export_glb" not in drawn(desk)
    desk.addon("scene").import_avatar(desk.bpy.context, result(desk.addon))
    said = drawn(desk)
    assert said.count("photo_avatar.show_photo") == 3
    names = ("show_rest", "export_glb", "export_fbx")
    assert {f"photo_avatar.{name}" for name in names} <= set(said)


def test_finished_jobs_can_be_imported_and_others_are_folded_away(desk: Desk) -> None:
    states = ["finished"] * 7 + ["failed", "cancelled", "interrupted", "running"]
    desk.session.jobs = tuple(info(desk, state, number) for number, state in enumerate(states))
    said = drawn(desk)
    assert said.count("photo_avatar.import_job") == 7
    assert said.count("photo_avatar.forget_job") == 10
    assert {"Older (2)", "Not finished (3)"} <= set(said)


def test_problem_of_the_timer_is_shown(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.session, "pump", lambda: 1 // 0)
    desk.addon("pump").tick()
    assert "integer division" in text(drawn(desk))


def test_preferences_are_drawn(desk: Desk) -> None:
    said: list[str] = []
    preferences = desk.addon("preferences").prefs()
    names = ("python", "device", "body", "jobs")
    drawing = SimpleNamespace(
        layout=Layout(desk.bpy, said), bl_rna=preferences.bl_rna,
        **{name: getattr(preferences, name) for name in names},
    )  # fmt: skip
    type(preferences).draw(drawing, desk.bpy.context)
    assert {*names, "photo_avatar.check_setup"} <= set(said)


def test_drawing_a_long_list_takes_few_milliseconds(
    desk: Desk,
    record_property: Any,
) -> None:
    for number in range(100):
        desk.bpy.context.scene.photo_avatar.photos.add().path = f"/photos/{number}.jpg"
    fastest = min(_draw_s(desk) for _ in range(5))
    record_property("draw of 100 photos ms", round(1000 * fastest, 1))
    assert fastest < 5 * DRAW_S  # most of it is the recording layout's


def _draw_s(desk: Desk) -> float:
    start = time.perf_counter()
    drawn(desk)
    return time.perf_counter() - start


def test_icons_are_upright(desk: Desk) -> None:
    icons = desk.addon("thumbnails").Icons()
    path = Path("/photos/a.jpg")
    assert icons.show(str(path), thumbnail(desk.addon, path))
    preview = icons._previews[str(path)]
    assert tuple(preview.image_size) == (192, 256)
    bottom, top = preview.image_pixels_float[:4], preview.image_pixels_float[-4:]
    assert [list(bottom), list(top)] == [[0, 0, 1, 1], [1, 0, 0, 1]]
    icons.close()
