"""The link's thread: what it costs the main thread, and that it ends."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from blender_addon.connection import Connection
from blender_addon.link.events import Broken
from blender_addon.process import Launch
from blender_addon.session import Session, Status
from blender_addon.shared.messages import Ping

Until = Callable[..., None]
MakeLaunch = Callable[[str], Launch]


@pytest.fixture
def longest_pause() -> Callable[[Callable[[], bool]], float]:
    """longest_pause(is_done) gives the longest time, s, that this thread was held up meanwhile."""

    def measure(is_done: Callable[[], bool]) -> float:
        deadline = time.monotonic() + 20
        longest, last = 0.0, time.perf_counter()
        while not is_done():
            assert time.monotonic() < deadline
            time.sleep(0.0005)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
        return longest

    return measure


def thread_names() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


def test_closing_ends_the_thread_that_waits_for_the_file(tmp_path: Path) -> None:
    connection = Connection(lambda _: tmp_path / "never", "test")
    connection.close(20.0)
    assert "Photo Avatar link" not in thread_names()


def test_closing_does_not_wait_for_a_thread_that_is_held_up(tmp_path: Path) -> None:
    release = threading.Event()

    def open_backend(_: str) -> Path:
        release.wait(20)
        return tmp_path / "never"

    connection = Connection(open_backend, "test")
    start = time.perf_counter()
    connection.close(0.02)
    assert time.perf_counter() - start < 0.25
    release.set()
    connection._thread.join(20)


def test_a_closed_link_says_so_last(tmp_path: Path) -> None:
    connection = Connection(lambda _: tmp_path / "never", "test")
    connection.close(20.0)
    assert isinstance(connection.receive()[-1], Broken)


def test_sending_after_the_end_is_harmless(tmp_path: Path) -> None:
    connection = Connection(lambda _: tmp_path / "never", "test")
    connection.close(20.0)
    connection.send(Ping())
    connection.close(20.0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_of_our_own_on_the_thread_is_reported() -> None:
    def open_backend(_: str) -> Path:
        raise ZeroDivisionError

    connection = Connection(open_backend, "test")
    connection._thread.join(20)
    (end,) = connection.receive()
    assert isinstance(end, Broken)
    assert end.sentence == "The link to the backend ended unexpectedly."
    connection.close(20.0)


def test_48_mb_of_photos_do_not_hold_the_main_thread_up(
    session: Session,
    launch: MakeLaunch,
    until: Until,
    tmp_path: Path,
    longest_pause: Callable[..., float],
) -> None:
    paths = [tmp_path / f"{number}.jpg" for number in range(12)]
    for path in paths:
        path.write_bytes(bytes(4_000_000))
    session.start(launch("normal"))
    until(session, lambda: session.status is Status.READY)
    start = time.perf_counter()
    job = session.submit(paths, name="Ada", height_m=None, quality="draft")
    submitted_s = time.perf_counter() - start
    pause_s = longest_pause(lambda: session.pump() and job in session.results)
    print(f"submit {submitted_s * 1e3:.2f} ms, longest pause {pause_s * 1e3:.1f} ms")  # noqa: T201
    assert submitted_s < 0.05
    assert pause_s < 0.25  # 13 ms, if no other program wants the processor


def test_a_large_result_is_applied_in_a_moment(
    session: Session, launch: MakeLaunch, until: Until, photo: Path
) -> None:
    session.start(launch("large"))
    job = session.submit([photo], name="Ada", height_m=None, quality="draft")
    costs = [0.0]

    def pump_took() -> bool:
        start = time.perf_counter()
        session.pump()
        costs.append(time.perf_counter() - start)
        return job in session.results

    until(session, pump_took)
    print(f"longest pump {max(costs) * 1e3:.2f} ms")  # noqa: T201
    assert len(session.results[job].avatar.vertices) == 100_000
    assert max(costs) < 0.05  # 0.2 ms
