"""One worker and the tasks that wait for it, one at a time, first come first served."""

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from backend.service.settings import LaneSettings
from backend.service.worker_process import Ended, Said, WorkerEvent, WorkerProcess
from shared.errors import AvatarError, WorkerCrashed, WorkerHung
from shared.messages import (
    BadPhoto,
    Beat,
    Failed,
    Finished,
    MakeThumbnail,
    Message,
    Progress,
    Ready,
    Submit,
    Thumbnail,
)

log = logging.getLogger(__name__)

Task = Submit | MakeThumbnail
_LAST_WORDS = (Finished, Failed, Thumbnail, BadPhoto)
"""After which a task is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Something that became of a task."""

    task: Task
    answer: Progress | Finished | Failed | Thumbnail | BadPhoto | AvatarError | None
    """None: the worker that this task has cost is gone."""
    last_words: str = ""
    """If the answer is an error: what the worker wrote into its log."""


def name_of(task: Task | Message) -> str:
    """Return what tells a task, or a word on it, from others of its lane; empty if of none."""
    if isinstance(task, MakeThumbnail | Thumbnail | BadPhoto):
        return task.key
    return task.job if isinstance(task, Submit | Progress | Finished | Failed) else ""


class Lane:
    """Owns a worker, which is started when there is something to do."""

    def __init__(self, start: Callable[[], WorkerProcess], settings: LaneSettings) -> None:
        self.device = ""
        """What the worker computes on, once it has said so."""
        self._start = start
        self._settings = settings
        self._tasks: deque[Task] = deque()
        self._current: Task | None = None
        self._worker: WorkerProcess | None = None
        self._dying: dict[WorkerProcess, Task | None] = {}
        self._is_ready = False
        self._heard = self._advanced = 0.0
        self._has_begun = False
        """Whether the worker has said a word on the current task."""
        self._given_again = ""

    @property
    def state(self) -> str:
        """As in `Pong`."""
        if self._worker is None:
            return "asleep"
        if not self._is_ready:
            return "starting"
        return "busy" if self._current else "ready"

    @property
    def tasks(self) -> tuple[Task, ...]:
        """All that are not done; the first is at work."""
        return (*([self._current] if self._current else []), *self._tasks)

    def warm(self) -> None:
        """Start the worker, so that it is there when it is needed.

        Raises:
            JobFolderFailed: if it cannot be started.
        """
        if self._worker is None:
            self._worker = self._start()
            self._is_ready = False
            self._heard = self._advanced = time.monotonic()

    def add(self, task: Task) -> None:
        """Queue a task, or begin it.

        Raises:
            JobFolderFailed: if the worker cannot be started; the task is not queued then.
        """
        self.warm()
        self._tasks.append(task)
        self._go_on()  # the worker is there: nothing can fail

    def withdraw(self, name: str) -> bool:
        """Take a task back; whether the worker was killed for it, which an `Outcome` follows."""
        if self._current is not None and name_of(self._current) == name:
            self._kill()
            return True
        self._tasks = deque(task for task in self._tasks if name_of(task) != name)
        return False

    def take(self, event: WorkerEvent) -> list[Outcome]:
        """Return what became of tasks by a worker's word or end."""
        if event.worker in self._dying:
            return self._bury(event) if isinstance(event, Ended) else []
        if event.worker is not self._worker:
            return []
        outcomes = self._fail(event) if isinstance(event, Ended) else self._hear(event)
        return [*outcomes, *self._go_on()]

    def watch(self) -> list[Outcome]:
        """Look at the clock; return what became of tasks."""
        now = time.monotonic()
        silent_s, stalled_s = now - self._heard, now - self._advanced
        outcomes: list[Outcome] = []
        if self._worker is not None and self._is_hung(silent_s, stalled_s):
            outcomes = self._hang(self._worker, max(silent_s, stalled_s))
        elif self._worker and not self._current and stalled_s > self._settings.idle_timeout_s:
            log.info("worker %d is idle", self._worker.pid)
            self._kill()
        return [*outcomes, *self._go_on()]

    def close(self, timeout_s: float) -> None:
        """Kill all workers and wait for their ends, but not for ever."""
        self._tasks.clear()
        if self._worker is not None:
            self._kill()
        deadline = time.monotonic() + timeout_s
        for worker in self._dying:
            if not worker.wait(max(0.0, deadline - time.monotonic())):
                log.warning("worker %d does not end", worker.pid)

    def _go_on(self) -> list[Outcome]:
        """Begin the next task; what cannot be begun fails."""
        if self._current is not None or not self._tasks:
            return []
        try:
            self.warm()
        except AvatarError as error:
            return self._fail_all(error)
        if self._worker is not None:
            self._current, self._has_begun = self._tasks.popleft(), False
            self._advanced = time.monotonic()
            self._worker.send(self._current)
        return []

    def _hear(self, said: Said) -> list[Outcome]:
        message = said.message
        self._heard = time.monotonic()
        if isinstance(message, Ready):
            self._is_ready, self.device = True, message.device
            self._advanced = self._heard
            return []
        if isinstance(message, Beat):
            return []
        if self._current is None or name_of(message) != name_of(self._current):
            log.warning("worker %d: %s without a task", said.worker.pid, type(message).__name__)
            return []
        return self._answer(self._current, message)

    def _answer(self, task: Task, message: Message) -> list[Outcome]:
        self._advanced, self._has_begun = self._heard, True
        if isinstance(message, _LAST_WORDS):
            self._current = None
            return [Outcome(task=task, answer=message)]
        return [Outcome(task=task, answer=message)] if isinstance(message, Progress) else []

    def _is_hung(self, silent_s: float, stalled_s: float) -> bool:
        settings = self._settings
        if not self._is_ready:
            return stalled_s > settings.start_timeout_s
        is_stalled = self._current is not None and stalled_s > settings.stall_timeout_s
        return is_stalled or silent_s > settings.silence_timeout_s

    def _hang(self, worker: WorkerProcess, silent_s: float) -> list[Outcome]:
        task = self._current
        log.warning("worker %d hung for %.0f s", worker.pid, silent_s)
        self._kill()
        if task is None:
            return []
        error = WorkerHung(silent_s)
        return [Outcome(task=task, answer=error, last_words=worker.last_words())]

    def _fail(self, ended: Ended) -> list[Outcome]:
        """The worker has ended without being told to."""
        task, self._current, self._worker = self._current, None, None
        if task is not None and self._may_be_given_again(task):
            log.info("worker %d had ended before its task reached it", ended.worker.pid)
            self._tasks.appendleft(task)
            return []
        error, last_words = WorkerCrashed(ended.how), ended.worker.last_words()
        # one that could not even start would fail at every other task, too
        others = [] if self._is_ready else self._fail_all(error)
        if task is None:
            return others
        failed = Outcome(task=task, answer=error, last_words=last_words)
        return [failed, Outcome(task=task, answer=None), *others]

    def _may_be_given_again(self, task: Task) -> bool:
        """Whether the worker may have died of something else while it was idle; true once."""
        may = self._is_ready and not self._has_begun and self._given_again != name_of(task)
        self._given_again = name_of(task)
        return may

    def _fail_all(self, error: AvatarError) -> list[Outcome]:
        outcomes = [Outcome(task=task, answer=error) for task in self._tasks]
        self._tasks.clear()
        return outcomes

    def _kill(self) -> None:
        if self._worker is not None:
            self._worker.kill()
            self._dying[self._worker] = self._current
        self._worker = self._current = None

    def _bury(self, ended: Ended) -> list[Outcome]:
        task = self._dying.pop(ended.worker)
        return [Outcome(task=task, answer=None)] if task else []
