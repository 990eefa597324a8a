import json
import random

import numpy as np
import pytest

from shared import PROTOCOL
from shared.messages import Cancel, Hello, Message, Pong, Progress, Result, Submit, Welcome
from shared.types import Avatar, Fit, Photo
from shared.wire import ELEMENT_TYPES, OtherProtocol, WireError, decode, encode

JOB = "0123456789abcdef" * 2


def submit(count: int = 2) -> Submit:
    photos = tuple(
        Photo(name=f"{number}.jpg", data=np.arange(50 + number, dtype=np.uint8))
        for number in range(count)
    )
    return Submit(job=JOB, name="Anna", photos=photos, height_m=None, quality="draft")


def frames_of(message: Message) -> list[bytes]:
    return [bytes(frame) for frame in encode(message)]


def changed(message: Message, **members: object) -> list[bytes]:
    """The message's frames with members of the header replaced."""
    frames = frames_of(message)
    return [json.dumps(json.loads(frames[0]) | members).encode(), *frames[1:]]


def test_scalars_come_back() -> None:
    assert decode(encode(Hello(client="Blender"))) == Hello(client="Blender")
    progress = Progress(job=JOB, stage="fuse", fraction=1)
    assert decode(encode(progress)) == progress


def test_nested_arrays_come_back() -> None:
    back = decode(frames_of(submit()))
    assert isinstance(back, Submit)
    assert [photo.name for photo in back.photos] == ["0.jpg", "1.jpg"]
    assert np.array_equal(back.photos[1].data, submit().photos[1].data)
    assert back.height_m is None


def test_result_comes_back(box_avatar: Avatar, box_fit: Fit) -> None:
    sent = Result(job=JOB, avatar=box_avatar, fit=box_fit, pictures=("a.jpg",))
    back = decode(frames_of(sent))
    assert isinstance(back, Result)
    assert np.array_equal(back.avatar.weights, box_avatar.weights)
    assert np.array_equal(back.fit.rotations, box_fit.rotations)


def test_arrays_are_not_copied() -> None:
    message = submit()
    assert np.shares_memory(np.frombuffer(encode(message)[1], np.uint8), message.photos[0].data)
    frames = frames_of(message)
    back = decode(frames)
    assert isinstance(back, Submit)
    assert np.shares_memory(back.photos[0].data, np.frombuffer(frames[1], np.uint8))


def test_other_protocol_is_told() -> None:
    with pytest.raises(OtherProtocol, match=f"protocol 99, this side {PROTOCOL}"):
        decode(changed(Hello(client="x"), protocol=99))


@pytest.mark.parametrize(
    "members",
    [
        {"kind": "Exception"},
        {"body": {}},
        {"body": {"client": 5}},
        {"body": {"client": "x", "more": 1}},
        {"body": None},
        {"arrays": [["|u1", [1]]]},
        {"arrays": None},
    ],
)
def test_malformed_header_is_refused(members: dict[str, object]) -> None:
    with pytest.raises(WireError):
        decode(changed(Hello(client="x"), **members))


@pytest.mark.parametrize(
    "declared",
    [["|O", [50]], ["<f8", [50]], ["|u1", [-1]], ["|u1", [49]], ["|u1", [True, 50]], ["|u1", 50]],
)
def test_wrong_array_is_refused(declared: list[object]) -> None:
    with pytest.raises(WireError):
        decode(changed(submit(1), arrays=[declared]))


@pytest.mark.parametrize("frames", [[], [b""], [b"[]"], [b"null"], [b"[" * 100_000], [b"\xff"]])
def test_rubbish_is_refused(frames: list[bytes]) -> None:
    with pytest.raises(WireError):
        decode(frames)


@pytest.mark.parametrize("height", [b"NaN", b"Infinity", b"1e999", b'"tall"', b"true"])
def test_a_height_is_a_finite_number(height: bytes) -> None:
    frames = frames_of(submit())
    frames[0] = frames[0].replace(b'"height_m": null', b'"height_m": ' + height)
    with pytest.raises(WireError):
        decode(frames)


def test_a_path_is_no_job() -> None:
    frames = [frames_of(Cancel(job=JOB))[0].replace(JOB.encode(), b"../../etc/passwd")]
    with pytest.raises(WireError):
        decode(frames)


def test_too_many_frames_are_refused() -> None:
    with pytest.raises(WireError, match="frames"):
        decode([*frames_of(Hello(client="x")), *[b""] * 200])


def test_other_element_types_are_not_sent() -> None:
    assert "<f8" not in ELEMENT_TYPES
    photo = Photo(name="x", data=np.zeros(3, np.uint8))
    object.__setattr__(photo, "data", np.zeros(3))
    with pytest.raises(WireError, match="float64"):
        encode(Submit(job=JOB, name="", photos=(photo,), height_m=1.7, quality="high"))


def mutated(frames: list[bytes], chance: random.Random) -> list[bytes]:
    """The frames with one frame lost, doubled, cut or changed in a few bytes."""
    place = chance.randrange(len(frames))
    way = chance.randrange(4)
    if way == 0:
        return frames[:place] + frames[place + 1 :]
    if way == 1:
        return [*frames[:place], frames[place], *frames[place:]]
    if way == 2:
        return [*frames[:place], frames[place][: -1 - chance.randrange(9)], *frames[place + 1 :]]
    data = bytearray(frames[place])
    for _ in range(chance.randrange(1, 4)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return [*frames[:place], bytes(data), *frames[place + 1 :]]


def test_mutated_frames_are_read_or_refused(box_avatar: Avatar, box_fit: Fit) -> None:
    chance = random.Random(0)  # noqa: S311 - repeatable is what is wanted
    result = Result(job=JOB, avatar=box_avatar, fit=box_fit, pictures=("a.jpg",))
    pong = Pong(worker="ready", device="cpu")
    welcome = Welcome(service="", version="", boot="", joint_names=(), parents=(-1, 0), jobs=())
    originals = [frames_of(message) for message in (submit(), result, pong, welcome)]
    refused = 0
    for _ in range(5000):
        try:
            decode(mutated(chance.choice(originals), chance))
        except WireError:
            refused += 1
    assert 1000 < refused < 5000
