"""Files that appear whole or not at all."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..shared.errors import BadInput


@contextmanager
def written_whole(path: Path, suffix: str) -> Iterator[Path]:
    """Give an empty file in the same folder to write to; it takes the place of `path` at the end.

    Args:
        path: An older file stays as it is if the body raises.
        suffix: Of the file to write to; exporters append theirs if it is missing.

    Raises:
        BadInput: The folder or the older file cannot be written.
    """
    part = _empty_file(path, suffix)
    try:
        yield part
        _replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def run_exporter(exporter: Callable[..., set[str]], **options: Any) -> None:
    """Run one of Blender's exporters.

    Raises:
        BadInput: The exporter failed; Blender's console has its own words.
    """
    try:
        done = exporter(**options)
    except RuntimeError as error:  # how operators fail, whatever the reason
        raise _failed(str(error)) from error
    if done != {"FINISHED"}:
        raise _failed(f"It ended as {', '.join(sorted(done))}.")


def _failed(reason: str) -> BadInput:
    last = reason.strip().splitlines()[-1]
    return BadInput(
        f"Blender's exporter failed: {last}",
        "See Window > Toggle System Console or the terminal for details; no file was changed.",
    )


def _empty_file(path: Path, suffix: str) -> Path:
    if path.is_dir():
        raise BadInput(f"{path} is a folder.", "Choose a file name.")
    if not path.parent.is_dir():
        raise BadInput(f"The folder {path.parent} does not exist.", "Choose another folder.")
    try:
        handle, name = tempfile.mkstemp(suffix, f".{path.stem}-", path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    os.close(handle)
    return Path(name)


def _replace(part: Path, path: Path) -> None:
    try:
        part.chmod(_mode_of_new_files())  # mkstemp's are the owner's alone
        part.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error


def _mode_of_new_files() -> int:
    mask = os.umask(0)  # can only be read by setting it
    os.umask(mask)
    return 0o666 & ~mask


def _unwritable(path: Path, error: OSError) -> BadInput:
    reason = error.strerror or "unknown reason"
    return BadInput(
        f"{path} cannot be written: {reason}.",
        "Choose another folder, or close the program that has the file open.",
    )
