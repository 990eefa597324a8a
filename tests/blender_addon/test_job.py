"""What becomes of a job's state, message by message."""

from dataclasses import replace

import pytest

from blender_addon.job import JobMessage, JobState, Phase, advance, cancel, fail, remaining_s
from blender_addon.shared.messages import (
    Accepted,
    Failed,
    Finished,
    JobInfo,
    Progress,
    Refused,
)

JOB = "0" * 32
SENDING = JobState(job=JOB, name="Ada", started=0.0)
QUEUED = replace(SENDING, phase=Phase.QUEUED)
RUNNING = replace(SENDING, phase=Phase.RUNNING, fraction=0.5, running=0.0)
FINISHED = replace(SENDING, phase=Phase.FINISHED)
FAILED = fail(RUNNING, 1.0, sentence="It broke.", hint="Mend it.", log="log.txt")
CANCELLED = cancel(RUNNING, 1.0)
ACCEPTED = Accepted(job=JOB, position=2)
PROGRESS = Progress(job=JOB, stage="fit_body", fraction=0.6)
END = Finished(job=JOB, messages=("One photo was left out.",))
FAILURE = Failed(job=JOB, code="no_person", sentence="Nobody.", hint="Retake.", log="x.txt")
STOPPED = Failed(job=JOB, code="cancelled", sentence="Cancelled.", hint="", log="")
REFUSAL = Refused(job=JOB, code="busy", sentence="Full.", hint="Wait.")


def listed(state: str) -> JobInfo:
    words = {"sentence": "Power cut.", "hint": "Again.", "log": "y.txt", "quality": "draft"}
    return JobInfo(job=JOB, name="Ada", state=state, created=1.0, photos=("a.jpg",), **words)


@pytest.mark.parametrize(
    ("state", "message", "phase"),
    [
        (SENDING, ACCEPTED, Phase.QUEUED),
        (SENDING, PROGRESS, Phase.RUNNING),
        (SENDING, REFUSAL, Phase.FAILED),
        (SENDING, END, Phase.FINISHED),
        (QUEUED, PROGRESS, Phase.RUNNING),
        (QUEUED, FAILURE, Phase.FAILED),
        (QUEUED, STOPPED, Phase.CANCELLED),
        (RUNNING, ACCEPTED, Phase.RUNNING),
        (RUNNING, END, Phase.FINISHED),
        (RUNNING, FAILURE, Phase.FAILED),
        (RUNNING, STOPPED, Phase.CANCELLED),
        (FINISHED, FAILURE, Phase.FINISHED),
        (FINISHED, PROGRESS, Phase.FINISHED),
        (FAILED, PROGRESS, Phase.FAILED),
        (FAILED, END, Phase.FAILED),
        (CANCELLED, PROGRESS, Phase.CANCELLED),
        (CANCELLED, END, Phase.CANCELLED),
        (CANCELLED, STOPPED, Phase.CANCELLED),
        (CANCELLED, REFUSAL, Phase.CANCELLED),
        (SENDING, listed("queued"), Phase.QUEUED),
        (RUNNING, listed("running"), Phase.RUNNING),
        (RUNNING, listed("finished"), Phase.FINISHED),
        (RUNNING, listed("failed"), Phase.FAILED),
        (RUNNING, listed("interrupted"), Phase.FAILED),
        (RUNNING, listed("cancelled"), Phase.CANCELLED),
        (CANCELLED, listed("running"), Phase.CANCELLED),
    ],
)
def test_phase_after_a_message(state: JobState, message: JobMessage, phase: Phase) -> None:
    assert advance(state, message, 9.0).phase is phase


@pytest.mark.parametrize("state", [FINISHED, FAILED, CANCELLED])
def test_late_progress_changes_nothing(state: JobState) -> None:
    assert advance(state, PROGRESS, 9.0) is state


def test_messages_about_other_jobs_change_nothing() -> None:
    assert advance(RUNNING, Finished(job="1" * 32, messages=()), 9.0) is RUNNING


def test_progress_never_goes_backwards() -> None:
    back = Progress(job=JOB, stage="fuse", fraction=0.1)
    assert advance(RUNNING, back, 9.0).fraction == 0.5


def test_stages_are_said_in_words() -> None:
    assert advance(RUNNING, PROGRESS, 9.0).stage == "Fitting the body"
    unknown = Progress(job=JOB, stage="comb_hair", fraction=0.6)
    assert advance(RUNNING, unknown, 9.0).stage == "Comb hair"


def test_the_place_in_the_queue_is_said() -> None:
    assert advance(SENDING, ACCEPTED, 9.0).stage == "Waiting; 2 before it"
    assert advance(SENDING, Accepted(job=JOB, position=0), 9.0).stage == "Waiting to start"


def test_what_was_left_out_is_kept_even_after_the_list_said_finished() -> None:
    early = advance(RUNNING, listed("finished"), 9.0)
    assert advance(early, END, 9.0).messages == ("One photo was left out.",)


def test_a_failure_keeps_its_words_and_its_log() -> None:
    state = advance(RUNNING, FAILURE, 9.0)
    assert (state.sentence, state.hint, state.log) == ("Nobody.", "Retake.", "x.txt")
    assert state.ended == 9.0


@pytest.mark.parametrize(
    ("fraction", "now", "known"), [(0.04, 10.0, False), (0.5, 2.9, False), (0.5, 10.0, True)]
)
def test_remaining_time_is_known_only_after_a_while(
    fraction: float, now: float, known: bool
) -> None:
    start = advance(QUEUED, Progress(job=JOB, stage="landmarks", fraction=0.0), 0.0)
    state = advance(start, Progress(job=JOB, stage="fit_body", fraction=fraction), now)
    assert (remaining_s(state, now) is not None) is known


def test_remaining_time_of_even_progress_is_right() -> None:
    state = advance(QUEUED, Progress(job=JOB, stage="landmarks", fraction=0.0), 100.0)
    for second in range(1, 41):
        step = Progress(job=JOB, stage="fit_body", fraction=second / 100)
        state = advance(state, step, 100.0 + second)
    assert remaining_s(state, 140.0) == pytest.approx(60.0)


def test_remaining_time_jumps_less_than_the_newest_estimate() -> None:
    state = advance(RUNNING, Progress(job=JOB, stage="fuse", fraction=0.5), 10.0)
    state = advance(state, Progress(job=JOB, stage="fuse", fraction=0.9), 11.0)
    newest, before = 11 * 0.1 / 0.9, 9.0
    left = remaining_s(state, 11.0)
    assert left is not None
    assert newest < left < before


def test_remaining_time_of_a_stage_that_hangs_does_not_reach_zero() -> None:
    state = advance(RUNNING, Progress(job=JOB, stage="fuse", fraction=0.9), 90.0)
    late = remaining_s(state, 200.0)
    assert late is not None
    assert late > 5


def test_a_job_that_has_ended_has_no_remaining_time() -> None:
    state = advance(RUNNING, Progress(job=JOB, stage="fuse", fraction=0.9), 90.0)
    assert remaining_s(advance(state, END, 95.0), 96.0) is None
