"""A session with the backend as it is: supervisor, worker and all."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from blender_addon.job import Phase
from blender_addon.session import Launch, Session, Status
from blender_addon.shared.messages import BadPhoto, Thumbnail

SAMPLES = Path(__file__).resolve().parents[2] / "backend/assets/samples"
Until = Callable[..., None]


@pytest.fixture
def real(tmp_path: Path) -> Launch:
    """The backend that is installed in this Python."""
    jobs = tmp_path / "jobs"
    return Launch(python=Path(sys.executable), jobs=jobs, device="cpu", body=None, client="test")


def test_thumbnails_of_a_photo_and_of_a_file_that_is_none(
    session: Session, real: Launch, until: Until, photo: Path
) -> None:
    start = time.perf_counter()
    session.start(real)
    until(session, lambda: session.status is Status.READY)
    print(f"ready after {time.perf_counter() - start:.2f} s")  # noqa: T201
    good = SAMPLES / "front.jpg"
    for path in (good, photo):
        session.request_thumbnail(path)
    until(session, lambda: len(session.thumbnails) == 2)
    print(f"thumbnails after {time.perf_counter() - start:.2f} s")  # noqa: T201
    picture = session.thumbnails[str(good)]
    assert isinstance(picture, Thumbnail)
    assert max(picture.pixels.shape) == 256
    assert isinstance(session.thumbnails[str(photo)], BadPhoto)


@pytest.mark.slow
def test_a_job_without_a_picture_fails_in_words(
    session: Session, real: Launch, until: Until, photo: Path
) -> None:
    session.start(real)
    session.submit([photo], name="Ada", height_m=None, quality="draft")
    until(session, lambda: session.job and session.job.phase is Phase.FAILED, 120.0)
    until(session, lambda: session.jobs and session.jobs[0].state == "failed")
    assert session.job is not None
    assert "front.jpg" in session.job.sentence


@pytest.mark.slow
def test_a_photo_becomes_an_avatar(session: Session, real: Launch, until: Until) -> None:
    session.start(real)
    job = session.submit([SAMPLES / "front.jpg"], name="Ada", height_m=1.7, quality="draft")
    until(session, lambda: job in session.results, 900.0)
    result = session.results[job]
    assert result.avatar.name == "Ada"
    assert Path(result.pictures[0]).is_file()
    assert [info.state for info in session.jobs] == ["finished"]


def test_a_cancelled_job_leaves_no_process(session: Session, real: Launch, until: Until) -> None:
    session.start(real)
    session.submit([SAMPLES / "front.jpg"], name="Ada", height_m=None, quality="draft")
    until(session, lambda: session.job and session.job.phase is not Phase.SENDING)
    session.cancel()
    until(session, lambda: session.jobs and session.jobs[0].state == "cancelled")
    session.stop()
    listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert str(real.jobs) not in listing.stdout
