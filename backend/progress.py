"""How far a job is and how long each stage took."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from backend.report import Report

Item = TypeVar("Item")

SHARES = {
    "read_photos": 0.01,
    "landmarks": 0.05,
    "segment": 0.04,
    "fit_body": 0.08,
    "align": 0.18,
    "predict_maps": 0.06,
    "reconstruct": 0.005,
    "register": 0.04,
    "canonicalize": 0.005,
    "fuse": 0.23,
    "weigh": 0.02,
    "refine": 0.21,
    "texture": 0.03,
    "rig": 0.005,
    "measure": 0.005,
    "write": 0.03,
}
"""Stages in order, and their share of a job's time: between that of one photo as a draft (fusion
0.4 to 0.5) and that of four photos as standard (fusion 0.7), on two CPU cores."""


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
    before = list(SHARES)[: list(SHARES).index(stage)]
    return min(sum(SHARES[name] for name in before) + SHARES[stage] * fraction, 1.0)
