"""How threads hand things to the one loop."""

import queue
import socket
from contextlib import suppress
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Inbox(Generic[Item]):
    """Owns a queue that a poller can wait for."""

    def __init__(self) -> None:
        self._items: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self._ear, self._bell = socket.socketpair()  # unlike a pipe, it can be polled on Windows
        self._ear.settimeout(0)
        self._bell.settimeout(0)

    def fileno(self) -> int:
        """Return what is readable while there are items."""
        return self._ear.fileno()

    def put(self, item: Item) -> None:
        """Hand an item over; from any thread or signal handler."""
        self._items.put(item)
        with suppress(OSError):  # full: it rings already; closed: nobody listens any more
            self._bell.send(b"\0")

    def take(self) -> list[Item]:
        """Return all items; waits for none."""
        with suppress(BlockingIOError):
            while self._ear.recv(4096):
                pass
        items: list[Item] = []
        with suppress(queue.Empty):
            while True:
                items.append(self._items.get_nowait())
        return items

    def close(self) -> None:
        """Close both ends; later items are lost."""
        self._ear.close()
        self._bell.close()
