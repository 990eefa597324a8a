"""The backend's process: started beside Blender, ended with it."""

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .shared.errors import AvatarError

LOG, PREVIOUS_LOG = "backend.log", "backend.previous.log"
TAIL_BYTES = 4000
"""Of the log that are read to explain an exit."""
CHOOSE_PYTHON = "In the preferences, choose the Python that Photo Avatar's backend is installed in."
READ_LOG = "Look at the log, then start the backend again."
NOT_INHERITED = (
    "PYTHON",  # another interpreter's paths
    "LD_LIBRARY_PATH",  # Blender's and Steam's libraries under PyTorch crash it
    "LD_PRELOAD",
    "DYLD_",  # the same on macOS
    "VIRTUAL_ENV",  # of whoever started Blender
)
"""Beginnings of environment variables that belong to Blender's process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What to start, and with what."""

    python: Path
    """The interpreter that the backend is installed in."""
    jobs: Path
    """Folder of the jobs; made if it is not there."""
    device: str | None
    """"cpu", "cuda" or None: the backend chooses."""
    body: Path | None
    """The user's own SMPL-X model."""
    client: str
    """Who starts it, for its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """Why the process is no longer there."""

    sentence: str
    hint: str


class CannotStart(AvatarError):
    """The operating system does not start the program."""

    code = "cannot_start"


class BackendProcess:
    """Owns the process, its log and the folder of its connection file."""

    def __init__(self, launch: Launch) -> None:
        self.log: Path | None = None
        self._launch = launch
        self._lock = threading.Lock()
        self._is_stopped = False
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, client_key: str) -> Path:
        """Start the process, from any thread; return where its connection file will be.

        Args:
            client_key: The only public key that it shall talk to.

        Raises:
            CannotStart: if there is no such program or folder, or `stop` came first.
        """
        with self._lock:
            if self._is_stopped:
                raise CannotStart("The backend was stopped.", "Start it again.")
            # a user's own folder, so nobody else puts a connection file there
            self._folder = Path(tempfile.mkdtemp(prefix="photo-avatar-"))
            connection_file = self._folder / "connection.json"
            self.log, output = _open_log(self._launch.jobs.absolute())
            self._process = _open(self._launch, connection_file, output)
            atexit.register(self.stop)
        _tell(self._process, client_key)
        return connection_file

    def poll(self) -> Exit | None:
        """Return why the process has ended; None while it runs or is still to be started."""
        status = None if self._process is None else self._process.poll()
        if status is None or self.log is None:
            return None
        return explain(status, _tail(self.log), self._launch.python)

    def stop(self, timeout_s: float = 3.0) -> None:
        """End the process: ask by closing its standard input, kill after this time."""
        with self._lock:
            self._is_stopped = True
            if self._process is not None:
                _end(self._process, timeout_s)
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
            atexit.unregister(self.stop)


def command(launch: Launch, connection_file: Path) -> list[str]:
    """Return the command line; -I keeps the job folder's and the environment's modules out."""
    arguments = [os.path.abspath(launch.python), "-I", "-m", "backend", "serve"]  # noqa: PTH100 - resolves no link: a virtual environment's python is one
    arguments += ["--jobs", str(launch.jobs.absolute()), "--connection-file", str(connection_file)]
    if launch.device is not None:
        arguments += ["--device", launch.device]
    if launch.body is not None:
        arguments += ["--body", str(launch.body.absolute())]
    return arguments


def explain(status: int, tail: str, python: Path) -> Exit:
    """Return an exit status and the end of the log in words."""
    lines = [line.strip() for line in tail.splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    if status < 0:
        return Exit(
            sentence=f"The backend was ended by the system ({_signal_name(-status)}).",
            hint="If memory ran out, close other programs. Then start the backend again.",
        )
    if "No module named backend" in tail:
        return Exit(
            sentence=f"Photo Avatar's backend is not installed in {python}.", hint=CHOOSE_PYTHON
        )
    if last.startswith("ModuleNotFoundError:"):
        return Exit(
            sentence=f"The backend in {python} is not complete: {last.partition(': ')[2]}.",
            hint="Install it again, with all that it needs.",
        )
    if "invalid choice: 'serve'" in tail:
        return Exit(
            sentence=f"The backend in {python} is older than this extension.",
            hint="Update Photo Avatar's backend.",
        )
    # the backend says an error of its own in two lines: what happened, and what to do
    said = last if "Traceback" in tail else " ".join(lines[-2:])
    return Exit(
        sentence=f"The backend ended unexpectedly (exit status {status}). {said}".strip(),
        hint=READ_LOG,
    )


def _signal_name(number: int) -> str:
    known = {item.value: item.name for item in signal.Signals}
    return known.get(number, str(number))


def _open(launch: Launch, connection_file: Path, output: BinaryIO) -> subprocess.Popen[bytes]:
    with output:
        try:
            return subprocess.Popen(  # noqa: S603 - the user's own choice of program
                command(launch, connection_file),
                cwd=launch.jobs.absolute(),
                env=_environment(),
                stdin=subprocess.PIPE,
                stdout=output,  # a pipe that nobody reads fills up and stops the backend
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in Blender's terminal is for Blender
                creationflags=_creation_flags(),
            )
        except FileNotFoundError as error:
            raise CannotStart(f"There is no {launch.python}.", CHOOSE_PYTHON) from error
        except OSError as error:
            raise CannotStart(
                f"{launch.python} cannot be started: {error.strerror}.", CHOOSE_PYTHON
            ) from error


def _open_log(jobs: Path) -> tuple[Path, BinaryIO]:
    path = jobs / LOG
    try:
        jobs.mkdir(parents=True, exist_ok=True)
        try:
            if path.exists():
                path.replace(path.with_name(PREVIOUS_LOG))
        except PermissionError:  # Windows, while another Blender's backend writes there
            path = path.with_name(f"backend.{os.getpid()}.log")
        return path, path.open("wb")
    except OSError as error:
        raise CannotStart(
            f"The job folder {jobs} cannot be used: {error.strerror}.",
            "Choose another folder in the preferences.",
        ) from error


def _environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(NOT_INHERITED)
    }


def _creation_flags() -> int:
    """Windows' words for a session of its own, and for no console window that pops up."""
    if sys.platform == "win32":
        return subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    return 0


def _tell(process: subprocess.Popen[bytes], client_key: str) -> None:
    """Hand the key over in the only way that no other program can read or change."""
    if process.stdin is None:
        return
    line = json.dumps({"client_key": client_key}) + "\n"
    try:
        process.stdin.write(line.encode())
        process.stdin.flush()
    except OSError:  # it has ended already: `poll` says why
        return


def _end(process: subprocess.Popen[bytes], timeout_s: float) -> None:
    if process.stdin is not None:
        with suppress(OSError):  # what was still to be written cannot be: it has ended
            process.stdin.close()
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        process.kill()  # its workers see the end of their standard input
    else:
        os.killpg(process.pid, signal.SIGKILL)  # with its workers
    process.wait()


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
