"""The supervisor as a process: how it starts, what it shows to others, how it ends."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import zmq
from service_client import Client, read_connection, submission, wait_for, workers

from shared.messages import BadPhoto, Jobs, ListJobs, MakeThumbnail, Ping, Progress

WITH_FAKE = (str(Path(__file__).with_name("serve_with_fake_worker.py")),)
REAL = ("-m", "backend", "serve")
END_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Started:
    process: subprocess.Popen[bytes]
    client: Client
    connection_file: Path


@pytest.fixture
def launch(jobs: Path, tmp_path: Path) -> Iterator[Callable[..., Started]]:
    """Give a function that starts a supervisor as the extension does."""
    with ExitStack() as stack:

        def launch_one(command: tuple[str, ...] = WITH_FAKE) -> Started:
            path, keys = tmp_path / "connection.json", zmq.curve_keypair()
            options = ("--jobs", str(jobs), "--connection-file", str(path))
            with (tmp_path / "supervisor.log").open("ab") as log:
                process = stack.enter_context(
                    subprocess.Popen(
                        [sys.executable, "-I", *command, *options],
                        stdin=subprocess.PIPE,
                        stdout=log,
                        stderr=log,
                        cwd=jobs,
                        bufsize=0,
                    )
                )
            stack.callback(process.kill)
            assert process.stdin is not None
            process.stdin.write(json.dumps({"client_key": keys[0].decode()}).encode() + b"\n")
            client = Client(read_connection(path), keys)
            stack.callback(client.close)
            client.greet()
            return Started(process=process, client=client, connection_file=path)

        yield launch_one


def begin_a_job(client: Client) -> None:
    client.send(submission(name="stall"))
    client.until(Progress)


def close_its_input(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()


def states(client: Client) -> list[str]:
    answer = client.ask(ListJobs())
    assert isinstance(answer, Jobs)
    return [job.state for job in answer.jobs]


@pytest.mark.parametrize("end", [close_its_input, subprocess.Popen.terminate])
def test_end_leaves_no_process_and_no_connection_file(
    launch: Callable[..., Started], jobs: Path, end: Callable[..., None]
) -> None:
    started = launch()
    begin_a_job(started.client)
    asked = time.monotonic()
    end(started.process)
    assert started.process.wait(10) == 0
    wait_for(lambda: not workers(jobs))
    assert time.monotonic() - asked < END_S
    assert not started.connection_file.exists()
    assert list(jobs.glob("boot-*")) == []


def test_killed_supervisor_leaves_no_worker_and_the_job_is_interrupted(
    launch: Callable[..., Started], jobs: Path
) -> None:
    first = launch()
    begin_a_job(first.client)
    first.process.kill()
    assert wait_for(lambda: not workers(jobs)) < END_S
    first.process.wait()
    first.connection_file.unlink()
    assert states(launch().client) == ["interrupted"]


def test_stopped_supervisor_goes_on_when_it_is_woken(launch: Callable[..., Started]) -> None:
    started = launch()
    started.process.send_signal(signal.SIGSTOP)
    started.client.send(Ping())
    assert not started.client.socket.poll(100)
    started.process.send_signal(signal.SIGCONT)
    started.client.receive()


def test_connection_file_is_private_and_holds_nothing_secret(
    launch: Callable[..., Started],
) -> None:
    path = launch().connection_file
    assert path.stat().st_mode & 0o777 == 0o600
    assert set(json.loads(path.read_text())) == {
        *("protocol", "endpoint", "server_key", "boot", "pid"),
    }


def test_job_is_nobody_elses_business(launch: Callable[..., Started], jobs: Path) -> None:
    begin_a_job(launch().client)
    folder = jobs / submission().job
    for path in (folder, folder / "job.json", jobs / "worker-jobs.log"):
        assert path.stat().st_mode & 0o077 == 0


def test_no_key_is_shown_to_other_users(launch: Callable[..., Started], jobs: Path) -> None:
    started = launch()
    wait_for(lambda: len(workers(jobs)) == 1)
    key = read_connection(started.connection_file)["server_key"].encode()
    for pid in (started.process.pid, *workers(jobs)):
        for shown in ("cmdline", "environ"):
            text = Path(f"/proc/{pid}/{shown}").read_bytes()
            assert key not in text
            assert b"client_key" not in text


@pytest.fixture
def trap(jobs: Path) -> Path:
    """A file that modules in the job folder would make if they were imported."""
    marker = f"import pathlib; pathlib.Path({str(jobs / 'marker')!r}).touch()\n"
    (jobs / "backend").mkdir()
    for name in ("backend/__init__.py", "backend/__main__.py", "torch.py", "zmq.py", "numpy.py"):
        (jobs / name).write_text(marker)
    return jobs / "marker"


def test_no_module_of_the_job_folder_is_imported(
    launch: Callable[..., Started], trap: Path
) -> None:
    photo = submission().photos[0]
    answer = launch(REAL).client.ask(MakeThumbnail(key="k", photo=photo, size_px=64))
    assert isinstance(answer, BadPhoto)  # a worker has read it
    assert not trap.exists()


@pytest.mark.slow
def test_no_module_of_the_job_folder_is_imported_with_pytorch(
    launch: Callable[..., Started], trap: Path
) -> None:
    client = launch(REAL).client
    wait_for(lambda: client.ask(Ping()).worker == "ready", 60)  # it has imported all by then
    assert not trap.exists()


def test_supervisor_imports_no_pytorch(tmp_path: Path) -> None:
    script = "import sys, backend.cli, backend.server; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-I", "-c", script], cwd=tmp_path, check=True)


@pytest.mark.parametrize("line", [b"", b"\n", b"{}\n", b"[]\n", b'{"client_key": "short"}\n'])
def test_first_line_that_is_no_key_is_an_error(tmp_path: Path, line: bytes) -> None:
    done = subprocess.run(
        [sys.executable, "-I", *REAL, "--jobs", "jobs", "--connection-file", "connection.json"],
        input=line,
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert b"not a client key" in done.stderr
    assert list(tmp_path.iterdir()) == []
