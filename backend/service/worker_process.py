"""One worker process, and the two threads that talk to it so that nobody else has to wait."""

import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from backend.service.pipe import read_message, write_message
from shared.errors import JobFolderFailed
from shared.messages import Message
from shared.wire import WireError

log = logging.getLogger(__name__)

_LAST_WORDS_BYTES = 20_000
_END_GRACE_S = 10.0
"""Between the end of a worker's output and its own: its memory is given back."""
_NONSENSE_GRACE_S = 0.2
"""After half a message, which may be the last that it could say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A worker's message."""

    worker: "WorkerProcess"
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A worker is gone, and its memory is free."""

    worker: "WorkerProcess"
    how: str
    """In words, to follow a colon."""


WorkerEvent = Said | Ended


class WorkerProcess:
    """Owns a worker process; what it says is told, and at last one `Ended`."""

    def __init__(
        self,
        command: Sequence[str],
        log_path: Path,
        tell: Callable[[WorkerEvent], None],
        *,
        greatest_log_bytes: int,
    ) -> None:
        """Start it.

        Args:
            command: Program and arguments.
            log_path: What it writes to its standard error is appended there.
            tell: Called from another thread.
            greatest_log_bytes: A log that is larger is begun anew.

        Raises:
            JobFolderFailed: if it cannot be started, or its log cannot be written.
        """
        self._log_path = log_path
        self._tell = tell
        self._outbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        try:
            with _log_file(log_path, greatest_log_bytes) as stderr:
                self._log_start = stderr.tell()
                self._process = _start(command, stderr)
        except OSError as error:
            raise JobFolderFailed(f"{error.filename}: {error.strerror}") from error
        log.info("worker %d started: %s", self._process.pid, " ".join(command))
        for work in (self._write, self._read):
            threading.Thread(target=work, daemon=True).start()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def send(self, message: Message) -> None:
        """Send a message as soon as the worker takes it; waits for nothing."""
        self._outbox.put(message)

    def kill(self) -> None:
        """End it, whatever it does; `Ended` follows."""
        self._process.kill()

    def last_words(self) -> str:
        """Return the end of what it has written into its log."""
        try:
            with self._log_path.open("rb") as file:
                end = file.seek(0, os.SEEK_END)
                file.seek(min(end, max(self._log_start, end - _LAST_WORDS_BYTES)))
                return file.read().decode(errors="replace")
        except OSError:
            return ""

    def wait(self, timeout_s: float) -> bool:
        """Return whether it has ended by then."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _write(self) -> None:
        with cast(BinaryIO, self._process.stdin) as pipe:
            while (message := self._outbox.get()) is not None:
                try:
                    write_message(pipe, message)
                except (OSError, WireError) as error:
                    log.warning("worker %d cannot be written to: %s", self.pid, error)
                    self.kill()  # what it has read may end in the middle of a message
                    return
                del message  # its photos take memory

    def _read(self) -> None:
        grace_s = _END_GRACE_S
        with cast(BinaryIO, self._process.stdout) as pipe:
            try:
                while (message := read_message(pipe)) is not None:
                    self._tell(Said(worker=self, message=message))
            except (OSError, WireError) as error:
                log.warning("worker %d: %s", self.pid, error)
                grace_s = _NONSENSE_GRACE_S
        is_useless = not self.wait(grace_s)
        if is_useless:
            self.kill()
        how = in_words(self._process.wait())
        self._outbox.put(None)
        log.info("worker %d ended: %s", self.pid, how)
        self._tell(Ended(worker=self, how="it could not be understood" if is_useless else how))


def in_words(status: int) -> str:
    """Return what an exit status means, to follow a colon."""
    if status == -9:  # SIGKILL has no name on Windows
        return "it was killed, often because memory ran out"
    if status < 0:
        return f"signal {-status} ({signal.strsignal(-status) or 'unknown'})"
    if status >= 1 << 31:  # Windows's codes of exceptions
        return f"exit status 0x{status:08X}"
    return f"exit status {status}"


def _log_file(path: Path, greatest_bytes: int) -> BinaryIO:
    file = path.open("ab")
    if file.tell() > greatest_bytes:
        file.truncate(0)
        file.seek(0)
    return file


def _start(command: Sequence[str], stderr: BinaryIO) -> subprocess.Popen[bytes]:
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    return subprocess.Popen(  # noqa: S603  # our own interpreter
        command,
        bufsize=0,  # a pipe that breaks has nothing left to write when it is closed
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        start_new_session=True,  # Ctrl+C in a terminal is for the supervisor
        creationflags=flags,
    )
