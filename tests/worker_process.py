"""A real worker process at the other end of two pipes, for tests."""

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from backend.service.pipe import read_message, write_message
from shared.messages import Message

Kind = TypeVar("Kind")
BACKEND = ("-I", "-m", "backend", "work")
# -P: beside the script lies tests/backend, which would be taken for the package
STAND_IN = ("-P", str(Path(__file__).with_name("worker_stand_in.py")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """Owns the process; killed at the deadline, so that no test waits for ever."""

    process: subprocess.Popen[bytes]
    log: Path

    def send(self, message: Message) -> None:
        """Write a request."""
        write_message(cast(BinaryIO, self.process.stdin), message)

    def hear(self) -> Message | None:
        """Return its next message."""
        return read_message(cast(BinaryIO, self.process.stdout))

    def heard_until(self, *kinds: type[Message]) -> list[Message]:
        """Return its messages up to the first of some kinds."""
        heard: list[Message] = []
        while not heard or not isinstance(heard[-1], kinds):
            message = self.hear()
            assert message is not None, self.log.read_text()
            heard.append(message)
        return heard

    def wait_for(self, *kinds: type[Kind]) -> Kind:
        """Return its next message of some kinds."""
        return cast(Kind, self.heard_until(*cast(Any, kinds))[-1])


@contextmanager
def worker(
    lane: str, jobs: Path, command: Sequence[str] = BACKEND, *, deadline_s: float = 60
) -> Iterator[Worker]:
    """Start one with a folder for its jobs; the folder is its working directory, too."""
    log = jobs / "worker.log"
    with (
        log.open("wb") as stderr,
        subprocess.Popen(
            [sys.executable, *command, "--lane", lane, "--jobs", str(jobs)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=jobs,
        ) as process,
    ):
        deadline = threading.Timer(deadline_s, process.kill)
        deadline.start()
        yield Worker(process=process, log=log)
        process.kill()
        deadline.cancel()
