"""What a session shows and does, with pretended backends that go wrong in many ways."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from blender_addon.job import Phase
from blender_addon.link.events import SubmitFiles, Timing
from blender_addon.session import Launch, Session, Status

ROOT = Path(__file__).resolve().parents[2]
Until = Callable[..., None]
MakeLaunch = Callable[[str], Launch]


def submit(session: Session, *photos: Path) -> str:
    return session.submit(photos, name="Ada", height_m=1.7, quality="draft")


def is_ready(session: Session) -> bool:
    return session.status is Status.READY


def has_failed(session: Session) -> bool:
    return session.status is Status.FAILED


def phase(session: Session) -> Phase | None:
    return session.job.phase if session.job else None


def test_a_new_session_is_stopped_and_pumps_nothing(session: Session) -> None:
    assert session.status is Status.STOPPED
    assert not session.pump()


def test_start_returns_at_once_and_leads_to_ready(
    session: Session, launch: MakeLaunch, until: Until
) -> None:
    session.start(launch("normal"))
    assert session.status is Status.STARTING
    until(session, lambda: is_ready(session) and session.device)
    assert session.device == "Pretended device"


def test_a_job_becomes_a_result(
    session: Session, launch: MakeLaunch, until: Until, photo: Path
) -> None:
    session.start(launch("normal"))
    until(session, lambda: is_ready(session))
    job = submit(session, photo)
    until(session, lambda: job in session.results and session.jobs)
    assert session.job is not None
    assert session.job.phase is Phase.FINISHED
    assert session.job.messages == ("back.jpg was left out.",)
    assert session.jobs[0].job == job
    result = session.take_result(job)
    assert result is not None
    assert result.avatar.name == "Ada"
    assert session.take_result(job) is None


def test_a_job_submitted_too_early_waits_for_the_backend(
    session: Session, launch: MakeLaunch, until: Until, photo: Path
) -> None:
    job = submit(session, photo)
    session.start(launch("normal"))
    assert phase(session) is Phase.SENDING
    until(session, lambda: job in session.results)


@pytest.mark.parametrize("scenario", ["works for ever", "loses the cancel"])
def test_cancelling_is_seen_at_once_and_reaches_the_backend(
    session: Session, launch: MakeLaunch, until: Until, photo: Path, scenario: str
) -> None:
    settings = launch(scenario)
    session.start(settings)
    job = submit(session, photo)
    until(session, lambda: phase(session) is Phase.RUNNING)
    assert session.status is Status.BUSY
    session.cancel()
    assert phase(session) is Phase.CANCELLED
    assert is_ready(session)
    told = settings.jobs / "cancelled"
    until(session, lambda: told.exists() and told.read_text() == job)


def test_a_job_cancelled_before_the_backend_is_there_is_never_sent(
    session: Session, launch: MakeLaunch, until: Until, photo: Path
) -> None:
    session.start(launch("normal"))
    submit(session, photo)
    session.cancel()
    until(session, lambda: session.device)
    session.refresh()
    until(session, lambda: session.device)
    assert session.jobs == ()
    assert session.problem is None


def test_a_refused_job_says_why(
    session: Session, launch: MakeLaunch, until: Until, photo: Path
) -> None:
    session.start(launch("refuses"))
    submit(session, photo)
    until(session, lambda: phase(session) is Phase.FAILED)
    assert session.job is not None
    assert session.job.sentence == "The queue is full."
    assert session.problem is None


def test_a_missing_photo_fails_the_job_and_names_the_file(
    session: Session, launch: MakeLaunch, until: Until, tmp_path: Path
) -> None:
    session.start(launch("normal"))
    submit(session, tmp_path / "gone.jpg")
    until(session, lambda: phase(session) is Phase.FAILED)
    assert session.job is not None
    assert session.job.sentence.startswith("gone.jpg: the file cannot be read")
    assert "remove it from the list" in session.job.hint
    assert is_ready(session)


def test_a_backend_that_dies_at_work_fails_the_job_and_can_be_started_again(
    session: Session, launch: MakeLaunch, until: Until, photo: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("blender_addon.session.LEAST_PAUSE_S", 0.1)
    session.start(launch("dies"))
    submit(session, photo)
    until(session, lambda: has_failed(session))
    assert session.job is not None
    assert session.job.sentence == "The backend stopped unexpectedly."
    assert session.job.hint == "Press Generate again; finished avatars are kept."
    assert session.problem is not None
    assert session.problem.sentence.endswith("(exit status 3). MemoryError: no more of it")
    assert Path(session.problem.log).read_text().startswith("MemoryError")
    session.start(launch("normal"))
    until(session, lambda: is_ready(session))
    assert session.problem is None


def test_a_killed_backend_is_noticed(session: Session, launch: MakeLaunch, until: Until) -> None:
    session.start(launch("normal"))
    until(session, lambda: is_ready(session))
    assert session._process is not None
    assert session._process._process is not None
    os.kill(session._process._process.pid, signal.SIGKILL)
    until(session, lambda: has_failed(session))
    assert session.problem is not None
    assert "SIGKILL" in session.problem.sentence


@pytest.mark.parametrize(
    ("scenario", "sentence"),
    [
        ("exits", "on purpose"),
        ("other joints", "skeleton is not the one"),
        ("newer", "This extension is older"),
        ("newer frames", "This extension is older"),
    ],
)
def test_a_backend_that_is_not_ours_is_refused(
    session: Session, launch: MakeLaunch, until: Until, scenario: str, sentence: str
) -> None:
    session.start(launch(scenario))
    until(session, lambda: has_failed(session))
    assert session.problem is not None
    assert sentence in session.problem.sentence
    assert session.problem.hint
    assert Path(session.problem.log).exists()


@pytest.mark.parametrize(
    ("scenario", "timing", "sentence"),
    [
        ("writes no file", Timing(file_s=0.4), "was not ready after 0.4 s"),
        ("no welcome", Timing(welcome_s=0.4), "did not answer within 0.4 s"),
        ("other key", Timing(welcome_s=0.4), "did not answer within 0.4 s"),
    ],
)
def test_waiting_for_a_backend_has_an_end(
    launch: MakeLaunch, until: Until, scenario: str, timing: Timing, sentence: str
) -> None:
    session = Session(timing)
    session.start(launch(scenario))
    until(session, lambda: has_failed(session))
    assert session.problem is not None
    assert sentence in session.problem.sentence
    session.stop()


def test_a_silent_backend_is_reported_until_it_answers(launch: MakeLaunch, until: Until) -> None:
    settings = launch("mute")
    session = Session(Timing(ping_s=0.02, silent_s=0.2))
    session.start(settings)
    until(session, lambda: session.problem is not None)
    assert session.problem is not None
    assert session.problem.sentence == "The backend does not answer."
    assert is_ready(session)
    (settings.jobs / "speak").touch()
    until(session, lambda: session.problem is None)
    session.stop()


def test_an_unreadable_message_is_reported_and_survived(
    session: Session, launch: MakeLaunch, until: Until
) -> None:
    session.start(launch("garbled"))
    until(session, lambda: session.problem is not None)
    assert session.problem is not None
    assert "cannot be read" in session.problem.sentence
    until(session, lambda: session.device)
    assert is_ready(session)


@pytest.mark.parametrize("scenario", ["loses the first job", "loses the end"])
def test_a_job_survives_a_lost_connection(
    session: Session, launch: MakeLaunch, until: Until, photo: Path, scenario: str
) -> None:
    settings = launch(scenario)
    session.start(settings)
    job = submit(session, photo)
    until(session, lambda: session.refresh() or job in session.results)
    assert phase(session) is Phase.FINISHED
    assert session.problem is None
    assert not (settings.jobs / "forward").exists()


def test_no_photo_is_sent_before_the_backend_has_shown_who_it_is(
    launch: MakeLaunch, until: Until, photo: Path
) -> None:
    settings = launch("no welcome")
    session = Session(Timing(welcome_s=0.4))
    session.start(settings)
    submit(session, photo)
    session._send(SubmitFiles(job="0" * 32, name="", paths=(photo,), height_m=1, quality="draft"))
    until(session, lambda: has_failed(session))
    assert not (settings.jobs / "forward").exists()


def test_stopping_and_starting_again_and_again(
    session: Session, launch: MakeLaunch, until: Until
) -> None:
    for _ in range(2):
        session.start(launch("normal"))
        until(session, lambda: is_ready(session))
        session.stop()
        assert session.status is Status.STOPPED
        assert all("Photo Avatar" not in thread.name for thread in threading.enumerate())


def test_stopping_fails_the_job_that_is_under_way(
    session: Session, launch: MakeLaunch, until: Until, photo: Path
) -> None:
    session.start(launch("works for ever"))
    submit(session, photo)
    until(session, lambda: phase(session) is Phase.RUNNING)
    session.stop()
    assert session.job is not None
    assert "was stopped" in session.job.sentence


def test_a_backend_that_fails_is_not_started_again_at_once(
    session: Session, launch: MakeLaunch, until: Until
) -> None:
    settings = launch("exits")
    session.start(settings)
    until(session, lambda: has_failed(session))
    log = settings.jobs / "backend.log"
    log.unlink()
    session.start(settings)
    session.pump()
    assert session.status is Status.STARTING
    assert session._connection is not None
    assert session._connection._delay_s > 2
    assert not log.exists()


def test_a_job_that_waits_for_a_backend_that_cannot_start_says_why(
    session: Session, launch: MakeLaunch, until: Until, photo: Path, tmp_path: Path
) -> None:
    session.start(replace(launch("normal"), python=tmp_path / "none"))
    submit(session, photo)
    until(session, lambda: has_failed(session))
    assert session.job is not None
    assert session.job.sentence == f"There is no {tmp_path / 'none'}."
    assert "choose the Python" in session.job.hint


def test_a_job_that_has_failed_is_not_sent_to_the_next_backend(
    session: Session, launch: MakeLaunch, until: Until, photo: Path, tmp_path: Path
) -> None:
    session.start(replace(launch("normal"), python=tmp_path / "none"))
    submit(session, photo)
    until(session, lambda: has_failed(session))
    session.start(launch("normal"))
    until(session, lambda: session.device)
    job = submit(session, photo)
    until(session, lambda: job in session.results and session.jobs)
    assert [info.job for info in session.jobs] == [job]


def test_other_settings_are_tried_at_once(
    session: Session, launch: MakeLaunch, until: Until
) -> None:
    session.start(launch("exits"))
    until(session, lambda: has_failed(session))
    session.start(launch("normal"))
    until(session, lambda: is_ready(session), 4.0)


def test_a_forgotten_job_leaves_the_list(
    session: Session, launch: MakeLaunch, until: Until, photo: Path
) -> None:
    session.start(launch("normal"))
    job = submit(session, photo)
    until(session, lambda: session.jobs and job in session.results)
    session.forget(job)
    assert job not in session.results
    until(session, lambda: session.jobs == ())


def test_a_refused_fetch_becomes_a_problem_that_can_be_dismissed(
    session: Session, launch: MakeLaunch, until: Until
) -> None:
    session.start(launch("normal"))
    until(session, lambda: is_ready(session))
    session.fetch("0" * 32)
    until(session, lambda: session.problem is not None)
    assert session.problem is not None
    assert session.problem.sentence == "There is no such job."
    session.dismiss()
    assert session.problem is None


def test_dismissing_forgets_a_failed_job(
    session: Session, launch: MakeLaunch, until: Until, photo: Path
) -> None:
    session.start(launch("refuses"))
    submit(session, photo)
    session.dismiss()
    assert session.job is not None
    until(session, lambda: phase(session) is Phase.FAILED)
    session.dismiss()
    assert session.job is None


def test_pump_tells_whether_anything_changed(
    session: Session, launch: MakeLaunch, until: Until
) -> None:
    session.start(launch("normal"))
    changes = []
    until(session, lambda: changes.append(session.pump()) or session.device)
    assert any(changes)
    assert not session.pump()


def test_an_unknown_quality_is_the_callers_mistake(session: Session, photo: Path) -> None:
    with pytest.raises(ValueError, match="quality"):
        session.submit([photo], name="Ada", height_m=None, quality="best")


def test_the_session_needs_no_zeromq_until_it_connects() -> None:
    code = "import sys; sys.modules['zmq'] = None; import blender_addon.session as s; s.Session()"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_a_missing_zeromq_is_explained(
    session: Session, launch: MakeLaunch, until: Until, monkeypatch: Any
) -> None:
    monkeypatch.setitem(sys.modules, "zmq", None)
    session.start(launch("normal"))
    until(session, lambda: has_failed(session))
    assert session.problem is not None
    assert session.problem.sentence.startswith("ZeroMQ cannot be loaded")
