"""The link to the backend: one thread owns the socket; requests go in, events come out.

ZeroMQ is loaded by that thread, so that importing this module costs Blender's start nothing.
"""

import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue

from .link.checks import check_protocol
from .link.events import Broken, Event, LinkError, Request, Timing
from .shared.errors import AvatarError

LEAST_ZMQ = (4, 3, 4)
"""Older libzmq can be attacked before it knows who speaks (CVE-2019-13132, CVE-2020-15166)."""
TIMING = Timing()


class Connection:
    """Owns the thread that talks to one backend process; nothing here blocks its caller."""

    def __init__(
        self,
        open_backend: Callable[[str], Path],
        client: str,
        *,
        delay_s: float = 0.0,
        timing: Timing = TIMING,
    ) -> None:
        """Start the thread.

        Args:
            open_backend: Called on the thread with this side's public key: starts the backend and
                returns where it will put its connection file.
            client: Who we are, for the backend's log.
            delay_s: Time to let pass before `open_backend`.
            timing: How long to wait for what.
        """
        self._open_backend = open_backend
        self._client = client
        self._delay_s = delay_s
        self._timing = timing
        self._requests: SimpleQueue[Request] = SimpleQueue()
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._closing = threading.Event()
        # a socket pair and no ZeroMQ socket: those would need the library on the caller's thread
        self._waker, self._woken = socket.socketpair()
        self._waker.settimeout(0)
        self._thread = threading.Thread(
            target=self._run,
            name="Photo Avatar link",
            daemon=True,  # Blender ends even while a file on a dead network drive is being read
        )
        self._thread.start()

    def send(self, request: Request) -> None:
        """Send a request as soon as the backend has welcomed us."""
        self._requests.put(request)
        self._wake()

    def receive(self) -> list[Event]:
        """Return what has come since the last call; `Broken` is the last that ever comes."""
        events: list[Event] = []
        while True:
            try:
                events.append(self._events.get_nowait())
            except Empty:
                return events

    def close(self, timeout_s: float) -> None:
        """End the thread; wait for it no longer than this. What was not sent is lost."""
        self._closing.set()
        self._wake()
        self._thread.join(timeout_s)
        self._waker.close()

    def _wake(self) -> None:
        try:
            self._waker.send(b"\0")
        except OSError:  # full: it will wake anyway; closed: nobody is left to wake
            return

    def _run(self) -> None:
        end = Broken(
            sentence="The link to the backend ended unexpectedly.",
            hint="Start the backend again; the system console may say more.",
        )
        try:
            self._talk()
        except AvatarError as error:
            end = Broken(sentence=error.sentence, hint=error.hint)
        finally:
            self._woken.close()
            self._events.put(end)

    def _talk(self) -> None:
        _check_zmq()
        import zmq

        from .link.talk import Talk, dealer_for

        own_keys = zmq.curve_keypair()
        if self._closing.wait(self._delay_s):
            return
        path = self._open_backend(own_keys[0].decode())
        if not self._has_appeared(path):
            return
        endpoint, server_key = _read_connection_file(path)
        context = zmq.Context()
        try:
            dealer = dealer_for(server_key, own_keys, context)
            talk = Talk(dealer, self._events, self._client, self._timing)
            dealer.connect(endpoint)
            talk.go_on(self._woken, self._requests, self._closing)
        finally:
            context.destroy(linger=0)

    def _has_appeared(self, path: Path) -> bool:
        """Wait for the connection file; False if the link is closed meanwhile."""
        deadline = time.monotonic() + self._timing.file_s
        while not path.exists():
            if time.monotonic() > deadline:
                raise LinkError(
                    f"The backend was not ready after {self._timing.file_s:g} s.",
                    "Look at its log, then start it again.",
                )
            if self._closing.wait(self._timing.file_poll_s):
                return False
        return True


def _check_zmq() -> None:
    try:
        import zmq
    except ImportError as error:
        raise LinkError(
            f"ZeroMQ cannot be loaded: {error}.",
            "Install the extension again, from the zip file for this computer.",
        ) from error
    if not zmq.has("curve") or zmq.zmq_version_info() < LEAST_ZMQ:
        raise LinkError(
            f"Blender has loaded a ZeroMQ ({zmq.zmq_version()}) that is too old or cannot encrypt.",
            "Disable other extensions that bring ZeroMQ along, or update them.",
        )


def _read_connection_file(path: Path) -> tuple[str, bytes]:
    """The backend's address and public key."""
    content = json.loads(path.read_text("utf-8"))
    check_protocol(content["protocol"])
    return content["endpoint"], content["server_key"].encode("ascii")
