from typing import Any, cast

import numpy as np

from backend.service.lane import Lane, Outcome
from backend.service.settings import LaneSettings
from backend.service.worker_process import Ended, Said
from shared.errors import WorkerCrashed
from shared.messages import Progress, Ready, Submit
from shared.types import Photo

PHOTO = Photo(name="a.jpg", data=np.ones(3, np.uint8))
JOB = Submit(job="a" * 32, name="Anna", photos=(PHOTO,), height_m=None, quality="draft")


class PretendedWorker:
    """Remembers what it was given."""

    pid = 1

    def __init__(self) -> None:
        self.given: list[Any] = []
        self.send = self.given.append

    def last_words(self) -> str:
        return ""


class Workers:
    """All that a lane has started."""

    def __init__(self) -> None:
        self.all: list[Any] = []

    def start(self) -> Any:
        self.all.append(PretendedWorker())
        return self.all[-1]


def ready_lane() -> tuple[Lane, Workers]:
    workers = Workers()
    lane = Lane(cast(Any, workers.start), LaneSettings())
    lane.warm()
    lane.take(said(workers, Ready(device="cpu")))
    return lane, workers


def said(workers: Workers, message: Any) -> Said:
    return Said(worker=workers.all[-1], message=message)


def ended(workers: Workers) -> Ended:
    return Ended(worker=workers.all[-1], how="it was killed")


def crashes(outcomes: list[Outcome]) -> list[bool]:
    return [isinstance(outcome.answer, WorkerCrashed) for outcome in outcomes if outcome.answer]


def test_task_for_a_worker_that_was_dead_already_goes_to_the_next() -> None:
    lane, workers = ready_lane()
    lane.add(JOB)  # the end of the worker has not been heard of yet
    assert lane.take(ended(workers)) == []
    assert [worker.given for worker in workers.all] == [[JOB], [JOB]]


def test_task_that_kills_its_second_worker_too_fails() -> None:
    lane, workers = ready_lane()
    lane.add(JOB)
    lane.take(ended(workers))
    lane.take(said(workers, Ready(device="cpu")))
    assert crashes(lane.take(ended(workers))) == [True]
    assert len(workers.all) == 2


def test_task_that_had_begun_is_not_given_again() -> None:
    lane, workers = ready_lane()
    lane.add(JOB)
    lane.take(said(workers, Progress(job=JOB.job, stage="fuse", fraction=0.5)))
    assert crashes(lane.take(ended(workers))) == [True]
    assert len(workers.all) == 1
