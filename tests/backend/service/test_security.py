"""Who is let in, and what is made of what they send."""

import random
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zmq
from service_client import submission

from shared.messages import (
    Cancel,
    Fetch,
    Hello,
    ListJobs,
    MakeThumbnail,
    Ping,
    Pong,
    Progress,
    Welcome,
)
from shared.skeleton import JOINT_NAMES
from shared.types import Photo
from shared.wire import encode

SLEEPER = ("sh", "-c", "exec sleep 100")
"""A worker that says nothing, and starts at once."""
RAW_FRAMES = b"\x01\x00" + b"\x06\x00hello" * 50
"""What ZMTP/1.0 sends: no greeting, no handshake."""
POST = (
    b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nContent-Length: 65\r\n\r\n"
    b'\x01\x00\x3e\x00{"protocol": 1, "kind": "Hello", "body": {"client": ""}, "arrays": []}'
)


@pytest.fixture
def running(start: Callable[..., Any]) -> Any:
    return start(SLEEPER)


@pytest.fixture
def stranger() -> Iterator[zmq.Socket[bytes]]:
    context = zmq.Context()
    yield context.socket(zmq.DEALER)
    context.destroy(linger=0)


def failure_of_handshake(peer: zmq.Socket[bytes], endpoint: str) -> int:
    """Connect, send Hello; return the event by which libzmq tells that the peer is turned away."""
    failures = zmq.Event.HANDSHAKE_FAILED_PROTOCOL | zmq.Event.HANDSHAKE_FAILED_AUTH
    failures |= zmq.Event.HANDSHAKE_FAILED_NO_DETAIL | zmq.Event.DISCONNECTED
    monitor = peer.get_monitor_socket(failures)
    peer.connect(endpoint)
    peer.send_multipart(encode(Hello(client="stranger")))
    assert monitor.poll(10_000)
    event = int.from_bytes(monitor.recv_multipart()[0][:2], "little")
    peer.disable_monitor()
    monitor.close()
    return event


def assert_only_friends_were_heard(running: Any, before: int) -> None:
    assert isinstance(running.client.ask(Ping()), Pong)
    assert running.server.heard == before + 1


def test_peer_without_keys_is_not_heard(running: Any, stranger: Any) -> None:
    before = running.server.heard
    assert failure_of_handshake(stranger, running.connection["endpoint"])
    assert_only_friends_were_heard(running, before)


def test_peer_with_another_key_is_not_heard(running: Any, stranger: Any) -> None:
    before = running.server.heard
    stranger.curve_publickey, stranger.curve_secretkey = zmq.curve_keypair()
    stranger.curve_serverkey = running.connection["server_key"].encode()
    event = failure_of_handshake(stranger, running.connection["endpoint"])
    assert event == zmq.Event.HANDSHAKE_FAILED_AUTH
    assert_only_friends_were_heard(running, before)


def test_peer_that_expects_another_server_is_not_heard(running: Any, stranger: Any) -> None:
    before = running.server.heard
    stranger.curve_publickey, stranger.curve_secretkey = running.keys
    stranger.curve_serverkey = zmq.curve_keypair()[0]
    assert failure_of_handshake(stranger, running.connection["endpoint"])
    assert_only_friends_were_heard(running, before)


@pytest.mark.parametrize("sent", [RAW_FRAMES, POST, POST * 500], ids=["raw", "post", "posts"])
def test_peer_without_handshake_is_not_heard(running: Any, sent: bytes) -> None:
    before = running.server.heard
    port = int(running.connection["endpoint"].rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
        try:
            peer.sendall(sent)
            while peer.recv(4096):
                pass
        except ConnectionError:
            pass  # it hung up on us
    assert_only_friends_were_heard(running, before)


def test_welcome_comes_with_our_joints(running: Any) -> None:
    welcome = running.client.greet()
    assert (welcome.service, welcome.joint_names) == ("photo-avatar", JOINT_NAMES)
    assert welcome.boot == running.connection["boot"]


@pytest.mark.parametrize("request_", [Ping(), ListJobs(), submission()])
def test_nothing_is_answered_before_hello(running: Any, request_: Any) -> None:
    assert running.connect().ask(request_).code == "hello_first"


def test_client_that_comes_again_takes_the_place(running: Any) -> None:
    second = running.connect()
    assert isinstance(second.greet(), Welcome)
    assert isinstance(second.ask(Ping()), Pong)
    assert running.client.ask(Ping()).code == "hello_first"


def test_peer_of_another_version_is_told_ours(running: Any) -> None:
    frame = bytes(encode(Ping())[0]).replace(b'"protocol": 1', b'"protocol": 77')
    running.client.socket.send(frame)
    answer = running.client.receive()
    assert (answer.code, "77" in answer.sentence) == ("other_version", True)


@pytest.mark.parametrize(
    "frames",
    [
        [b""],
        [b"{}"],
        [b"[" * 100_000],
        [b"\xff\xfe"],
        [b"x" * (2 << 20)],
        [b"{}"] * 500,
        [b'{"protocol": 1, "kind": "Hello", "body": {"client": 1}, "arrays": []}'],
    ],
    ids=["empty", "no header", "deep", "no text", "long header", "many frames", "wrong type"],
)
def test_bad_message_is_refused_and_the_connection_stays(running: Any, frames: Any) -> None:
    running.client.socket.send_multipart(frames)
    assert running.client.receive().code == "bad_message"
    assert isinstance(running.client.ask(Ping()), Pong)


def test_message_of_a_worker_is_refused(running: Any) -> None:
    answer = running.client.ask(Pong(worker="", device=""))
    assert answer.code == "bad_message"


def test_photo_larger_than_may_be_is_refused(running: Any) -> None:
    frames = encode(submission())
    header = bytes(frames[0]).replace(b"[9]", b"[65000000]")
    running.client.socket.send_multipart([header, bytes(65_000_000)], copy=False)
    assert running.client.receive().code == "bad_message"


def mutated(frames: list[bytes], chance: random.Random) -> list[bytes]:
    """Change, cut, double or drop something."""
    frames = list(frames)
    at = chance.randrange(len(frames))
    frame = bytearray(frames[at])
    for _ in range(chance.randrange(1, 4)):
        place = chance.randrange(len(frame)) if frame else 0
        match chance.randrange(5):
            case 0:
                frame[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                del frame[place : place + chance.randrange(1, 20)]
            case 2:
                frame[place:place] = chance.choice([b"null", b"-1", b"1e999", b"{", b'"', b"[]"])
            case 3:
                frames.insert(at, bytes(frame))
            case _:
                frame += frame[:place]
    frames[at] = bytes(frame)
    return frames[chance.randrange(2) if chance.random() < 0.1 else 0 :]


def test_five_thousand_mutated_messages_neither_crash_nor_hang(running: Any) -> None:
    chance = random.Random(1)  # noqa: S311
    photo = submission().photos[0]
    sound = [
        encode(message)
        for message in (
            submission(1),
            submission(2),
            MakeThumbnail(key="k", photo=Photo(name="b", data=photo.data), size_px=64),
            Cancel(job=submission(1).job),
            Fetch(job=submission(1).job),
            ListJobs(),
            Progress(job=submission(1).job, stage="fuse", fraction=0.5),
        )
    ]
    for _ in range(5000):
        frames = mutated([bytes(frame) for frame in chance.choice(sound)], chance) or [b""]
        running.client.socket.send_multipart(frames)
        while running.client.socket.poll(0):
            running.client.receive()
    running.client.send(Ping())
    running.client.until(Pong)
    assert running.server.heard > 5000


def test_client_may_bring_its_identity_again(running: Any) -> None:
    for _ in range(2):  # the first connection is still there when the second comes
        assert isinstance(running.connect(b"blender").greet(), Welcome)


@pytest.mark.slow
def test_peer_that_says_nothing_is_dropped(running: Any) -> None:
    port = int(running.connection["endpoint"].rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
        while peer.recv(4096):  # libzmq's own greeting comes first
            pass
