"""How far a job is and how long each stage took."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from backend.report import Report

Item = TypeVar("Item")

SHARES = {
    "read_photos": 0.03,
    "landmarks": 0.12,
    "segment": 0.05,
    "fit_body": 0.30,
    "predict_maps": 0.20,
    "reconstruct": 0.03,
    "canonicalize": 0.02,
    "fuse": 0.20,
    "texture": 0.02,
    "rig": 0.01,
    "measure": 0.02,
}
"""Stages in order, and their share of a usual job's time (four photos on two CPU cores)."""


class Stopwatch:
    """Owns the times of a job's stages and tells a listener how far they are."""

    def __init__(self, report: Report) -> None:
        self.seconds: dict[str, float] = {}
        self._report = report

    @contextmanager
    def stage(self, name: str) -> Iterator[Report]:
        """Time a stage; gives the function that the stage tells its progress to."""
        self._report(name, 0.0)
        start = time.perf_counter()
        try:
            yield self._report
        finally:
            spent = time.perf_counter() - start
            self.seconds[name] = self.seconds.get(name, 0.0) + spent
        self._report(name, 1.0)

    def each(self, name: str, items: Sequence[Item]) -> Iterator[Item]:
        """Give the items one by one, timing what is done with each as one stage."""
        with self.stage(name) as report:
            for done, item in enumerate(items):
                report(name, done / len(items))
                yield item


def overall(stage: str, fraction: float) -> float:
    """Return the share of the whole job that is done, 0 to 1."""
    if stage not in SHARES:
        return 1.0
    before = list(SHARES)[: list(SHARES).index(stage)]
    return sum(SHARES[name] for name in before) + SHARES[stage] * fraction
