"""Thumbnails, which have a worker of their own."""

from collections.abc import Callable
from typing import Any

import pytest
from service_client import submission

from backend.service.settings import LaneSettings
from shared.messages import BadPhoto, Jobs, ListJobs, MakeThumbnail, Progress, Thumbnail

PATIENT = LaneSettings()
QUICK = LaneSettings(silence_timeout_s=0.7, stall_timeout_s=1.0)
Start = Callable[..., Any]
ANNA = submission()


def listed(client: Any) -> dict[str, str]:
    answer = client.ask(ListJobs())
    assert isinstance(answer, Jobs)
    return {job.job: job.state for job in answer.jobs}


def thumbnail(key: str) -> MakeThumbnail:
    return MakeThumbnail(key=key, photo=ANNA.photos[0], size_px=64)


def test_thumbnails_come_in_order_while_a_job_runs(start: Start) -> None:
    client = start().client
    client.send(submission(name="stall"))
    client.until(Progress)
    for key in ("a", "b"):
        client.send(thumbnail(key))
    assert [client.until(Thumbnail).key for _ in range(2)] == ["a", "b"]


@pytest.mark.parametrize("bad", ["crash", "hang"])
def test_photo_that_breaks_the_worker_costs_no_other_photo(start: Start, bad: str) -> None:
    client = start(lane=QUICK).client
    for key in ("a", bad, "b"):
        client.send(thumbnail(key))
    answers = [client.until(Thumbnail | BadPhoto) for _ in range(3)]
    assert [answer.key for answer in answers] == ["a", bad, "b"]
    assert [type(answer) for answer in answers] == [Thumbnail, BadPhoto, Thumbnail]


def test_broken_photo_does_not_disturb_the_job(start: Start) -> None:
    client = start().client
    client.send(submission(name="stall"))
    client.until(Progress)
    client.ask(thumbnail("crash"))
    assert listed(client) == {ANNA.job: "running"}


def test_photos_beyond_the_memory_for_them_are_refused(start: Start) -> None:
    client = start(lane=PATIENT, greatest_waiting_bytes=20).client
    client.send(thumbnail("hang"))
    client.send(thumbnail("a"))
    answer = client.ask(thumbnail("b"))
    assert (answer.key, "Too many photos" in answer.sentence) == ("b", True)
