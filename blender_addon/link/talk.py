"""The conversation with the backend over one socket."""

import logging
import socket
import threading
import time
from queue import SimpleQueue
from typing import Any

import zmq
from zmq.utils.monitor import recv_monitor_message

from ..shared import wire
from ..shared.errors import AvatarError
from ..shared.messages import (
    BadPhoto,
    Hello,
    MakeThumbnail,
    Message,
    Ping,
    Refused,
    Submit,
    Welcome,
)
from .backlog import Backlog
from .checks import SAME_VERSION, check_protocol, check_welcome
from .events import (
    Answering,
    Event,
    Garbled,
    LinkError,
    Request,
    Silent,
    SubmitFiles,
    ThumbnailOf,
    Timing,
)
from .photo_files import read_photo, read_photos

log = logging.getLogger(__name__)

HEARTBEAT_MS, HEARTBEAT_TIMEOUT_MS, HANDSHAKE_MS = 2000, 6000, 3000
GREATEST_BACKLOG = 8
"""Messages that libzmq holds; the others wait in `Backlog`, where their order can change."""
HEADROOM_BYTES = 4096
"""What encryption adds to a frame, and more."""
OPTIONS = {
    zmq.IMMEDIATE: 1,  # never queue for a backend that is not there
    zmq.LINGER: 0,
    zmq.SNDHWM: GREATEST_BACKLOG,
    zmq.HEARTBEAT_IVL: HEARTBEAT_MS,
    zmq.HEARTBEAT_TIMEOUT: HEARTBEAT_TIMEOUT_MS,
    zmq.HANDSHAKE_IVL: HANDSHAKE_MS,
    zmq.MAXMSGSIZE: wire.GREATEST_FRAME_BYTES + HEADROOM_BYTES,
}


def dealer_for(
    server_key: bytes, own_keys: tuple[bytes, bytes], context: zmq.Context[Any]
) -> zmq.Socket[bytes]:
    """Return a socket, not yet connected, that talks only to the owner of a key.

    Args:
        server_key: The backend's public key, Z85.
        own_keys: Public and secret, Z85.
        context: Owns the socket.
    """
    dealer = context.socket(zmq.DEALER)
    dealer.curve_publickey, dealer.curve_secretkey = own_keys
    dealer.curve_serverkey = server_key
    for option, value in OPTIONS.items():
        dealer.set(option, value)
    return dealer


class Talk:
    """Owns the conversation on one socket; lives on the link's thread."""

    def __init__(
        self, dealer: zmq.Socket[bytes], events: SimpleQueue[Event], client: str, timing: Timing
    ) -> None:
        self._dealer = dealer
        self._events = events
        self._hello = Hello(client=client)
        self._timing = timing
        self._backlog = Backlog()
        self._must_greet = False
        self._is_welcome = False
        self._welcome_deadline: float | None = time.monotonic() + timing.welcome_s
        self._next_ping = 0.0
        self._asked: float | None = None  # when the ping was made that has no answer yet
        self._is_silent = False
        self._monitor = dealer.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED
        )

    def go_on(
        self, woken: socket.socket, requests: SimpleQueue[Request], closing: threading.Event
    ) -> None:
        """Talk until told to close.

        Raises:
            LinkError: if there is no use in going on.
        """
        poller = zmq.Poller()
        for readable in (woken, self._monitor):
            poller.register(readable, zmq.POLLIN)
        while not closing.is_set():
            can_send = self._must_greet or (self._is_welcome and bool(self._backlog))
            poller.register(self._dealer, zmq.POLLIN | (zmq.POLLOUT if can_send else 0))
            ready = dict(poller.poll(self._timing.ping_s / 4 * 1000))
            if woken.fileno() in ready:
                woken.recv(1 << 16)
            while not requests.empty():
                self._backlog.put(requests.get())
            self._watch()
            self._receive()
            if ready.get(self._dealer, 0) & zmq.POLLOUT:
                self._send_next()
            self._keep_alive(time.monotonic())

    def _watch(self) -> None:
        """Greet on every connection: after a lost one the backend sees a stranger."""
        while self._monitor.poll(0):
            event = recv_monitor_message(self._monitor)["event"]
            self._is_welcome = False
            self._must_greet = event == zmq.EVENT_HANDSHAKE_SUCCEEDED

    def _send_next(self) -> None:
        if self._must_greet:
            self._must_greet = False
            self._send(self._hello)
        elif self._is_welcome and self._backlog:
            self._serve(self._backlog.take())

    def _serve(self, request: Request) -> None:
        if isinstance(request, SubmitFiles):
            self._submit(request)
        elif isinstance(request, ThumbnailOf):
            self._make_thumbnail(request)
        else:
            self._send(request)

    def _submit(self, request: SubmitFiles) -> None:
        try:
            photos = read_photos(request.paths)
        except AvatarError as error:
            words = {"sentence": error.sentence, "hint": error.hint}
            self._events.put(Refused(job=request.job, code=error.code, **words))
            return
        self._send(
            Submit(
                job=request.job,
                name=request.name,
                photos=photos,
                height_m=request.height_m,
                quality=request.quality,
            )
        )

    def _make_thumbnail(self, request: ThumbnailOf) -> None:
        key = str(request.path)
        try:
            photo = read_photo(request.path, request.path.name)
        except AvatarError as error:
            self._events.put(BadPhoto(key=key, sentence=error.sentence, hint=error.hint))
            return
        self._send(MakeThumbnail(key=key, photo=photo, size_px=request.size_px))

    def _send(self, message: Message) -> None:
        try:
            self._dealer.send_multipart(wire.encode(message), zmq.NOBLOCK)
        except zmq.Again:
            # the connection was lost a moment ago; whoever needs an answer asks again when the
            # next welcome comes
            log.info("the link was lost while sending %s", type(message).__name__)

    def _receive(self) -> None:
        while self._dealer.poll(0):
            frames = self._dealer.recv_multipart(copy=False)
            self._asked = None
            try:
                message = wire.decode([frame.buffer for frame in frames])
            except wire.OtherProtocol as error:
                check_protocol(error.theirs)
            except wire.WireError as error:
                log.warning("unreadable message of the backend: %s", error)
                sentence = "The backend sent something that cannot be read."
                self._events.put(Garbled(sentence=sentence, hint=SAME_VERSION))
            else:
                self._hear(message)

    def _hear(self, message: Message) -> None:
        if isinstance(message, Welcome):
            check_welcome(message)
            self._is_welcome, self._welcome_deadline = True, None
        self._events.put(message)

    def _keep_alive(self, now: float) -> None:
        if self._welcome_deadline is not None:
            if now > self._welcome_deadline:
                raise LinkError(
                    f"The backend did not answer within {self._timing.welcome_s:g} s.",
                    "Look at its log, then start it again.",
                )
            return
        if now >= self._next_ping and self._asked is None:
            self._backlog.put(Ping())
            self._asked, self._next_ping = now, now + self._timing.ping_s
        is_silent = self._asked is not None and now - self._asked > self._timing.silent_s
        if is_silent != self._is_silent:
            self._events.put(Silent() if is_silent else Answering())
        self._is_silent = is_silent
