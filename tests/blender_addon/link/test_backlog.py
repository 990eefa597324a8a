"""The order in which requests leave."""

from pathlib import Path

import pytest

from blender_addon.link.backlog import Backlog
from blender_addon.link.events import Request, SubmitFiles, ThumbnailOf
from blender_addon.shared.messages import Cancel, Forget, ListJobs, Ping

JOB, OTHER = "0" * 32, "1" * 32
THUMBNAIL = ThumbnailOf(path=Path("a.jpg"), size_px=64)


def submission(job: str = JOB) -> SubmitFiles:
    return SubmitFiles(job=job, name="Ada", paths=(), height_m=None, quality="draft")


def drained(*requests: Request) -> list[Request]:
    backlog = Backlog()
    for request in requests:
        backlog.put(request)
    order = []
    while backlog:
        order.append(backlog.take())
    return order


def test_short_requests_overtake_files() -> None:
    requests = (THUMBNAIL, submission(), Ping(), ListJobs())
    assert drained(*requests) == [Ping(), ListJobs(), submission(), THUMBNAIL]


@pytest.mark.parametrize("end", [Cancel(job=JOB), Forget(job=JOB)])
def test_a_job_given_up_before_it_was_sent_never_leaves(end: Cancel | Forget) -> None:
    assert drained(submission(), submission(OTHER), end) == [submission(OTHER)]


def test_a_job_given_up_later_is_cancelled_at_the_backend() -> None:
    assert drained(submission(OTHER), Cancel(job=JOB)) == [Cancel(job=JOB), submission(OTHER)]
