"""`avatar.npz` and `fit.npz`: NumPy archives without pickled objects.

Each holds the fields of its type under their names, and `version`.
"""

import dataclasses
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import BadFile
from .types import Avatar, Fit

VERSION = 1
"""Of both files; a change of a field's meaning raises it."""
_BROKEN = (ValueError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What NumPy and zipfile raise for bytes that are no archive, or one with pickled objects."""
_HINT = "Make it again with `python -m backend run`."


def save_avatar(path: Path, avatar: Avatar) -> None:
    """Write an avatar; the same avatar gives the same bytes."""
    _save(path, avatar)


def save_fit(path: Path, fit: Fit) -> None:
    """Write a fit; the same fit gives the same bytes."""
    _save(path, fit)


def load_avatar(path: Path) -> Avatar:
    """Return the avatar of a file.

    Raises:
        BadFile: if the file is not an avatar of this version, or one that contradicts itself.
    """
    return _load(path, Avatar)


def load_fit(path: Path) -> Fit:
    """Return the fit of a file.

    Raises:
        BadFile: if the file is not a fit of this version, or one that contradicts itself.
    """
    return _load(path, Fit)


def _save(path: Path, value: Avatar | Fit) -> None:
    entries: dict[str, Any] = {"version": np.array(VERSION)}
    for field in dataclasses.fields(value):
        entries[field.name] = np.asarray(getattr(value, field.name))
    with path.open("wb") as file:
        np.savez_compressed(file, **entries)


def _load(path: Path, kind: Any) -> Any:
    entries = _read_entries(path)
    if not np.array_equal(entries.pop("version", np.array(0)), VERSION):
        raise BadFile(f"{path.name} is not of file version {VERSION}.", _HINT)
    fields = {field.name: field.type for field in dataclasses.fields(kind)}
    missing = sorted(set(fields) - set(entries))
    if missing:
        raise BadFile(f"{path.name} lacks {', '.join(missing)}.", _HINT)
    try:
        return kind(**{name: _plain(entries[name], fields[name]) for name in fields})
    except ValueError as error:
        raise BadFile(f"{path.name} contradicts itself: {error}.", _HINT) from error


def _read_entries(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return dict(archive)
    except OSError as error:
        raise BadFile(f"{path.name} cannot be read: {error.strerror or error}.", _HINT) from error
    except _BROKEN as why:
        raise BadFile(f"{path.name} is not a whole NumPy archive.", _HINT) from why


def _plain(array: NDArray[Any], kind: Any) -> Any:
    if kind is str:
        return str(array)
    if kind is float:
        return float(array)
    if kind == tuple[str, ...]:
        return tuple(str(item) for item in array.reshape(-1))
    return array
