"""Which backend process a job belongs to: a file that its owner holds locked while it lives.

The operating system lets go of the lock however the process ends.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shared.errors import JobFolderFailed

_PATTERN = "boot-*.lock"


@contextmanager
def ownership(folder: Path, boot: str) -> Iterator[None]:
    """Hold a boot's lock inside the block.

    Raises:
        JobFolderFailed: if the file cannot be made.
    """
    path = _lock_path(folder, boot)
    try:
        descriptor = _locked_file(path)
    except OSError as error:
        raise JobFolderFailed(f"{path}: {error.strerror}") from error
    try:
        yield
    finally:
        os.close(descriptor)
        with suppress(OSError):
            path.unlink()


def is_alive(folder: Path, boot: str) -> bool:
    """Return whether the process of this boot runs."""
    return _is_locked(_lock_path(folder, boot))


def remove_stale_locks(folder: Path) -> None:
    """Delete the lock files of processes that have been killed."""
    for path in folder.glob(_PATTERN):
        if not _is_locked(path):
            with suppress(OSError):
                path.unlink()


def _lock_path(folder: Path, boot: str) -> Path:
    return folder / f"boot-{boot}.lock"


def _locked_file(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        # another process may have deleted the new file as stale before it was locked
        if (
            _lock(descriptor)
            and path.exists()
            and path.stat().st_ino == os.fstat(descriptor).st_ino
        ):
            return descriptor
        os.close(descriptor)


def _is_locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        return not _lock(descriptor)
    finally:
        os.close(descriptor)


def _lock_of_this_system() -> Callable[[int], None]:
    if sys.platform == "win32":
        import msvcrt

        return lambda descriptor: msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    import fcntl

    return lambda descriptor: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_try_to_lock = _lock_of_this_system()


def _lock(descriptor: int) -> bool:
    """Lock an open file unless another one has; whether that was possible."""
    try:
        _try_to_lock(descriptor)
    except OSError:
        return False
    return True
