"""What lies in one job's folder: its result, its log, and what they say of the job."""

import logging
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from backend.service.record import Record
from shared.avatar_file import load_avatar, load_fit
from shared.errors import Interrupted, NoResult
from shared.messages import JobInfo, Result

log = logging.getLogger(__name__)


def has_result(folder: Path) -> bool:
    """Return whether a job's result is there; it is whole then."""
    return (folder / "result" / "avatar.npz").is_file()


def load_result(job: str, folder: Path) -> Result:
    """Return what a job gave.

    Raises:
        BadFile: if the result's files are broken.
        NoResult: if there is none, or its parts do not belong together.
    """
    if not has_result(folder):
        raise NoResult
    avatar = load_avatar(folder / "result" / "avatar.npz")
    fit = load_fit(folder / "result" / "fit.npz")
    pictures = sorted((folder / "result").glob("photo_*.jpg"), key=_number)
    try:
        return Result(job=job, avatar=avatar, fit=fit, pictures=tuple(map(str, pictures)))
    except ValueError as error:
        log.warning("job %s: %s", job, error)
        raise NoResult from error


def log_path(folder: Path) -> str:
    """Return where a job's log is; empty if there is none."""
    path = folder / "log.txt"
    return str(path) if path.is_file() else ""


def job_info(record: Record, folder: Path) -> JobInfo:
    """Return what the extension is told of a job."""
    return JobInfo(
        job=record.job,
        name=record.name,
        state=record.state,
        created=record.created,
        quality=record.quality,
        photos=record.photos,
        sentence=record.sentence,
        hint=record.hint,
        log=log_path(folder),
    )


def append_to_log(folder: Path, text: str) -> None:
    """Add to a job's log what its worker wrote last; a full disk costs no more than that."""
    with suppress(OSError), (folder / "log.txt").open("a", encoding="utf-8") as file:
        file.write(text)


def settled(record: Record, folder: Path) -> Record:
    """Return how a job ended that was under way when its owner did."""
    if has_result(folder):
        return replace(record, state="finished")
    error = Interrupted()
    return replace(
        record,
        state="interrupted",
        code=error.code,
        sentence=error.sentence,
        hint=error.hint,
    )


def _number(path: Path) -> int:
    digits = path.stem.removeprefix("photo_")
    return int(digits) if digits.isdecimal() else 0
