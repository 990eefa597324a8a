import sys
import time
from pathlib import Path

import numpy as np
import pytest
from picture_files import encoded, quarters
from worker_process import STAND_IN, Worker, worker

from shared.messages import (
    BadPhoto,
    Beat,
    Failed,
    Finished,
    MakeThumbnail,
    Progress,
    Ready,
    Submit,
    Thumbnail,
)
from shared.types import Photo

JOB = "0123456789abcdef" * 2
SAMPLE = Path(__file__).parents[2] / "backend" / "assets" / "samples" / "front.jpg"


def photo(data: bytes, name: str = "a.jpg") -> Photo:
    return Photo(name=name, data=np.frombuffer(data, np.uint8))


def make_thumbnail(key: str, data: bytes) -> MakeThumbnail:
    return MakeThumbnail(key=key, photo=photo(data), size_px=64)


def submit(name: str, *data: bytes) -> Submit:
    photos = tuple(photo(one) for one in data or (b"jpeg",))
    return Submit(job=JOB, name=name, photos=photos, height_m=None, quality="draft")


def log_of(jobs: Path) -> str:
    return (jobs / JOB / "log.txt").read_text()


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    (tmp_path / JOB).mkdir()
    return tmp_path


def end(one: Worker) -> float:
    """Close its standard input; the seconds until it is gone."""
    start = time.monotonic()
    assert one.process.stdin is not None
    one.process.stdin.close()
    assert one.process.wait() == 0
    return time.monotonic() - start


def test_thumbnails_come_in_order_and_without_pytorch(jobs: Path) -> None:
    with worker("pictures", jobs) as one:
        for key in "abc":
            one.send(make_thumbnail(key, b"a letter" if key == "b" else encoded(quarters())))
        assert one.wait_for(Ready).device == ""
        answers = [one.wait_for(Thumbnail, BadPhoto) for _ in "abc"]
        loaded = Path(f"/proc/{one.process.pid}/maps")
        if loaded.exists():
            assert "libtorch" not in loaded.read_text()
    assert [answer.key for answer in answers] == ["a", "b", "c"]
    assert [type(answer) for answer in answers] == [Thumbnail, BadPhoto, Thumbnail]


def test_the_process_beats_and_ends_with_its_standard_input(jobs: Path) -> None:
    with worker("pictures", jobs) as one:
        one.wait_for(Ready)
        one.wait_for(Beat)
        assert end(one) < 1


def test_the_process_ends_in_the_middle_of_a_job(jobs: Path) -> None:
    with worker("jobs", jobs, STAND_IN) as one:
        one.wait_for(Ready)
        one.send(submit("endless"))
        one.wait_for(Progress)
        assert end(one) < 1


def test_nonsense_ends_the_process(jobs: Path) -> None:
    with worker("pictures", jobs) as one:
        one.wait_for(Ready)
        assert one.process.stdin is not None
        one.process.stdin.write(b"GET / HTTP/1.1\r\n\r\n")
        one.process.stdin.flush()
        assert one.process.wait() == 1
    assert "WireError" in one.log.read_text()


def test_a_request_for_another_lane_ends_the_process(jobs: Path) -> None:
    with worker("pictures", jobs) as one:
        one.wait_for(Ready)
        one.send(submit("misled"))
        assert one.process.wait() == 1
    assert "Submit is not for the lane of pictures" in one.log.read_text()


def test_a_crash_at_one_photo_is_a_bad_photo(jobs: Path) -> None:
    with worker("pictures", jobs, STAND_IN) as one:
        for key in ("a", "b"):
            one.send(make_thumbnail(key, b""))
        answers = [one.wait_for(BadPhoto) for _ in range(2)]
    assert [answer.key for answer in answers] == ["a", "b"]
    assert answers[0].sentence == "The photo could not be read: reading it crashed."
    assert "ZeroDivisionError" in one.log.read_text()


def test_what_libraries_write_goes_to_the_job_s_log(jobs: Path) -> None:
    with worker("jobs", jobs, STAND_IN) as one:
        one.send(submit("quiet"))
        one.wait_for(Finished)
        one.send(submit("fault"))
        one.wait_for(Failed)
    assert log_of(jobs).count("a library's words\n") == 2
    assert "library" not in one.log.read_text()


def test_photos_of_one_name_get_different_names(jobs: Path) -> None:
    with worker("jobs", jobs, STAND_IN) as one:
        one.send(submit("twins", b"1", b"2"))
        one.wait_for(Finished)
    assert "a.jpg a (2).jpg\n" in log_of(jobs)


def test_what_was_said_of_photos_comes_with_the_end(jobs: Path) -> None:
    with worker("jobs", jobs, STAND_IN) as one:
        one.send(submit("quiet"))
        messages = one.wait_for(Finished).messages
    assert messages == ("b.jpg: no person found. Use another.",)


def test_progress_comes_at_most_ten_times_a_second(jobs: Path) -> None:
    with worker("jobs", jobs, STAND_IN) as one:
        one.wait_for(Ready)
        one.send(submit("busy"))
        heard = one.heard_until(Finished)
    told = [message.fraction for message in heard if isinstance(message, Progress)]
    assert 3 <= len(told) <= 6  # in 0.55 s
    assert told == sorted(told)


@pytest.mark.parametrize(
    ("name", "code", "sentence"),
    [
        ("MemoryError", "out_of_memory", "The computer's memory is not enough."),
        ("PyTorch out of memory", "out_of_memory", "The computer's memory is not enough."),
        ("C++ out of memory", "out_of_memory", "The computer's memory is not enough."),
        ("disk full", "job_folder", "No space left"),
        ("fault", "internal", "ValueError"),
        ("nobody", "no_usable_photo", "None of the photos can be used."),
    ],
)
def test_failures_are_told_and_logged_and_the_next_job_runs(
    jobs: Path, name: str, code: str, sentence: str
) -> None:
    with worker("jobs", jobs, STAND_IN) as one:
        one.send(submit(name))
        told = one.wait_for(Failed)
        one.send(submit("quiet"))
        one.wait_for(Finished)
    assert told.code == code
    assert sentence in told.sentence
    assert told.hint
    assert Path(told.log).read_text() == log_of(jobs)
    assert ("Traceback" in log_of(jobs)) == (name != "nobody")


def test_a_missing_job_folder_is_told(jobs: Path) -> None:
    (jobs / JOB).rmdir()
    with worker("jobs", jobs, STAND_IN) as one:
        one.send(submit("quiet"))
        assert one.wait_for(Failed).code == "job_folder"


@pytest.mark.slow
def test_a_photo_becomes_a_result(jobs: Path) -> None:
    with worker("jobs", jobs, deadline_s=240) as one:
        assert one.wait_for(Ready).device
        one.send(submit("anna", SAMPLE.read_bytes()))
        heard = one.heard_until(Finished)
        one.send(submit("letter", b"Dear Anna, here is no photo."))
        refused = one.wait_for(Failed)
        assert end(one) < 1
    told = [message.fraction for message in heard if isinstance(message, Progress)]
    assert told == sorted(told)
    names = {path.name for path in (jobs / JOB / "result").iterdir()}
    assert names >= {"avatar.npz", "fit.npz", "mask_1.png", "photo_1.jpg", "report.json"}
    assert "the file is not a photo" in refused.sentence
    assert "INFO fit_body" in log_of(jobs)
    assert sys.executable not in log_of(jobs)
