"""The job folder: one folder for each job, described by its `job.json`.

A job's folder appears with a whole `job.json`, which is replaced in one step ever after; its
`result` appears in one step too. So a process may be killed at any time.
"""

import logging
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from backend.service.ownership import is_alive, remove_stale_locks
from backend.service.record import Record, read_record, record_text
from backend.service.results import settled
from shared.errors import AvatarError, JobFolderFailed, UnknownJob
from shared.messages import UNFINISHED, Submit

log = logging.getLogger(__name__)

_JOB_FOLDER = re.compile(r"[0-9a-f]{32}")
_RECORD = "job.json"
_LEFTOVERS = (".result-*.partial", f".{_RECORD}-*.partial")
"""What a killed process leaves in a job's folder."""


class JobStore:
    """Owns the jobs of this boot in a job folder that other processes may use too."""

    def __init__(self, folder: Path, boot: str) -> None:
        """Take the folder as it is; the caller holds the boot's lock.

        Raises:
            JobFolderFailed: if it cannot be written.
        """
        self._folder = folder.absolute()
        self._boot = boot
        with _failing_well():
            self._clean()

    def records(self) -> list[Record]:
        """Return all jobs, the newest first.

        Raises:
            JobFolderFailed: if the folder is gone.
        """
        with _failing_well():
            paths = list(self._folder.iterdir())
        found = [record for path in paths if (record := self._read(path))]
        return sorted(found, key=lambda record: (record.created, record.job), reverse=True)

    def find(self, job: str) -> Record:
        """Return a job.

        Raises:
            UnknownJob: if there is none.
        """
        record = self._read(self._folder / job)
        if record is None:
            raise UnknownJob
        return record

    def add(self, request: Submit) -> Record:
        """Write a new job down.

        Raises:
            JobFolderFailed: if it cannot be written.
        """
        record = Record(
            job=request.job,
            name=request.name,
            state="queued",
            created=time.time(),
            quality=request.quality,
            photos=tuple(photo.name for photo in request.photos),
            owner=self._boot,
        )
        partial = self._folder / f".new-{self._boot}-{secrets.token_hex(8)}.partial"
        with _failing_well():
            partial.mkdir()
            (partial / _RECORD).write_text(record_text(record))
            partial.rename(self._folder / record.job)
        return record

    def change(self, record: Record) -> None:
        """Write a job's new state down.

        Raises:
            JobFolderFailed: if it cannot be written.
        """
        path = self._folder / record.job / _RECORD
        partial = path.with_name(f".{_RECORD}-{secrets.token_hex(8)}.partial")
        with _failing_well():
            partial.write_text(record_text(record))
            partial.replace(path)

    def discard_leftovers(self, job: str) -> None:
        """Delete what a killed worker has left of a job; a finished job keeps its result."""
        folder = self._folder / job
        record = self._read(folder)
        if record is None:  # forgotten
            shutil.rmtree(folder, ignore_errors=True)
            return
        _remove_leftovers(folder)
        if record.state == "cancelled":  # its result may have come at the last moment
            shutil.rmtree(folder / "result", ignore_errors=True)

    def forget(self, job: str) -> None:
        """Delete a job; what a worker still holds open goes with `discard_leftovers`.

        Raises:
            JobFolderFailed: if it cannot be deleted.
        """
        with _failing_well():
            (self._folder / job / _RECORD).unlink()  # without it, the rest is no job any more
        shutil.rmtree(self._folder / job, ignore_errors=True)

    def folder_of(self, job: str) -> Path:
        """Return where a job's files are, or would be."""
        return self._folder / job

    def _clean(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.glob(".new-*.partial"):
            if not is_alive(self._folder, path.name.split("-")[1]):
                shutil.rmtree(path, ignore_errors=True)
        for path in self._folder.iterdir():
            if _is_job_folder(path):
                self._clean_job(path)
        remove_stale_locks(self._folder)

    def _clean_job(self, folder: Path) -> None:
        if not (folder / _RECORD).exists():  # it was being forgotten
            shutil.rmtree(folder, ignore_errors=True)
            return
        record = self._read(folder)
        if record is not None and record.state not in UNFINISHED:
            _remove_leftovers(folder)

    def _read(self, folder: Path) -> Record | None:
        """A folder's job; None if it is none, or not one that we understand."""
        if not _is_job_folder(folder):
            return None
        try:
            record = read_record(folder / _RECORD)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.warning("%s is left out: %s", folder, error)
            return None
        if record.job != folder.name:
            log.warning("%s is left out: it is a copy of another job", folder)
            return None
        if record.state in UNFINISHED and not self._is_at_work(record):
            record = settled(record, folder)
            with suppress(AvatarError):
                self.change(record)
        return record

    def _is_at_work(self, record: Record) -> bool:
        return record.owner == self._boot or is_alive(self._folder, record.owner)


def _is_job_folder(path: Path) -> bool:
    return _JOB_FOLDER.fullmatch(path.name) is not None and path.is_dir() and not path.is_symlink()


def _remove_leftovers(folder: Path) -> None:
    for pattern in _LEFTOVERS:
        for path in folder.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


@contextmanager
def _failing_well() -> Iterator[None]:
    """Turn what the operating system says into an error for people."""
    try:
        yield
    except OSError as error:
        raise JobFolderFailed(error.strerror or str(error)) from error
