"""The link to the backend: one thread owns the socket; requests go in, events come out.

ZeroMQ is loaded by that thread, so that importing this module costs Blender's start nothing.
"""

import json
import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np

from .shared import PROTOCOL, wire
from .shared.arrays import require
from .shared.errors import AvatarError, BadInput, UnreadablePhoto
from .shared.messages import (
    GREATEST_JOB_BYTES,
    GREATEST_PHOTO_BYTES,
    GREATEST_PHOTO_COUNT,
    QUALITIES,
    SERVICE,
    BadPhoto,
    Cancel,
    Forget,
    Hello,
    MakeThumbnail,
    Message,
    Ping,
    Refused,
    Submit,
    Welcome,
)
from .shared.skeleton import JOINT_NAMES, PARENTS
from .shared.types import Photo

log = logging.getLogger(__name__)

LEAST_ZMQ = (4, 3, 4)
"""Older libzmq can be attacked before it knows who speaks (CVE-2019-13132, CVE-2020-15166)."""
HEADROOM_BYTES = 4096
"""What encryption adds to a frame, and more."""
REINSTALL = "Install the extension again, from the zip file for this computer."


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitFiles:
    """Submit a job of these files; they are read on the link's thread."""

    job: str
    name: str
    paths: tuple[Path, ...]
    height_m: float | None
    quality: str

    def __post_init__(self) -> None:
        """Check what the user interface has to hold to."""
        require(self.quality in QUALITIES, "quality: unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class ThumbnailOf:
    """Ask for a file's thumbnail; the answer's key is `str(path)`."""

    path: Path
    size_px: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent:
    """The backend has left a ping unanswered for long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """The backend answers again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbled:
    """A message came that cannot be read; the link goes on."""

    sentence: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The link has ended, or never came to be."""

    sentence: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long the link waits for what."""

    file_s: float = 60.0
    """For the backend's connection file: a cold start with a virus scanner takes long."""
    file_poll_s: float = 0.02
    welcome_s: float = 15.0
    ping_s: float = 2.0
    silent_s: float = 10.0
    """An unanswered ping of this age makes the backend silent."""


Request = Message | SubmitFiles | ThumbnailOf
Event = Message | Silent | Answering | Garbled | Broken
TIMING = Timing()


class LinkError(AvatarError):
    """The link cannot go on."""

    code = "link"


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
        self._requests: SimpleQueue[Request] = SimpleQueue()
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._closing = threading.Event()
        # a socket pair and no ZeroMQ socket: those would need the library on the caller's thread
        self._waker, woken = socket.socketpair()
        for end in (self._waker, woken):
            end.setblocking(False)
        self._thread = threading.Thread(
            target=self._run,
            args=(woken, open_backend, client, delay_s, timing),
            name="Photo Avatar link",
            daemon=True,  # Blender ends even while a file on a dead network drive is being read
        )
        self._thread.start()

    def send(self, request: Request) -> None:
        """Send a request as soon as the backend has welcomed us."""
        self._requests.put(request)
        self._wake()

    def receive(self) -> list[Event]:
        """Return what has come since the last call."""
        events: list[Event] = []
        while True:
            try:
                events.append(self._events.get_nowait())
            except Empty:
                return events

    def close(self, timeout_s: float = 0.04) -> None:
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

    def _run(self, woken: socket.socket, open_backend: Any, *args: Any) -> None:
        end = Broken(
            sentence="The link to the backend ended unexpectedly.",
            hint="Start the backend again; the system console may say more.",
        )
        try:
            self._talk(woken, open_backend, *args)
        except AvatarError as error:
            end = Broken(sentence=error.sentence, hint=error.hint)
        finally:
            woken.close()
            self._events.put(end)

    def _talk(
        self,
        woken: socket.socket,
        open_backend: Callable[[str], Path],
        client: str,
        delay_s: float,
        timing: Timing,
    ) -> None:
        zmq = _load_zmq()
        public_key, secret_key = zmq.curve_keypair()
        if self._closing.wait(delay_s):
            return
        found = self._await_file(open_backend(public_key.decode()), timing)
        if found is None:
            return
        context = zmq.Context()
        try:
            dealer = _connect(zmq, context, found, (public_key, secret_key))
            talk = _Talk(zmq, dealer, self._events, client, timing)
            talk.go_on(woken, self._requests, self._closing)
        finally:
            context.destroy(linger=0)

    def _await_file(self, path: Path, timing: Timing) -> tuple[str, bytes] | None:
        """The backend's address and public key; None if the link is closed meanwhile."""
        deadline = time.monotonic() + timing.file_s
        while not path.exists():
            if time.monotonic() > deadline:
                raise LinkError(
                    f"The backend was not ready after {timing.file_s:.0f} s.",
                    "Look at its log, then start it again.",
                )
            if self._closing.wait(timing.file_poll_s):
                return None
        return _read_connection_file(path)


class _Talk:
    """Owns the conversation on one socket; lives on the link's thread."""

    def __init__(
        self, zmq: Any, dealer: Any, events: SimpleQueue[Event], client: str, timing: Timing
    ) -> None:
        self._zmq = zmq
        self._dealer = dealer
        self._events = events
        self._hello = Hello(client=client)
        self._timing = timing
        self._plain: deque[Message] = deque()
        self._submissions: deque[SubmitFiles] = deque()
        self._thumbnails: deque[ThumbnailOf] = deque()
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
        zmq = self._zmq
        poller = zmq.Poller()
        for readable in (woken, self._monitor):
            poller.register(readable, zmq.POLLIN)
        while not closing.is_set():
            wants_to_send = zmq.POLLOUT if self._has_request() else 0
            poller.register(self._dealer, zmq.POLLIN | wants_to_send)
            ready = dict(poller.poll(self._timing.ping_s / 4 * 1000))
            if woken.fileno() in ready:
                woken.recv(1 << 16)
            self._take(requests)
            self._watch()
            self._receive()
            if ready.get(self._dealer, 0) & zmq.POLLOUT:
                self._send_next()
            self._keep_alive(time.monotonic())

    def _take(self, requests: SimpleQueue[Request]) -> None:
        while not requests.empty():
            request = requests.get()
            if isinstance(request, SubmitFiles):
                self._submissions.append(request)
            elif isinstance(request, ThumbnailOf):
                self._thumbnails.append(request)
            elif not (isinstance(request, Cancel | Forget) and self._drop(request.job)):
                self._plain.append(request)

    def _drop(self, job: str) -> bool:
        """Whether the job was still to be sent; then it no longer is."""
        unsent = [request for request in self._submissions if request.job == job]
        for request in unsent:
            self._submissions.remove(request)
        return bool(unsent)

    def _watch(self) -> None:
        """Greet on every connection: after a lost one the backend sees a stranger."""
        from zmq.utils.monitor import recv_monitor_message

        while self._monitor.poll(0):
            event = recv_monitor_message(self._monitor)["event"]
            self._is_welcome = False
            self._must_greet = event == self._zmq.EVENT_HANDSHAKE_SUCCEEDED

    def _has_request(self) -> bool:
        waiting = self._plain or self._submissions or self._thumbnails
        return self._must_greet or (self._is_welcome and bool(waiting))

    def _send_next(self) -> None:
        """Send one message: what is short first, what must be read from disk last."""
        if self._must_greet:
            self._must_greet = False
            self._send(self._hello)
        elif self._plain:
            self._send(self._plain.popleft())
        elif self._submissions:
            self._send_submission(self._submissions.popleft())
        elif self._thumbnails:
            self._send_thumbnail(self._thumbnails.popleft())

    def _send(self, message: Message) -> None:
        # POLLOUT was seen and nobody else sends here, so a refusal means a connection lost just
        # now; what it took with it is asked for again after the next welcome
        try:
            self._dealer.send_multipart(wire.encode(message), self._zmq.NOBLOCK)
        except self._zmq.Again:
            log.info("the link was lost while sending %s", type(message).__name__)

    def _send_submission(self, request: SubmitFiles) -> None:
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

    def _send_thumbnail(self, request: ThumbnailOf) -> None:
        key = str(request.path)
        try:
            photo = _read_photo(request.path, request.path.name)
        except AvatarError as error:
            self._events.put(BadPhoto(key=key, sentence=error.sentence, hint=error.hint))
            return
        self._send(MakeThumbnail(key=key, photo=photo, size_px=request.size_px))

    def _receive(self) -> None:
        while self._dealer.poll(0):
            frames = self._dealer.recv_multipart(copy=False)
            self._asked = None
            try:
                message = wire.decode([frame.buffer for frame in frames])
            except wire.OtherProtocol as error:
                raise _other_protocol(error.theirs) from error
            except wire.WireError as error:
                log.warning("unreadable message of the backend: %s", error)
                self._events.put(
                    Garbled(
                        sentence="The backend sent something that cannot be read.",
                        hint="Update the extension and the backend to the same version.",
                    )
                )
                continue
            if isinstance(message, Welcome):
                _check_welcome(message)
                self._is_welcome, self._welcome_deadline = True, None
            self._events.put(message)

    def _keep_alive(self, now: float) -> None:
        if self._welcome_deadline is not None:
            if now > self._welcome_deadline:
                raise LinkError(
                    f"The backend did not answer within {self._timing.welcome_s:.0f} s.",
                    "Look at its log, then start it again.",
                )
            return
        if now >= self._next_ping and self._asked is None:
            self._plain.append(Ping())
            self._asked, self._next_ping = now, now + self._timing.ping_s
        is_silent = self._asked is not None and now - self._asked > self._timing.silent_s
        if is_silent != self._is_silent:
            self._events.put(Silent() if is_silent else Answering())
        self._is_silent = is_silent


def read_photos(paths: Sequence[Path]) -> tuple[Photo, ...]:
    """Return the files' bytes under names that differ.

    Raises:
        UnreadablePhoto: if a file cannot be read or is too large.
        BadInput: if there are no photos, too many, too many bytes, or one is there twice.
    """
    if not paths:
        raise BadInput("There are no photos.", "Add one or more photos of the person.")
    if len(paths) > GREATEST_PHOTO_COUNT:
        raise BadInput(f"{len(paths)} photos are too many.", f"Use at most {GREATEST_PHOTO_COUNT}.")
    photos: dict[str, Photo] = {}
    for index, path in enumerate(paths):
        if path in paths[:index]:
            raise BadInput(f"{path.name} is in the list twice.", "Remove one of the two.")
        name = _free_name(path, photos)
        photos[name] = _read_photo(path, name)
        if sum(photo.data.nbytes for photo in photos.values()) > GREATEST_JOB_BYTES:
            raise BadInput(
                f"Together the photos are larger than {GREATEST_JOB_BYTES // 10**6} MB.",
                "Use fewer photos, or save them smaller, as JPEG.",
            )
    return tuple(photos.values())


def _read_photo(path: Path, name: str) -> Photo:
    try:
        with path.open("rb") as file:
            content = file.read(GREATEST_PHOTO_BYTES + 1)
    except OSError as error:
        why = error.strerror or error
        hint = "Check that the file is still there, or remove it from the list."
        raise UnreadablePhoto(path.name, f"the file cannot be read ({why}).", hint) from error
    if len(content) > GREATEST_PHOTO_BYTES:
        sentence = f"the file is larger than {GREATEST_PHOTO_BYTES // 10**6} MB."
        raise UnreadablePhoto(path.name, sentence, "Save the photo smaller, as JPEG.")
    return Photo(name=name, data=np.frombuffer(content, np.uint8))


def _free_name(path: Path, taken: dict[str, Photo]) -> str:
    count, name = 1, path.name
    while name in taken:
        count += 1
        name = f"{path.stem} ({count}){path.suffix}"
    return name


def _load_zmq() -> Any:
    try:
        import zmq
    except ImportError as error:
        raise LinkError(f"ZeroMQ cannot be loaded: {error}.", REINSTALL) from error
    if not zmq.has("curve") or zmq.zmq_version_info() < LEAST_ZMQ:
        raise LinkError(
            f"Blender has loaded a ZeroMQ ({zmq.zmq_version()}) that is too old or cannot encrypt.",
            "Disable other extensions that bring ZeroMQ along, or update them.",
        )
    return zmq


def _connect(zmq: Any, context: Any, found: tuple[str, bytes], keys: tuple[bytes, bytes]) -> Any:
    dealer = context.socket(zmq.DEALER)
    dealer.curve_publickey, dealer.curve_secretkey = keys
    endpoint, dealer.curve_serverkey = found
    dealer.immediate = 1  # never queue for a backend that is not there
    dealer.linger = 0
    dealer.sndhwm = 8
    dealer.heartbeat_ivl = 2000
    dealer.heartbeat_timeout = 6000
    dealer.handshake_ivl = 3000
    dealer.maxmsgsize = wire.GREATEST_FRAME_BYTES + HEADROOM_BYTES
    dealer.connect(endpoint)
    return dealer


def _read_connection_file(path: Path) -> tuple[str, bytes]:
    content = json.loads(path.read_text("utf-8"))
    if content["protocol"] != PROTOCOL:
        raise _other_protocol(content["protocol"])
    return content["endpoint"], content["server_key"].encode("ascii")


def _other_protocol(theirs: object) -> LinkError:
    if isinstance(theirs, int) and theirs > PROTOCOL:
        return LinkError(
            "This extension is older than the backend.", "Update the Photo Avatar extension."
        )
    return LinkError(
        "The backend is older than this extension.",
        "Update Photo Avatar's backend, in the Python that the preferences name.",
    )


def _check_welcome(welcome: Welcome) -> None:
    if welcome.service != SERVICE:
        raise LinkError(
            f"The program that answered is not Photo Avatar's backend but {welcome.service!r}.",
            "Choose the Python that Photo Avatar's backend is installed in.",
        )
    if (welcome.joint_names, welcome.parents) != (JOINT_NAMES, PARENTS):
        raise LinkError(
            "The backend's skeleton is not the one that this extension knows.",
            "Update the extension and the backend to the same version.",
        )
