"""Jobs, from the request to the result, its failure or its end."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from service_client import submission, wait_for, workers

from backend.service.settings import LaneSettings
from shared.messages import (
    Accepted,
    Cancel,
    Failed,
    Fetch,
    Finished,
    Forget,
    Jobs,
    ListJobs,
    Ping,
    Pong,
    Progress,
    Refused,
    Result,
)
from shared.types import Avatar

SLEEPER = ("sh", "-c", "exec sleep 100")
"""A worker that says nothing, and starts at once."""
QUICK = LaneSettings(silence_timeout_s=0.7, stall_timeout_s=1.0)
"""Workers that start in time, but have to be quick then."""
Start = Callable[..., Any]
ANNA = submission()


def listed(client: Any) -> dict[str, str]:
    answer = client.ask(ListJobs())
    assert isinstance(answer, Jobs)
    return {job.job: job.state for job in answer.jobs}


def run(client: Any, number: int = 1, name: str = "anna") -> Any:
    client.send(submission(number, name))
    return client.until(Finished | Failed)


def leftovers(jobs: Path) -> list[Path]:
    return [path for path in jobs.rglob("*") if path.name.endswith(".partial")]


def test_job_is_accepted_goes_on_and_finishes(start: Start) -> None:
    client = start().client
    client.send(ANNA)
    assert client.receive() == Accepted(job=ANNA.job, position=0)
    assert client.receive() == Progress(job=ANNA.job, stage="fuse", fraction=0.5)
    assert client.receive() == Progress(job=ANNA.job, stage="write", fraction=1.0)
    assert client.receive() == Finished(job=ANNA.job, messages=("one was left out",))
    assert listed(client) == {ANNA.job: "finished"}


def test_result_is_what_the_worker_wrote(start: Start, box_avatar: Avatar) -> None:
    running = start()
    run(running.client)
    result = running.client.ask(Fetch(job=ANNA.job))
    assert isinstance(result, Result)
    assert np.array_equal(result.avatar.weights, box_avatar.weights)
    assert result.pictures == (str(running.jobs / ANNA.job / "result" / "photo_1.jpg"),)


def test_worker_gets_the_photos(start: Start) -> None:
    client = start().client
    assert isinstance(run(client), Finished)
    assert client.ask(Ping()) == Pong(worker="ready", device="fake")


def test_jobs_run_in_the_order_they_came(start: Start) -> None:
    client = start().client
    for number in (3, 1, 2):
        client.send(submission(number))
    ends = [client.until(Finished).job for _ in range(3)]
    assert ends == [submission(number).job for number in (3, 1, 2)]


def test_newest_job_is_listed_first(start: Start) -> None:
    client = start().client
    for number in (3, 1, 2):
        run(client, number)
    assert list(listed(client)) == [submission(number).job for number in (2, 1, 3)]


def test_positions_count_the_jobs_that_wait(start: Start) -> None:
    client = start(SLEEPER).client
    answers = [client.ask(submission(number)) for number in (1, 2, 3)]
    assert [answer.position for answer in answers] == [0, 0, 1]


def test_running_job_submitted_again_is_the_same_job(start: Start) -> None:
    client = start().client
    client.send(submission(name="stall"))
    client.until(Progress)
    assert client.ask(submission(name="stall")) == Accepted(job=ANNA.job, position=0)
    assert listed(client) == {ANNA.job: "running"}


def test_finished_job_submitted_again_is_told_finished(start: Start) -> None:
    client = start().client
    first = run(client)
    assert client.ask(ANNA) == first


def test_ninth_job_is_refused(start: Start) -> None:
    client = start(SLEEPER).client
    answers = [client.ask(submission(number)) for number in range(9)]
    assert [isinstance(answer, Accepted) for answer in answers] == [True] * 8 + [False]
    assert answers[8].code == "queue_full"
    assert answers[8].job == submission(8).job


def test_cancel_of_a_running_job_is_answered_at_once(start: Start) -> None:
    running = start()
    running.client.send(submission(name="stall"))
    running.client.until(Progress)
    asked = time.monotonic()
    answer = running.client.ask(Cancel(job=ANNA.job))
    assert time.monotonic() - asked < 0.5
    assert answer.code == "cancelled"
    assert listed(running.client) == {ANNA.job: "cancelled"}


def test_cancelled_job_leaves_no_worker_and_no_files(start: Start) -> None:
    running = start()
    running.client.send(submission(name="stall"))
    running.client.until(Progress)
    running.client.ask(Cancel(job=ANNA.job))
    wait_for(lambda: not workers(running.jobs), 1.0)
    wait_for(lambda: not leftovers(running.jobs), 1.0)


def test_next_job_runs_after_a_cancelled_one(start: Start) -> None:
    client = start().client
    for number, name in ((1, "stall"), (2, "anna")):
        client.send(submission(number, name))
    client.until(Progress)
    client.send(Cancel(job=submission(1).job))
    assert client.until(Finished).job == submission(2).job


def test_waiting_job_is_cancelled_without_touching_the_running_one(start: Start) -> None:
    running = start()
    for number in (1, 2):
        running.client.ask(submission(number, "stall"))
    before = wait_for(lambda: len(workers(running.jobs)) == 1) and workers(running.jobs)
    answer = running.client.ask(Cancel(job=submission(2).job))
    assert answer.code == "cancelled"
    assert workers(running.jobs) == before


def test_cancel_of_a_finished_job_tells_that_it_is_finished(start: Start) -> None:
    client = start().client
    first = run(client)
    assert client.ask(Cancel(job=ANNA.job)) == first
    assert listed(client) == {ANNA.job: "finished"}


def test_failure_told_by_the_worker_is_passed_on_with_the_log(start: Start) -> None:
    running = start()
    answer = run(running.client, name="fail")
    log = str(running.jobs / ANNA.job / "log.txt")
    assert answer == Failed(job=ANNA.job, code="no_person", sentence="No.", hint="Do.", log=log)


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("crash", "worker_crashed", "memory ran out"),
        ("exit", "worker_crashed", "exit status 3"),
        ("nonsense", "worker_crashed", "not be understood"),
        ("hang", "worker_hung", "did not answer"),
        ("stall", "worker_hung", "did not answer"),
    ],
)
def test_broken_worker_fails_its_job_and_the_next_one_runs(
    start: Start, name: str, code: str, words: str
) -> None:
    running = start(lane=QUICK)
    answer = run(running.client, 1, name)
    assert (answer.code, words in answer.sentence) == (code, True)
    assert isinstance(run(running.client, 2), Finished)
    wait_for(lambda: not leftovers(running.jobs))


def test_last_words_of_a_crashed_worker_are_in_the_jobs_log(start: Start) -> None:
    answer = run(start().client, name="crash")
    assert "a last word" in Path(answer.log).read_text()


def test_result_written_just_before_a_crash_counts(start: Start) -> None:
    client = start().client
    assert isinstance(run(client, name="late crash"), Finished)
    assert isinstance(client.ask(Fetch(job=ANNA.job)), Result)


def test_worker_that_cannot_start_fails_all_jobs_at_once(start: Start, jobs: Path) -> None:
    client = start(("sh", "-c", f"echo >> {jobs}/starts; sleep 0.3; exit 5")).client
    for number in range(5):
        client.send(submission(number))
    answers = [client.until(Failed) for _ in range(5)]
    assert {answer.code for answer in answers} == {"worker_crashed"}
    assert "exit status 5" in answers[0].sentence
    assert len((jobs / "starts").read_text()) <= 2


def test_worker_that_never_gets_ready_is_hung(start: Start) -> None:
    client = start(SLEEPER, LaneSettings(start_timeout_s=0.2)).client
    assert run(client).code == "worker_hung"


def test_idle_worker_ends_and_comes_back_for_the_next_job(start: Start) -> None:
    running = start(lane=LaneSettings(idle_timeout_s=0.3))
    run(running.client)
    wait_for(lambda: running.client.ask(Ping()).worker == "asleep")
    wait_for(lambda: not workers(running.jobs))
    assert isinstance(run(running.client, 2), Finished)


def test_forgotten_job_is_deleted(start: Start) -> None:
    running = start()
    run(running.client)
    assert running.client.ask(Forget(job=ANNA.job)) == Jobs(jobs=())
    assert not (running.jobs / ANNA.job).exists()


def test_forgotten_running_job_is_ended_and_deleted(start: Start) -> None:
    running = start()
    running.client.send(submission(name="stall"))
    running.client.until(Progress)
    assert running.client.ask(Forget(job=ANNA.job)) == Jobs(jobs=())
    wait_for(lambda: not workers(running.jobs))
    wait_for(lambda: not (running.jobs / ANNA.job).exists())


@pytest.mark.parametrize("kind", [Cancel, Fetch, Forget])
def test_unknown_job_is_refused(start: Start, kind: Any) -> None:
    answer = start(SLEEPER).client.ask(kind(job=ANNA.job))
    assert isinstance(answer, Refused)
    assert (answer.code, answer.job) == ("unknown_job", ANNA.job)


def test_result_of_an_unfinished_job_is_refused(start: Start) -> None:
    client = start().client
    run(client, name="fail")
    assert client.ask(Fetch(job=ANNA.job)).code == "no_result"


def test_broken_result_is_refused(start: Start) -> None:
    running = start()
    run(running.client)
    (running.jobs / ANNA.job / "result" / "fit.npz").write_bytes(b"PK broken")
    assert running.client.ask(Fetch(job=ANNA.job)).code == "bad_file"


def test_jobs_are_listed_after_a_restart(start: Start) -> None:
    first = start()
    run(first.client)
    first.end()
    assert listed(start().client) == {ANNA.job: "finished"}


def test_running_job_is_interrupted_by_the_end(start: Start) -> None:
    first = start()
    first.client.send(submission(name="stall"))
    first.client.until(Progress)
    first.end()
    record = json.loads((first.jobs / ANNA.job / "job.json").read_text())
    assert (record["state"], record["code"]) == ("interrupted", "interrupted")
    assert not leftovers(first.jobs)


def test_second_supervisor_leaves_the_firsts_running_job_alone(start: Start) -> None:
    first, second = start(), start()
    first.client.send(submission(name="stall"))
    first.client.until(Progress)
    assert listed(second.client) == {ANNA.job: "running"}
    for request in (Cancel(job=ANNA.job), Forget(job=ANNA.job), ANNA):
        assert second.client.ask(request).code == "job_elsewhere"
    assert listed(first.client) == {ANNA.job: "running"}


def test_folder_that_cannot_be_written_refuses_the_job(start: Start) -> None:
    running = start(SLEEPER)
    (running.jobs / ANNA.job).mkdir()
    (running.jobs / ANNA.job / "foreign").touch()
    assert running.client.ask(ANNA).code == "job_folder"


def test_jobs_beyond_the_memory_for_them_are_refused(start: Start) -> None:
    client = start(greatest_queue_bytes=sum(p.data.nbytes for p in ANNA.photos)).client
    client.ask(submission(name="stall"))
    answer = client.ask(submission(2))
    assert (answer.code, "1 avatars" in answer.sentence) == ("queue_full", True)


def test_list_too_long_for_a_message_is_cut_to_the_newest(start: Start) -> None:
    running = start()
    run(running.client)
    record = json.loads((running.jobs / ANNA.job / "job.json").read_text())
    names = ["n" * 255] * 100
    for number in range(2, 60):
        (running.jobs / f"{number:032x}").mkdir()
        changes = {"job": f"{number:032x}", "created": number + 4e9, "photos": names}
        path = running.jobs / f"{number:032x}" / "job.json"
        path.write_text(json.dumps(record | changes))
    found = list(listed(running.client))
    assert 10 < len(found) < 58
    assert found[0] == f"{59:032x}"


def test_result_that_came_just_before_the_cancel_is_deleted(start: Start) -> None:
    running = start()
    running.client.send(submission(name="late stall"))
    while running.client.until(Progress).fraction < 1:
        pass
    assert running.client.ask(Cancel(job=ANNA.job)).code == "cancelled"
    wait_for(lambda: not (running.jobs / ANNA.job / "result").exists())


def test_job_whose_end_could_not_be_written_is_interrupted(start: Start) -> None:
    running = start()
    run(running.client)
    path = running.jobs / ANNA.job / "job.json"
    path.write_text(path.read_text().replace('"finished"', '"running"'))
    assert running.client.ask(ANNA).code == "interrupted"


def test_large_job_does_not_block_the_loop_while_the_worker_reads_nothing(start: Start) -> None:
    client = start(SLEEPER).client
    large = replace(ANNA.photos[0], data=np.zeros(4_000_000, np.uint8))
    assert isinstance(client.ask(replace(ANNA, photos=(large,))), Accepted)
    assert client.ask(Ping()) == Pong(worker="starting", device="")


def test_job_goes_on_when_its_client_is_gone(start: Start) -> None:
    running = start()
    running.client.ask(ANNA)
    running.client.close()
    record = running.jobs / ANNA.job / "job.json"
    wait_for(lambda: json.loads(record.read_text())["state"] == "finished")
    assert [job.state for job in running.connect().greet().jobs] == ["finished"]


def test_large_log_of_earlier_workers_is_begun_anew(start: Start, jobs: Path) -> None:
    log = jobs / "worker-jobs.log"
    log.write_bytes(b"x" * 1_000_001)
    answer = run(start().client, name="crash")
    assert "a last word" in Path(answer.log).read_text()
    assert log.stat().st_size < 1000


def test_result_too_large_for_a_message_is_refused(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = start().client
    run(client)
    monkeypatch.setattr("shared.wire.GREATEST_FRAME_BYTES", 100)
    client.send(Fetch(job=ANNA.job))
    assert b"too_large" in client.socket.recv_multipart()[0]
    monkeypatch.undo()
    assert isinstance(client.ask(Ping()), Pong)
