"""The supervisor: owns the jobs and their workers, and answers the extension. No PyTorch here."""

import contextlib
import logging
import os
import secrets
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from backend.service.desk import Desk
from backend.service.inbox import Inbox
from backend.service.keys import Connection, connection_file, read_client_key
from backend.service.link import Link
from backend.service.ownership import ownership
from backend.service.settings import ServerSettings
from backend.service.worker_process import WorkerEvent, WorkerProcess
from shared import PROTOCOL
from shared.errors import AvatarError, BadMessage, HelloFirst, OtherVersion, TooLarge
from shared.messages import Hello, Message, Refused
from shared.wire import OtherProtocol, WireError, decode

log = logging.getLogger(__name__)

SETTINGS = ServerSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """What the command line says."""

    jobs: Path
    """The job folder."""
    connection_file: Path
    device: str | None
    """None takes CUDA if there is any."""
    body: Path | None
    """The user's own SMPL-X model; None takes Anny-55."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """What is put into the inbox to end the loop."""

    why: str


def serve(options: ServeOptions, settings: ServerSettings = SETTINGS) -> None:
    """Serve the extension at the other end of the standard input until that is closed.

    Raises:
        JobFolderFailed: if the job folder or the connection file cannot be written.
        NoClientKey: if the standard input does not begin with a key.
    """
    stdin = 0
    os.umask(0o077)  # photos are nobody else's business
    client_key = read_client_key(stdin)
    server = Server(options, client_key, settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: server.end(f"signal {number}"))
    threading.Thread(target=_watch, args=(stdin, server.end), daemon=True).start()
    server.run()


def _watch(stdin: int, end: Callable[[str], None]) -> None:
    """End the server when the extension's process is gone, however that came."""
    with contextlib.suppress(OSError):
        while os.read(stdin, 4096):
            pass
    end("the extension is gone")


class Server:
    """Owns the loop, and everything that it serves while `run` runs."""

    def __init__(self, options: ServeOptions, client_key: str, settings: ServerSettings) -> None:
        self._options = options
        self._client_key = client_key
        self._settings = settings
        self._inbox: Inbox[WorkerEvent | End] = Inbox()
        self._boot = secrets.token_hex(8)
        self._client: bytes | None = None
        """Who said Hello last."""
        self.heard = 0
        """Messages that reached us, good or not."""

    def end(self, why: str) -> None:
        """Let `run` return soon; from any thread or signal handler."""
        self._inbox.put(End(why=why))

    def run(self) -> None:
        """Serve until `end`; then end the workers.

        Raises:
            JobFolderFailed: if the job folder or the connection file cannot be written.
        """
        options = self._options
        options.jobs.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            stack.callback(self._inbox.close)
            link = Link(self._client_key, self._inbox)
            stack.callback(link.close)
            stack.enter_context(ownership(options.jobs, self._boot))
            desk = Desk(options.jobs, self._boot, self._settings, self._start_worker)
            stack.callback(desk.close)
            connection = Connection(
                endpoint=link.endpoint,
                server_key=link.server_key,
                boot=self._boot,
                pid=os.getpid(),
            )
            stack.enter_context(connection_file(options.connection_file, connection))
            log.info("boot %s serves %s at %s", self._boot, options.jobs, link.endpoint)
            self._loop(link, desk)
        log.info("ended after %d messages", self.heard)

    def _loop(self, link: Link, desk: Desk) -> None:
        while True:
            for sender, frames in link.receive(self._settings.watch_interval_s):
                self.heard += 1
                for answer in self._answers(sender, frames, desk):
                    _send(link, sender, answer)
            for event in self._inbox.take():
                if isinstance(event, End):
                    log.info("ends: %s", event.why)
                    return
                self._tell(link, desk.take(event))
            self._tell(link, desk.watch())

    def _answers(self, sender: bytes, frames: list[memoryview], desk: Desk) -> list[Message]:
        try:
            request = decode(frames)
        except OtherProtocol as error:
            return [refusal(OtherVersion(error.theirs, PROTOCOL))]
        except WireError as error:
            log.warning("%.200s", error)  # it may quote the message
            return [refusal(BadMessage("it is malformed"))]
        try:
            if isinstance(request, Hello):
                log.info("hello from %r", request.client)
                self._client = sender
            elif sender != self._client:
                raise HelloFirst
            return desk.answer(request)
        except AvatarError as error:
            return [refusal(error, getattr(request, "job", ""))]

    def _tell(self, link: Link, news: list[Message]) -> None:
        if self._client is not None:
            for message in news:
                _send(link, self._client, message)

    def _start_worker(self, lane: str) -> WorkerProcess:
        options, settings = self._options, self._settings
        extra = {"--device": options.device, "--body": options.body}
        return WorkerProcess(
            [
                *settings.worker_command,
                *("--lane", lane, "--jobs", str(options.jobs.absolute())),
                *(word for name, value in extra.items() if value for word in (name, str(value))),
            ],
            options.jobs / f"worker-{lane}.log",
            self._inbox.put,
            greatest_log_bytes=settings.greatest_log_bytes,
        )


def _send(link: Link, receiver: bytes, message: Message) -> None:
    try:
        link.send(receiver, message)
    except WireError as error:  # a result of millions of vertices
        log.warning("%s not sent: %s", type(message).__name__, error)
        link.send(receiver, refusal(TooLarge(), getattr(message, "job", "")))


def refusal(error: AvatarError, job: str = "") -> Refused:
    """Return what is answered to a request that cannot be served."""
    return Refused(job=job, code=error.code, sentence=error.sentence, hint=error.hint)
