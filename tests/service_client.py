"""The extension's side of the service, as small as it can be."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import zmq

from shared.messages import Hello, Message, Progress, Submit, Welcome
from shared.types import Photo
from shared.wire import decode, encode

Kind = TypeVar("Kind", bound=Message)
DEADLINE_S = 10.0


def wait_for(is_true: Callable[[], bool], timeout_s: float = DEADLINE_S) -> float:
    """Return how long it took, seconds."""
    start = time.monotonic()
    while not is_true():
        assert time.monotonic() < start + timeout_s
        time.sleep(0.005)
    return time.monotonic() - start


def is_running(pid: int) -> bool:
    """Return whether a process runs; one that nobody has buried does not."""
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def workers(jobs: Path, lane: str = "jobs") -> list[int]:
    """Return the fake workers that run."""
    pids = [int(path.stem.split("-")[1]) for path in jobs.glob(f"{lane}-*.pid")]
    return [pid for pid in pids if is_running(pid)]


def submission(number: int = 1, name: str = "anna") -> Submit:
    photo = Photo(name="a.jpg", data=np.arange(9, dtype=np.uint8))
    return Submit(job=f"{number:032x}", name=name, photos=(photo,), height_m=None, quality="draft")


def read_connection(path: Path) -> dict[str, str]:
    wait_for(path.exists)
    return json.loads(path.read_text())


class Client:
    """Owns a DEALER with its own context."""

    def __init__(
        self, connection: dict[str, str], keys: tuple[bytes, bytes], *, identity: bytes = b""
    ) -> None:
        self._context = zmq.Context()
        self.socket = self._context.socket(zmq.DEALER)
        if identity:
            self.socket.set(zmq.ROUTING_ID, identity)
        self.socket.set(zmq.CURVE_PUBLICKEY, keys[0])
        self.socket.set(zmq.CURVE_SECRETKEY, keys[1])
        self.socket.set(zmq.CURVE_SERVERKEY, connection["server_key"].encode())
        self.socket.connect(connection["endpoint"])

    def send(self, message: Message) -> None:
        self.socket.send_multipart(encode(message), copy=False)

    def receive(self, timeout_s: float = DEADLINE_S) -> Any:
        assert self.socket.poll(round(timeout_s * 1000)), "nothing came"
        return decode(self.socket.recv_multipart())

    def ask(self, message: Message) -> Any:
        """Return the answer; progress that comes before it is left out."""
        self.send(message)
        while isinstance(answer := self.receive(), Progress):
            pass
        return answer

    def until(self, kind: type[Kind]) -> Kind:
        """Return the next message of a kind; others are left out."""
        while not isinstance(message := self.receive(), kind):
            pass
        return message

    def greet(self) -> Welcome:
        self.send(Hello(client="test"))
        return self.until(Welcome)

    def close(self) -> None:
        self._context.destroy(linger=0)
