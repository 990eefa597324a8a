"""Sessions with a pretended backend, and waiting for what they show."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from blender_addon.session import Launch, Session

FAKE = Path(__file__).parent / "fake_backend.py"
Until = Callable[..., None]
MakeLaunch = Callable[[str], Launch]


@pytest.fixture
def launch(tmp_path: Path) -> MakeLaunch:
    """launch("dies") starts a pretended backend with that scenario, as if it were Python."""

    def make(scenario: str) -> Launch:
        python = tmp_path / f"python {scenario}"
        python.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{FAKE}' '{scenario}' \"$@\"\n")
        python.chmod(0o700)
        jobs = tmp_path / "jobs"
        return Launch(python=python, jobs=jobs, device=None, body=None, client="test 1.0")

    return make


@pytest.fixture
def session() -> Iterator[Session]:
    """One that is stopped at the end, and leaves no thread."""
    made = Session()
    yield made
    made.stop()
    assert [thread.name for thread in threading.enumerate() if "Photo Avatar" in thread.name] == []


@pytest.fixture
def until() -> Until:
    """until(session, claim) pumps until the claim holds."""

    def wait(session: Session, claim: Callable[[], object], timeout_s: float = 20.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not claim():
            assert time.monotonic() < deadline, f"{session.status} {session.problem} {session.job}"
            session.pump()
            time.sleep(0.002)

    return wait


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "front.jpg"
    path.write_bytes(b"123")
    return path
