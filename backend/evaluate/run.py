"""`python -m backend evaluate`: all subjects of a benchmark, two at a time, each kept when done."""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import torch

from backend.body.anny55 import load_anny55
from backend.evaluate import fusion, pose, store, tables, weights
from backend.evaluate.photographs import PhotographSettings
from backend.evaluate.subject_files import Place, result_file
from backend.settings import for_quality
from backend.synthesis.scan import ScanSettings
from backend.synthesis.subjects import CASTINGS, QUICK, SUBJECTS
from shared.errors import BadInput

Benchmark = Literal["fusion", "weights", "pose"]
MODULES = {"fusion": fusion, "weights": weights, "pose": pose}
TABLES = {
    "fusion": tables.fusion_table,
    "weights": tables.weights_table,
    "pose": tables.pose_table,
}
SOURCES = {
    "fusion": store.PHOTO_PIPELINE_SOURCES,
    "weights": store.PIPELINE_SOURCES,
    "pose": store.PHOTO_PIPELINE_SOURCES,
}
MOST_WORKERS = 2
"""Fusing four scans holds up to 4 GB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What the user asks for."""

    benchmark: Benchmark
    makehuman: Path
    """Holds `system` and `community`."""
    cache: Path | None
    """None takes a folder in the user's cache."""
    subjects: tuple[str, ...]
    """Empty = all."""
    quick: bool
    """One fitted and one loose subject, fewer rows."""
    json: Path | None
    """Where the figures are written."""


def evaluate(task: Task, say: Callable[[str], None]) -> str:
    """Return the tables of a benchmark; writes the figures where the task says.

    Args:
        task: See there.
        say: Takes a line about the progress.

    Raises:
        BadInput: a name or a folder is wrong.
    """
    start = time.perf_counter()
    names = chosen(task)
    check_folders(task)
    rows = _rows(task, names, say)
    kinds = {name: CASTINGS[name].kind for name in names}
    found = MODULES[task.benchmark].summary(rows, kinds)
    found["seconds"] = time.perf_counter() - start
    if task.json is not None:
        task.json.write_text(json.dumps(found, indent=1) + "\n")
    return f"{TABLES[task.benchmark](found)}\n\n{found['seconds']:.0f} s"


def chosen(task: Task) -> tuple[str, ...]:
    """Return the names of the task's subjects.

    Raises:
        BadInput: there is no such subject.
    """
    for name in task.subjects:
        if name not in SUBJECTS:
            raise BadInput(f"There is no subject {name!r}.", f"Known are {', '.join(SUBJECTS)}.")
    return tuple(dict.fromkeys(task.subjects)) or (QUICK if task.quick else SUBJECTS)


def check_folders(task: Task) -> None:
    """Find mistakes before the work, not after.

    Raises:
        BadInput: the MakeHuman folder is missing, or the figures cannot be written.
    """
    if not (task.makehuman / "system").is_dir():
        raise BadInput(
            f"{task.makehuman} is not a folder of MakeHuman assets.",
            "Name one that holds system and community with --makehuman.",
        )
    if task.json is not None and not task.json.absolute().parent.is_dir():
        raise BadInput(
            f"{task.json} cannot be written: there is no such folder.", "Name another with --json."
        )


def _rows(
    task: Task, names: Sequence[str], say: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    """Return each subject's figures, in the order of the names."""
    workers = min(MOST_WORKERS, os.cpu_count() or 1, len(names))
    if workers == 1:
        return {name: _row(task, name) for name in names}
    found: dict[str, dict[str, Any]] = {}
    # Processes that fork from one with threads of PyTorch and Warp may hang.
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    try:
        futures: dict[Future[dict[str, Any]], str] = {
            pool.submit(_row, task, name): name for name in names
        }
        for future in as_completed(futures):
            found[futures[future]] = future.result()
            say(f"{len(found)} of {len(names)} subjects done")
    finally:
        pool.shutdown(cancel_futures=True)
    return {name: found[name] for name in names}


def _row(task: Task, name: str) -> dict[str, Any]:
    """Return one subject's figures, from the last run if nothing has changed since."""
    if (os.cpu_count() or 1) <= MOST_WORKERS:
        torch.set_num_threads(1)
    place = Place(
        body=load_anny55(),
        settings=for_quality("standard"),
        makehuman=task.makehuman,
        cache=task.cache or store.user_cache(),
        is_quick=task.quick,
        say=_to_stderr,
        scan=ScanSettings(),
        photographs=PhotographSettings(),
    )
    file = result_file(place, task.benchmark, name, *SOURCES[task.benchmark])

    def measure() -> dict[str, Any]:
        start, processor = time.perf_counter(), time.process_time()
        row = MODULES[task.benchmark].measure(place, name)
        spent = {"seconds": time.perf_counter() - start}
        return {**row, **spent, "processor_seconds": time.process_time() - processor}

    return store.kept(file, measure)


def _to_stderr(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
