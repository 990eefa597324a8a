"""Messages between the supervisor and its workers, over pipes.

A message is its number of frames (u32), then each frame's number of bytes (u64) and its bytes; all
numbers little-endian.
"""

import struct
from typing import BinaryIO

from shared.messages import Message
from shared.wire import (
    GREATEST_FRAME_BYTES,
    GREATEST_FRAME_COUNT,
    GREATEST_HEADER_BYTES,
    WireError,
    decode,
    encode,
)

_FRAME_COUNT = struct.Struct("<I")
_FRAME_BYTES = struct.Struct("<Q")


def write_message(file: BinaryIO, message: Message) -> None:
    """Write a message and flush it; arrays are written from where they lie.

    Not for two threads at once: their messages would be mixed.

    Raises:
        OSError: if the other side has closed the pipe.
        WireError: if the message cannot be sent.
    """
    frames = encode(message)
    _write_all(file, _FRAME_COUNT.pack(len(frames)))
    for frame in frames:
        _write_all(file, _FRAME_BYTES.pack(len(frame)))
        _write_all(file, frame)
    file.flush()


def read_message(file: BinaryIO) -> Message | None:
    """Wait for the next message; None if the other side has closed the pipe after the last one.

    The message's arrays are views of what was read.

    Raises:
        WireError: if what comes is not a message, or ends within one.
    """
    start = _read_up_to(file, _FRAME_COUNT.size)
    if not start:
        return None
    (frame_count,) = _FRAME_COUNT.unpack(_whole(start, _FRAME_COUNT.size))
    if not 0 < frame_count <= GREATEST_FRAME_COUNT:
        raise WireError(f"{frame_count} frames")
    limits = [GREATEST_HEADER_BYTES, *[GREATEST_FRAME_BYTES] * (frame_count - 1)]
    return decode([_read_frame(file, limit) for limit in limits])


def _write_all(file: BinaryIO, frame: bytes | memoryview) -> None:
    rest = memoryview(frame)
    while rest:  # an unbuffered file may take a part only
        rest = rest[file.write(rest) :]


def _read_frame(file: BinaryIO, greatest_bytes: int) -> bytes:
    (size,) = _FRAME_BYTES.unpack(_read_exactly(file, _FRAME_BYTES.size))
    if size > greatest_bytes:  # before any memory is taken for it
        raise WireError(f"a frame of {size} bytes")
    return _read_exactly(file, size)


def _read_exactly(file: BinaryIO, size: int) -> bytes:
    return _whole(_read_up_to(file, size), size)


def _read_up_to(file: BinaryIO, size: int) -> bytes:
    """Fewer bytes than asked for only at the end of the file."""
    first = file.read(size)
    if len(first) in {0, size}:  # a buffered file gives all at once: no copy
        return first
    parts, missing = [first], size - len(first)
    while missing and (part := file.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _whole(read: bytes, size: int) -> bytes:
    if len(read) < size:
        raise WireError("a message is cut off")
    return read
