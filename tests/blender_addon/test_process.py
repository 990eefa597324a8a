"""The backend's process: how it is started, explained when it ends, and never left behind."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from blender_addon.process import (
    BackendProcess,
    CannotStart,
    Launch,
    command,
    explain,
)

ROOT = Path(__file__).resolve().parents[2]
PYTHON = Path("/somewhere/python")
KEY = "k" * 40
MakeLaunch = Callable[[str], Launch]


def wait_for(claim: Callable[[], object], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def has_ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()


def start_with(launch: Launch) -> str:
    process = BackendProcess(launch)
    with pytest.raises(CannotStart) as caught:
        process.start(KEY)
    process.stop()
    assert caught.value.hint
    return caught.value.sentence


@pytest.mark.parametrize(
    ("status", "tail", "sentence"),
    [
        (1, f"{PYTHON}: No module named backend\n", "not installed in /somewhere/python"),
        (1, "Trace\nModuleNotFoundError: No module named 'torch'\n", "No module named 'torch'"),
        (2, "error: argument command: invalid choice: 'serve' (choose ...)", "is older than"),
        (-9, "hello", "(SIGKILL)"),
        (-250, "", "(250)"),
        (1, "hello\nIt is full.\nEmpty it.\n\n", "(exit status 1). It is full. Empty it."),
        (7, "Traceback\n  do()\nValueError: so\n", "(exit status 7). ValueError: so"),
        (0, "", "(exit status 0)."),
    ],
)
def test_exits_are_explained(status: int, tail: str, sentence: str) -> None:
    found = explain(status, tail, PYTHON)
    assert sentence in found.sentence
    assert found.hint


def test_the_command_isolates_python_and_names_all_that_is_asked_for(tmp_path: Path) -> None:
    launch = Launch(python=PYTHON, jobs=tmp_path, device="cuda", body=tmp_path / "b.npz", client="")
    words = command(launch, tmp_path / "c.json")
    assert words[:5] == [str(PYTHON), "-I", "-m", "backend", "serve"]
    assert words[5:9] == ["--jobs", str(tmp_path), "--connection-file", str(tmp_path / "c.json")]
    assert words[9:] == ["--device", "cuda", "--body", str(tmp_path / "b.npz")]


def test_a_virtual_environments_link_is_not_resolved(tmp_path: Path) -> None:
    link = tmp_path / "python"
    link.symlink_to(sys.executable)
    launch = Launch(python=link, jobs=tmp_path, device=None, body=None, client="")
    assert command(launch, tmp_path)[0] == str(link)


def test_blenders_environment_is_not_handed_on(
    launch: MakeLaunch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = launch("normal")
    settings.python.write_text("#!/bin/sh\nenv > environment\n")
    for name in ("PYTHONHOME", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "OF_THE_USER"):
        monkeypatch.setenv(name, str(tmp_path))
    process = BackendProcess(settings)
    process.start(KEY)
    wait_for(process.poll)
    process.stop()
    lines = (settings.jobs / "environment").read_text().splitlines()
    names = {line.partition("=")[0] for line in lines}
    assert "OF_THE_USER" in names
    assert not names & {"PYTHONHOME", "LD_LIBRARY_PATH", "VIRTUAL_ENV"}


def test_the_key_arrives_and_the_connection_file_is_private(launch: MakeLaunch) -> None:
    settings = launch("normal")
    process = BackendProcess(settings)
    path = process.start(KEY)
    wait_for(path.exists)
    assert (settings.jobs / "client_key").read_text() == KEY
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert process.poll() is None
    process.stop()
    assert not path.parent.exists()


def test_a_missing_program_is_named(launch: MakeLaunch) -> None:
    settings = replace(launch("normal"), python=PYTHON)
    assert start_with(settings) == "There is no /somewhere/python."


def test_a_file_that_is_no_program_is_named(launch: MakeLaunch) -> None:
    settings = launch("normal")
    settings.python.chmod(0o600)
    assert "cannot be started: Permission denied" in start_with(settings)


def test_a_job_folder_that_is_a_file_is_named(launch: MakeLaunch) -> None:
    settings = launch("normal")
    settings.jobs.touch()
    assert f"The job folder {settings.jobs} cannot be used" in start_with(settings)


def test_the_log_before_is_kept(launch: MakeLaunch) -> None:
    settings = launch("exits")
    for _ in range(2):
        process = BackendProcess(settings)
        process.start(KEY)
        wait_for(process.poll)
        process.stop()
    logs = {path.name for path in settings.jobs.glob("*.log")}
    assert logs == {"backend.log", "backend.previous.log"}


def test_a_log_that_another_backend_writes_is_left_alone(
    launch: MakeLaunch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "used by another process")

    settings = launch("exits")
    settings.jobs.mkdir()
    (settings.jobs / "backend.log").write_text("of another")
    monkeypatch.setattr(Path, "replace", refuse)
    process = BackendProcess(settings)
    process.start(KEY)
    wait_for(process.poll)
    process.stop()
    assert (settings.jobs / "backend.log").read_text() == "of another"
    assert process.log is not None
    assert "on purpose" in process.log.read_text()


def test_stopping_ends_the_process_by_the_end_of_its_input(launch: MakeLaunch) -> None:
    process = BackendProcess(launch("normal"))
    wait_for(process.start(KEY).exists)
    start = time.monotonic()
    process.stop(timeout_s=20.0)
    assert process.poll() is not None
    assert time.monotonic() - start < 10


def test_a_process_that_does_not_listen_is_killed(launch: MakeLaunch) -> None:
    process = BackendProcess(launch("stubborn"))
    wait_for(process.start(KEY).exists)
    process.stop(timeout_s=0.05)
    found = process.poll()
    assert found is not None
    assert "SIGKILL" in found.sentence


def test_killing_takes_the_workers_along(launch: MakeLaunch) -> None:
    settings = launch("normal")
    settings.python.write_text("#!/bin/sh\nsleep 60 & echo $! > worker; wait\n")
    process = BackendProcess(settings)
    process.start(KEY)
    worker = settings.jobs / "worker"
    wait_for(lambda: worker.exists() and worker.read_text().endswith("\n"))
    process.stop(timeout_s=0.0)
    wait_for(lambda: has_ended(int(worker.read_text())))


def test_a_process_that_was_stopped_is_not_started(launch: MakeLaunch) -> None:
    settings = launch("normal")
    process = BackendProcess(settings)
    process.stop()
    with pytest.raises(CannotStart):
        process.start(KEY)
    assert not settings.jobs.exists()


@pytest.mark.parametrize("end", ["sys.exit()", "os.kill(os.getpid(), 9)"])
def test_no_process_outlives_the_one_that_started_it(launch: MakeLaunch, end: str) -> None:
    settings = launch("normal" if "kill" in end else "stubborn")
    code = f"""
import os, sys, time
from pathlib import Path
from blender_addon.process import BackendProcess, Launch
process = BackendProcess(Launch(python=Path({str(settings.python)!r}),
    jobs=Path({str(settings.jobs)!r}), device=None, body=None, client=""))
process.stop.__func__.__defaults__ = (0.2,)
path = process.start({KEY!r})
while not path.exists(): time.sleep(0.01)
print(process._process.pid, flush=True)
{end}
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    wait_for(lambda: has_ended(int(done.stdout)))
