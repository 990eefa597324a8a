import os
import struct
import tempfile
import threading
from typing import BinaryIO, cast

import numpy as np
import pytest

from backend.service.pipe import read_message, write_message
from shared.messages import Beat, MakeThumbnail, Message, Ready, Thumbnail
from shared.types import Photo
from shared.wire import GREATEST_FRAME_COUNT, GREATEST_HEADER_BYTES, WireError


def file_of(data: bytes) -> BinaryIO:
    file = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 (caller's)
    file.write(data)
    file.seek(0)
    return file


def written(*messages: Message) -> bytes:
    with file_of(b"") as file:
        for message in messages:
            write_message(file, message)
        file.seek(0)
        return file.read()


def read(data: bytes) -> Message | None:
    with file_of(data) as file:
        return read_message(file)


def test_messages_come_back_in_order_and_then_the_end() -> None:
    with file_of(written(Ready(device="a lamp"), Beat())) as file:
        assert read_message(file) == Ready(device="a lamp")
        assert read_message(file) == Beat()
        assert read_message(file) is None


def test_layout_is_the_count_and_then_size_and_bytes_of_each_frame() -> None:
    data = written(Beat())

    assert data[:4] == struct.pack("<I", 1)
    assert data[4:12] == struct.pack("<Q", len(data) - 12)
    assert data[12:13] == b"{"


def test_arrays_come_back() -> None:
    pixels = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)

    back = read(written(Thumbnail(key="k", pixels=pixels)))

    assert isinstance(back, Thumbnail)
    np.testing.assert_array_equal(back.pixels, pixels)


def test_an_empty_array_comes_back() -> None:
    photo = Photo(name="empty", data=np.zeros(0, np.uint8))

    back = read(written(MakeThumbnail(key="k", photo=photo, size_px=8)))

    assert isinstance(back, MakeThumbnail)
    assert back.photo.data.size == 0


@pytest.mark.parametrize("buffering", [-1, 0])
def test_a_photo_larger_than_the_pipe_goes_through(buffering: int) -> None:
    receiver, sender = os.pipe()
    photo = Photo(name="large", data=np.arange(3_000_000, dtype=np.int64).astype(np.uint8))
    message = MakeThumbnail(key="k", photo=photo, size_px=8)
    with os.fdopen(receiver, "rb", buffering) as source, os.fdopen(sender, "wb", buffering) as sink:
        writer = threading.Thread(target=write_message, args=(sink, message))
        writer.start()
        back = read_message(cast(BinaryIO, source))
        writer.join()

    assert isinstance(back, MakeThumbnail)
    np.testing.assert_array_equal(back.photo.data, photo.data)


@pytest.mark.parametrize("kept", [1, 3, 4, 11, 12, -1])
def test_a_message_that_is_cut_off_is_an_error(kept: int) -> None:
    with pytest.raises(WireError, match="cut off"):
        read(written(Ready(device="x"))[:kept])


@pytest.mark.parametrize("count", [0, GREATEST_FRAME_COUNT + 1])
def test_too_few_and_too_many_frames_are_an_error(count: int) -> None:
    with pytest.raises(WireError, match="frames"):
        read(struct.pack("<I", count))


def test_a_frame_beyond_the_limit_is_refused_before_it_is_read() -> None:
    start = struct.pack("<IQ", 1, GREATEST_HEADER_BYTES + 1)

    with pytest.raises(WireError, match=str(GREATEST_HEADER_BYTES + 1)):
        read(start)


def test_bytes_that_are_no_message_are_an_error() -> None:
    with pytest.raises(WireError):
        read(struct.pack("<IQ", 1, 5) + b"hello")
