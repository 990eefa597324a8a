"""Messages as frames: one JSON header, then one raw buffer for each array.

Only the dataclasses in `messages` can be sent, and bytes only ever become those: no pickle. What
comes in is taken apart against the declared types; sizes and counts have limits.
"""

import dataclasses
import json
import math
import types
from collections.abc import Sequence
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from . import PROTOCOL
from .messages import GREATEST_PHOTO_COUNT, Message

KINDS: dict[str, type[Message]] = {kind.__name__: kind for kind in get_args(Message)}
ELEMENT_TYPES = ("|u1", "<i4", "<f4")
"""That an array may have: bytes, indices and measures, little-endian."""
GREATEST_HEADER_BYTES = 1 << 20
GREATEST_FRAME_BYTES = 1 << 28
"""Of one array: weights of 1.2 million vertices."""
GREATEST_FRAME_COUNT = GREATEST_PHOTO_COUNT + 1


class WireError(ValueError):
    """Frames that are not a message."""


class OtherProtocol(WireError):
    """A peer of another version."""

    def __init__(self, theirs: object) -> None:
        super().__init__(f"peer speaks protocol {theirs}, this side {PROTOCOL}")
        self.theirs = theirs


def encode(message: Message) -> list[bytes | memoryview]:
    """Return a message's frames; those of arrays are views of them where memory allows.

    Raises:
        WireError: if an array is larger, or of another element type, than may be sent.
    """
    arrays: list[NDArray[Any]] = []
    body = _to_json(message, arrays)
    for array in arrays:
        if array.dtype.str not in ELEMENT_TYPES or array.nbytes > GREATEST_FRAME_BYTES:
            raise WireError(f"cannot send an array of {array.dtype} {array.shape}")
    header = {
        "protocol": PROTOCOL,
        "kind": type(message).__name__,
        "body": body,
        "arrays": [(array.dtype.str, array.shape) for array in arrays],
    }
    return [json.dumps(header).encode(), *(_buffer(array) for array in arrays)]


def decode(frames: Sequence[bytes | memoryview]) -> Message:
    """Turn frames back into a message; its arrays are read-only views of the frames.

    Raises:
        OtherProtocol: if the peer is of another version.
        WireError: if the frames are malformed.
    """
    try:
        header = json.loads(bytes(_checked_sizes(frames)[0]), parse_constant=_no_constant)
        if header["protocol"] != PROTOCOL:
            raise OtherProtocol(header["protocol"])
        arrays = [
            _array(frame, *declared)
            for declared, frame in zip(header["arrays"], frames[1:], strict=True)
        ]
        message = _from_json(header["body"], KINDS[header["kind"]], arrays)
    except WireError:
        raise
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise WireError(f"not a message: {error}") from error
    if arrays:
        raise WireError("not a message: arrays are left over")
    return message


def _buffer(array: NDArray[Any]) -> memoryview:
    return np.ascontiguousarray(array).data.cast("B") if array.size else memoryview(b"")


def _checked_sizes(frames: Sequence[bytes | memoryview]) -> Sequence[bytes | memoryview]:
    sizes = [len(frame) for frame in frames]
    if not 0 < len(sizes) <= GREATEST_FRAME_COUNT:
        raise WireError(f"{len(sizes)} frames")
    if sizes[0] > GREATEST_HEADER_BYTES or max(sizes) > GREATEST_FRAME_BYTES:
        raise WireError("a frame is too large")
    return frames


def _no_constant(name: str) -> None:
    raise WireError(f"{name} in the header")


def _array(frame: bytes | memoryview, dtype: object, shape: object) -> NDArray[Any]:
    if dtype not in ELEMENT_TYPES:
        raise WireError(f"element type {dtype!r}")
    if not isinstance(shape, list) or not all(_is_size(size) for size in shape):
        raise WireError(f"shape {shape!r}")
    if math.prod(shape) * np.dtype(str(dtype)).itemsize != len(frame):
        raise WireError(f"a frame of {len(frame)} bytes cannot be {dtype} {shape}")
    return np.frombuffer(frame, str(dtype)).reshape(shape)


def _is_size(value: object) -> bool:
    return type(value) is int and value >= 0


def _to_json(value: Any, arrays: list[NDArray[Any]]) -> Any:
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return None
    if dataclasses.is_dataclass(value):
        return {f.name: _to_json(getattr(value, f.name), arrays) for f in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_to_json(item, arrays) for item in value]
    return value


def _from_json(value: Any, kind: Any, arrays: list[NDArray[Any]]) -> Any:
    """The value of a declared type; arrays are taken from the list in order."""
    origin = get_origin(kind)
    # from NumPy 2.5 NDArray is a type alias, no longer the array type itself
    origin = get_origin(getattr(origin, "__value__", None)) or origin
    if origin is types.UnionType:  # X | None is the only union in a message
        return None if value is None else _from_json(value, get_args(kind)[0], arrays)
    if origin is np.ndarray:
        return arrays.pop(0)
    if origin is tuple:
        if not isinstance(value, list):
            raise WireError(f"{value!r} is not a list")
        return tuple(_from_json(item, get_args(kind)[0], arrays) for item in value)
    if dataclasses.is_dataclass(kind):
        return _dataclass(value, kind, arrays)
    return _scalar(value, kind)


def _dataclass(value: Any, kind: Any, arrays: list[NDArray[Any]]) -> Any:
    hints = get_type_hints(kind)
    if value.keys() != hints.keys():
        raise WireError(f"{kind.__name__} has other fields")
    return kind(**{name: _from_json(value[name], hint, arrays) for name, hint in hints.items()})


def _scalar(value: Any, kind: type) -> Any:
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind or (kind is float and not math.isfinite(value)):
        raise WireError(f"{value!r} is not of type {kind.__name__}")
    return value
