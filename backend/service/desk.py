"""What is answered to each request, and what is made of the workers' words."""

import logging
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from backend.service.job_store import JobStore
from backend.service.lane import Lane, Outcome, name_of
from backend.service.record import Record
from backend.service.results import (
    append_to_log,
    has_result,
    job_info,
    load_result,
    log_path,
    settled,
)
from backend.service.settings import ServerSettings
from backend.service.worker_process import WorkerEvent, WorkerProcess
from shared.errors import (
    AvatarError,
    BadMessage,
    Interrupted,
    JobCancelled,
    JobElsewhere,
    NoResult,
    QueueFull,
    TooManyPhotosWait,
    UnknownJob,
    UnreadableByCrash,
)
from shared.messages import (
    SERVICE,
    UNFINISHED,
    Accepted,
    BadPhoto,
    Cancel,
    Failed,
    Fetch,
    Finished,
    Forget,
    Hello,
    Jobs,
    ListJobs,
    MakeThumbnail,
    Message,
    Ping,
    Pong,
    Submit,
    Welcome,
)
from shared.skeleton import JOINT_NAMES, PARENTS
from shared.wire import GREATEST_HEADER_BYTES, encode

log = logging.getLogger(__name__)

_GREATEST_LISTING_BYTES = GREATEST_HEADER_BYTES - (1 << 16)
"""The rest is for what else a message says."""


class Desk:
    """Owns the jobs, their queue and their workers."""

    def __init__(
        self,
        folder: Path,
        boot: str,
        settings: ServerSettings,
        start_worker: Callable[[str], WorkerProcess],
    ) -> None:
        """Take over what earlier processes left.

        Raises:
            JobFolderFailed: if the job folder cannot be written.
        """
        self._boot = boot
        self._settings = settings
        self._store = JobStore(folder, boot)
        self._jobs = Lane(lambda: start_worker("jobs"), settings.jobs_lane)
        self._pictures = Lane(lambda: start_worker("pictures"), settings.pictures_lane)

    def answer(self, request: Message) -> list[Message]:
        """Return the answers to a request.

        Raises:
            AvatarError: if it cannot be served.
        """
        match request:
            case Hello():
                return [self._greet()]
            case Ping():
                return [Pong(worker=self._jobs.state, device=self._jobs.device)]
            case MakeThumbnail():
                return self._make_thumbnail(request)
            case Submit() | Cancel() | Forget():
                return self._serve_job(request)
            case ListJobs() | Fetch():
                return [self._look_up(request)]
        raise BadMessage(f"{type(request).__name__} is not for the backend")

    def take(self, event: WorkerEvent) -> list[Message]:
        """Return what the extension is to know of a worker's word or end."""
        lanes = (self._jobs, self._pictures)
        return [news for lane in lanes for it in lane.take(event) for news in self._news(it)]

    def watch(self) -> list[Message]:
        """Look at the clocks; return what the extension is to know."""
        lanes = (self._jobs, self._pictures)
        return [news for lane in lanes for it in lane.watch() for news in self._news(it)]

    def close(self) -> None:
        """End the workers; jobs that are not done are interrupted."""
        jobs = [name_of(task) for task in self._jobs.tasks]
        for lane in (self._jobs, self._pictures):
            lane.close(self._settings.end_timeout_s)
        for job in jobs:
            self._note(job, lambda record: settled(record, self._store.folder_of(record.job)))
            self._store.discard_leftovers(job)

    def _greet(self) -> Welcome:
        try:
            self._jobs.warm()  # so that the first job need not wait for imports
        except AvatarError:
            log.exception("the worker cannot be started")
        return Welcome(
            service=SERVICE,
            version=version("photo-avatar"),
            boot=self._boot,
            joint_names=JOINT_NAMES,
            parents=PARENTS,
            jobs=self._listing().jobs,
        )

    def _listing(self) -> Jobs:
        """All jobs, or as many of the newest as one message holds."""
        jobs = tuple(
            job_info(record, self._store.folder_of(record.job)) for record in self._store.records()
        )
        while len(encode(Jobs(jobs=jobs))[0]) > _GREATEST_LISTING_BYTES:
            jobs = jobs[: len(jobs) * 3 // 4]
        return Jobs(jobs=jobs)

    def _make_thumbnail(self, request: MakeThumbnail) -> list[Message]:
        waiting = [task.photo for task in self._pictures.tasks if isinstance(task, MakeThumbnail)]
        total = request.photo.data.nbytes + sum(photo.data.nbytes for photo in waiting)
        try:
            if total > self._settings.greatest_waiting_bytes:
                raise TooManyPhotosWait
            self._pictures.add(request)
        except AvatarError as error:
            return [BadPhoto(key=request.key, sentence=error.sentence, hint=error.hint)]
        return []

    def _serve_job(self, request: Submit | Cancel | Forget) -> list[Message]:
        if isinstance(request, Submit):
            return [self._submit(request)]
        record = self._store.find(request.job)
        if record.state in UNFINISHED and record.owner != self._boot:
            raise JobElsewhere
        if isinstance(request, Cancel):
            return [self._cancel(record)]
        self._jobs.withdraw(record.job)
        self._store.forget(record.job)
        return [self._listing()]

    def _submit(self, request: Submit) -> Message:
        try:
            return self._standing(self._store.find(request.job))
        except UnknownJob:
            pass  # a new one
        self._check_room(request)
        record = self._store.add(request)
        try:
            self._jobs.add(request)
        except AvatarError as error:
            return self._fail(failure(record.job, error))
        return self._standing(record)

    def _check_room(self, request: Submit) -> None:
        tasks = self._jobs.tasks
        waiting = [task for task in (*tasks, request) if isinstance(task, Submit)]
        total = sum(photo.data.nbytes for task in waiting for photo in task.photos)
        is_full = len(tasks) >= self._settings.greatest_job_count
        if is_full or total > self._settings.greatest_queue_bytes:
            raise QueueFull(len(tasks))

    def _cancel(self, record: Record) -> Message:
        if record.state not in UNFINISHED:  # it has ended while the request was under way
            return self._standing(record)
        self._jobs.withdraw(record.job)
        return self._fail(failure(record.job, JobCancelled()), state="cancelled")

    def _standing(self, record: Record) -> Accepted | Finished | Failed:
        """What the extension is told of a job that it asks for again."""
        if record.state == "finished":
            return Finished(job=record.job, messages=record.messages)
        if record.state not in UNFINISHED:
            return Failed(
                job=record.job,
                code=record.code,
                sentence=record.sentence,
                hint=record.hint,
                log=log_path(self._store.folder_of(record.job)),
            )
        if record.owner != self._boot:
            raise JobElsewhere
        names = [name_of(task) for task in self._jobs.tasks]
        if record.job not in names:  # its end could not be written down
            return self._fail(failure(record.job, Interrupted()), state="interrupted")
        return Accepted(job=record.job, position=max(0, names.index(record.job) - 1))

    def _look_up(self, request: ListJobs | Fetch) -> Message:
        if isinstance(request, ListJobs):
            return self._listing()
        if self._store.find(request.job).state != "finished":
            raise NoResult
        return load_result(request.job, self._store.folder_of(request.job))

    def _news(self, outcome: Outcome) -> list[Message]:
        if isinstance(outcome.task, Submit):
            return self._job_news(outcome.task.job, outcome)
        if isinstance(outcome.answer, AvatarError):
            error = UnreadableByCrash()
            key = outcome.task.key
            return [BadPhoto(key=key, sentence=error.sentence, hint=error.hint)]
        return [] if outcome.answer is None else [outcome.answer]

    def _job_news(self, job: str, outcome: Outcome) -> list[Message]:
        answer = outcome.answer
        if answer is None:
            self._store.discard_leftovers(job)
            return []
        if isinstance(answer, AvatarError):
            return [self._broken_off(job, answer, outcome.last_words)]
        if isinstance(answer, Failed):
            return [self._fail(answer)]
        if isinstance(answer, Finished):
            return [self._finish(answer)]
        self._note(job, lambda record: replace(record, state="running"))
        return [answer]

    def _broken_off(self, job: str, error: AvatarError, last_words: str) -> Finished | Failed:
        """The worker has ended in the middle of a job, or just after its result came."""
        folder = self._store.folder_of(job)
        if has_result(folder):
            return self._finish(Finished(job=job, messages=()))
        if last_words:
            append_to_log(folder, last_words)
        return self._fail(failure(job, error))

    def _finish(self, finished: Finished) -> Finished:
        self._note(
            finished.job,
            lambda record: replace(record, state="finished", messages=finished.messages),
        )
        return finished

    def _fail(self, failed: Failed, *, state: str = "failed") -> Failed:
        self._note(
            failed.job,
            lambda record: replace(
                record,
                state=state,
                code=failed.code,
                sentence=failed.sentence,
                hint=failed.hint,
            ),
        )
        return replace(failed, log=failed.log or log_path(self._store.folder_of(failed.job)))

    def _note(self, job: str, change: Callable[[Record], Record]) -> None:
        """Write down what became of a job; the job itself goes on if that fails."""
        try:
            record = self._store.find(job)
            if change(record) != record:
                self._store.change(change(record))
        except AvatarError:
            log.exception("job %s is not written down", job)


def failure(job: str, error: AvatarError) -> Failed:
    """Return what is said of a job that ended by an error."""
    return Failed(job=job, code=error.code, sentence=error.sentence, hint=error.hint, log="")
