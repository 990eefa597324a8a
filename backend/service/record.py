"""What `job.json` says of a job."""

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_origin

from shared.messages import STATES

VERSION = 1
"""Of `job.json`; a change of a field's meaning raises it."""
_GREATEST_FILE_BYTES = 1 << 20
_GREATEST_NAME_LENGTH = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One job, as it is written down."""

    job: str
    name: str
    """Of the avatar."""
    state: str
    """One of `STATES`."""
    created: float
    """Seconds since 1970."""
    quality: str
    photos: tuple[str, ...]
    """Their names."""
    owner: str
    """Boot of the process that took the job."""
    code: str = ""
    """Of the error that ended it; with it come `sentence` and `hint`."""
    sentence: str = ""
    hint: str = ""
    messages: tuple[str, ...] = ()
    """What the worker said of the photos."""


def record_text(record: Record) -> str:
    """Return the file's text; names are cut to what a list can show."""
    fields = dataclasses.asdict(record)
    fields["name"] = record.name[:_GREATEST_NAME_LENGTH]
    fields["photos"] = [name[:_GREATEST_NAME_LENGTH] for name in record.photos]
    return json.dumps({"version": VERSION, **fields}, indent=1) + "\n"


def read_record(path: Path) -> Record:
    """Return the job of a file.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is not a job of this version.
    """
    if path.stat().st_size > _GREATEST_FILE_BYTES:
        raise ValueError(f"{path.name} is too large")
    try:
        fields = json.loads(path.read_bytes())
    except RecursionError as error:
        raise ValueError(f"{path.name} is too deep") from error
    if not isinstance(fields, dict) or fields.pop("version", None) != VERSION:
        raise ValueError(f"{path.name} is not of version {VERSION}")
    kinds = {field.name: field.type for field in dataclasses.fields(Record)}
    if fields.keys() != kinds.keys():
        raise ValueError(f"{path.name} has other fields")
    record = Record(**{name: _value(fields[name], kind) for name, kind in kinds.items()})
    if record.state not in STATES or not math.isfinite(record.created):
        raise ValueError(f"{path.name}: state or time of creation")
    return record


def _value(value: Any, kind: Any) -> Any:
    if get_origin(kind) is tuple and isinstance(value, list):
        return tuple(_value(item, str) for item in value)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ValueError(f"{value!r} is not of type {kind}")
    return value
