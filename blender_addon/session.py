"""What the user interface knows of the backend and asks of it; all of it on the main thread."""

import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from .connection import TIMING, Connection
from .job import UNDER_WAY, JobState, Phase, advance, cancel, fail
from .link.events import (
    Answering,
    Broken,
    Event,
    Garbled,
    Request,
    Silent,
    SubmitFiles,
    ThumbnailOf,
    Timing,
)
from .process import BackendProcess, Launch
from .shared.messages import (
    UNFINISHED,
    Accepted,
    BadPhoto,
    Cancel,
    Failed,
    Fetch,
    Finished,
    Forget,
    JobInfo,
    Jobs,
    ListJobs,
    Pong,
    Progress,
    Refused,
    Result,
    Thumbnail,
    Welcome,
)

__all__ = ["Launch", "Problem", "Session", "Status"]

THUMBNAIL_SIZE_PX = 256
LEAST_CLOSE_S = 0.02
"""For the link's thread; it may be reading a photo from a slow disk."""
LEAST_PAUSE_S = 5.0
"""Between two starts of a backend that fails: no storm of processes."""
RETRY = "Press Generate again; finished avatars are kept."


class Status(StrEnum):
    """Of the backend."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    BUSY = "busy"
    """Ready, and the job submitted last is under way."""
    FAILED = "failed"
    """It has ended by itself or could not be started: `Session.problem` says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that a person should know."""

    sentence: str
    hint: str
    log: str
    """Path of the log that says more; empty if there is none."""


class Session:
    """Owns the backend and the link to it; every method is for the main thread and does not block.

    Attributes:
        device: What the backend computes on; empty as long as that is not known.
        problem: Of the backend itself.
        jobs: All that the job folder holds, the newest first.
        job: That was submitted last.
        thumbnails: By absolute path; what is not there has not come yet.
        results: Fetched and not yet taken, by job.
    """

    def __init__(self, timing: Timing = TIMING) -> None:
        self.device = ""
        self.problem: Problem | None = None
        self.jobs: tuple[JobInfo, ...] = ()
        self.job: JobState | None = None
        self.thumbnails: dict[str, Thumbnail | BadPhoto] = {}
        self.results: dict[str, Result] = {}
        self._timing = timing
        self._base = Status.STOPPED  # never BUSY
        self._process: BackendProcess | None = None
        self._connection: Connection | None = None
        self._events: deque[Event] = deque()
        self._submission: SubmitFiles | None = None  # of self.job
        self._wanted: dict[str, int] = {}  # path: time of change of each thumbnail asked for
        self._last_start: tuple[Launch, float] | None = None
        self._handlers: dict[type, Callable[[Any], None]] = {
            Welcome: self._welcomed,
            Jobs: self._listed,
            Pong: self._ponged,
            Accepted: self._moved,
            Progress: self._moved,
            Finished: self._finished,
            Failed: self._failed,
            Refused: self._refused,
            Silent: self._silenced,
            Answering: self._answered,
            Garbled: self._garbled,
            Broken: self._broken,
        }

    @property
    def status(self) -> Status:
        """How the backend is."""
        is_busy = self._base is Status.READY and self._is_under_way()
        return Status.BUSY if is_busy else self._base

    def start(self, launch: Launch) -> None:
        """Start the backend unless it runs; how that goes is seen in `status` and `problem`."""
        if self._base in (Status.STARTING, Status.READY):
            return
        now = time.monotonic()
        delay_s = 0.0
        if self._last_start is not None and self._last_start[0] == launch:
            delay_s = max(0.0, self._last_start[1] + LEAST_PAUSE_S - now)
        self._last_start = (launch, now + delay_s)
        self._base, self.problem = Status.STARTING, None
        self._process = BackendProcess(launch)
        self._connection = Connection(
            self._process.start, launch.client, delay_s=delay_s, timing=self._timing
        )

    def stop(self, timeout_s: float = 3.0) -> None:
        """End the backend; the only method that blocks, at most a little longer than told."""
        self._give_up_job("The backend was stopped before the avatar was finished.", RETRY)
        self._disconnect(timeout_s)
        self._base, self.problem, self._last_start = Status.STOPPED, None, None
        self.device, self.jobs = "", ()

    def submit(
        self, photos: Sequence[Path], *, name: str, height_m: float | None, quality: str
    ) -> str:
        """Ask for an avatar and return the job's id; waits for the backend if need be."""
        submission = SubmitFiles(
            job=uuid.uuid4().hex,
            name=name,
            paths=tuple(path.absolute() for path in photos),
            height_m=height_m,
            quality=quality,
        )
        self.job = JobState(job=submission.job, name=name, started=time.monotonic())
        self._submission = submission
        if self._base is Status.READY:
            self._send(submission)
        return submission.job

    def cancel(self) -> None:
        """Give the session's job up."""
        if self.job is not None and self.job.phase in UNDER_WAY:
            if self._base is Status.READY:  # else it was never sent
                self._send(Cancel(job=self.job.job))
            self.job = cancel(self.job, time.monotonic())
            self._submission = None

    def request_thumbnail(self, path: Path) -> None:
        """Ask for a photo's thumbnail; asked again only if the file has changed."""
        path = path.absolute()
        key = str(path)
        try:
            changed = path.stat().st_mtime_ns
        except OSError:
            changed = 0  # the link's thread says what is wrong with it
        if self._wanted.get(key) == changed:
            return
        self._wanted[key] = changed
        self.thumbnails.pop(key, None)
        if self._base is Status.READY:
            self._send(ThumbnailOf(path=path, size_px=THUMBNAIL_SIZE_PX))

    def fetch(self, job: str) -> None:
        """Ask for a finished job's result; it comes into `results`."""
        self._send(Fetch(job=job))

    def forget(self, job: str) -> None:
        """Delete a job and its result from the disk."""
        self.results.pop(job, None)
        if self.job is not None and self.job.job == job:
            self.cancel()
        self._send(Forget(job=job))

    def refresh(self) -> None:
        """Ask for the list of jobs."""
        self._send(ListJobs())

    def take_result(self, job: str) -> Result | None:
        """Return a fetched result, once."""
        return self.results.pop(job, None)

    def dismiss(self) -> None:
        """Forget the problem, and the session's job if it has ended."""
        self.problem = None
        if not self._is_under_way():
            self.job = None
        if self._base is Status.FAILED:
            self._base = Status.STOPPED

    def pump(self, budget_s: float = 0.02) -> bool:
        """Apply what has come, for no longer than this; return whether anything visible changed."""
        before = self._seen()
        deadline = time.perf_counter() + budget_s
        if self._connection is not None:
            self._events.extend(self._connection.receive())
        has_changed = False
        while self._events and time.perf_counter() < deadline:
            has_changed |= self._apply(self._events.popleft())
        if not self._events:  # what the backend said last comes before its end
            self._check_process()
        return has_changed or self._seen() != before

    def _seen(self) -> tuple[Any, ...]:
        return self._base, self.device, self.problem, self.jobs, self.job

    def _is_under_way(self) -> bool:
        return self.job is not None and self.job.phase in UNDER_WAY

    def _send(self, request: Request) -> None:
        if self._connection is not None:
            self._connection.send(request)

    def _apply(self, event: Event) -> bool:
        """Whether anything that `_seen` does not show has changed."""
        if isinstance(event, Thumbnail | BadPhoto):
            self.thumbnails[event.key] = event
            return True
        if isinstance(event, Result):
            self.results[event.job] = event
            return True
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)
        return False

    def _welcomed(self, welcome: Welcome) -> None:
        """The link is up, or up again: ask once more for what may have been lost with it."""
        self._base, self.problem = Status.READY, None
        self._listed(welcome)
        if self._submission is not None and all(
            info.job != self._submission.job for info in welcome.jobs
        ):
            self._send(self._submission)  # a job that comes twice is one job
        for key in self._wanted.keys() - self.thumbnails.keys():
            self._send(ThumbnailOf(path=Path(key), size_px=THUMBNAIL_SIZE_PX))

    def _listed(self, message: Jobs | Welcome) -> None:
        self.jobs = message.jobs
        for info in message.jobs:
            if self.job is None or info.job != self.job.job:
                continue
            if self.job.phase is Phase.CANCELLED and info.state in UNFINISHED:
                self._send(Cancel(job=info.job))
            self._moved(info)

    def _ponged(self, pong: Pong) -> None:
        self.device = pong.device

    def _moved(self, message: Accepted | Progress | Finished | Failed | Refused | JobInfo) -> None:
        if self.job is None or message.job != self.job.job:
            return
        before = self.job.phase
        self.job = advance(self.job, message, time.monotonic())
        if self.job.phase is not Phase.SENDING:
            self._submission = None
        if self.job.phase is Phase.FINISHED is not before:
            self.fetch(self.job.job)

    def _finished(self, message: Finished) -> None:
        self._moved(message)
        self.refresh()

    def _failed(self, message: Failed) -> None:
        self._moved(message)
        self.refresh()

    def _refused(self, message: Refused) -> None:
        is_own = self.job is not None and message.job == self.job.job
        if is_own and self.job is not None and self.job.phase in UNDER_WAY:
            self._moved(message)
        elif not (is_own and self.job is not None and self.job.phase is Phase.CANCELLED):
            self.problem = Problem(sentence=message.sentence, hint=message.hint, log="")

    def _silenced(self, _: Silent) -> None:
        self.problem = Problem(
            sentence="The backend does not answer.",
            hint="The computer may be very busy: wait, or stop the backend and start it again.",
            log=self._log(),
        )

    def _answered(self, _: Answering) -> None:
        self.problem = None

    def _garbled(self, event: Garbled) -> None:
        self.problem = Problem(sentence=event.sentence, hint=event.hint, log=self._log())

    def _broken(self, event: Broken) -> None:
        self._fail(event.sentence, event.hint)

    def _check_process(self) -> None:
        ended = None if self._process is None else self._process.poll()
        if ended is not None:
            self._fail(ended.sentence, ended.hint)

    def _fail(self, sentence: str, hint: str) -> None:
        self.problem = Problem(sentence=sentence, hint=hint, log=self._log())
        if self._base is Status.STARTING:
            self._give_up_job(sentence, hint)
        else:
            self._give_up_job("The backend stopped unexpectedly.", RETRY)
        self._base = Status.FAILED
        self._disconnect(0.0)

    def _log(self) -> str:
        if self._process is None or self._process.log is None:
            return ""
        return str(self._process.log)

    def _give_up_job(self, sentence: str, hint: str) -> None:
        self._submission = None
        if self.job is not None and self.job.phase in UNDER_WAY:
            words = {"sentence": sentence, "hint": hint, "log": self._log()}
            self.job = fail(self.job, time.monotonic(), **words)

    def _disconnect(self, timeout_s: float) -> None:
        """End link and process; what has come and was not applied is forgotten."""
        deadline = time.monotonic() + timeout_s
        if self._connection is not None:
            self._connection.close(max(timeout_s, LEAST_CLOSE_S))
        if self._process is not None:
            self._process.stop(max(0.0, deadline - time.monotonic()))
        self._connection, self._process = None, None
        self._events.clear()
