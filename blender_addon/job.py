"""What a person sees of one job: a state, moved on by the backend's messages."""

from dataclasses import dataclass, replace
from enum import StrEnum

from .shared.messages import (
    UNFINISHED,
    Accepted,
    Failed,
    Finished,
    JobInfo,
    Progress,
    Refused,
)


class Phase(StrEnum):
    """Where a job is in its life."""

    SENDING = "sending"
    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


_End = Finished | Failed | Refused | JobInfo
JobMessage = Accepted | Progress | _End
"""What can change a job's state; `JobInfo`, because messages may be lost with the link."""
UNDER_WAY = (Phase.SENDING, Phase.QUEUED, Phase.RUNNING)
"""Phases that a job leaves again."""
STAGE_WORDS = {
    "read_photos": "Reading the photos",
    "landmarks": "Finding the person",
    "segment": "Cutting the person out",
    "fit_body": "Fitting the body",
    "align": "Making the photos agree",
    "predict_maps": "Estimating the surface",
    "reconstruct": "Building the surface",
    "register": "Comparing the photos",
    "canonicalize": "Undoing the poses",
    "fuse": "Joining the photos",
    "weigh": "Binding cloth to the joints",
    "refine": "Fitting shape and poses to the photos",
    "texture": "Colouring",
    "rig": "Attaching the skeleton",
    "measure": "Measuring",
    "write": "Writing the result",
}
"""Of the backend's stages."""
LEAST_FRACTION = 0.05
LEAST_RUN_S = 3.0
"""Before both have passed, the time that remains is not known."""
SMOOTHING = 0.3
"""Weight of the newest estimate of the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """One job; times are those of `time.monotonic`."""

    job: str
    name: str
    """Of the avatar."""
    phase: Phase = Phase.SENDING
    stage: str = "Sending the photos"
    """What is being done, in words."""
    fraction: float = 0.0
    """Of the whole job, 0 to 1; never falls."""
    position: int = 0
    """In the queue; 0: next to run."""
    started: float
    """When it was submitted."""
    running: float | None = None
    """When its first progress came."""
    end: float | None = None
    """When it will end, by estimate; None: not known."""
    ended: float | None = None
    """When it ended; None: it has not."""
    messages: tuple[str, ...] = ()
    """Of a finished job: photos that were left out and why, or how one was read."""
    sentence: str = ""
    """Why it has no result."""
    hint: str = ""
    log: str = ""
    """Path of the job's log file; empty if there is none."""


def remaining_s(state: JobState, now: float) -> float | None:
    """Return how many seconds the job still needs; None as long as that cannot be said."""
    if state.phase is not Phase.RUNNING or state.end is None or state.running is None:
        return None
    # a stage that takes longer than the others did must not count down to 0 and stay there
    floor = 0.5 * _rest(now - state.running, state.fraction)
    return max(state.end - now, floor)


def advance(state: JobState, message: JobMessage, now: float) -> JobState:
    """Return the state after a message; those about other jobs, or too late, change nothing."""
    is_own = message.job == state.job
    if is_own and isinstance(message, Finished) and state.phase is Phase.FINISHED:
        return replace(state, messages=message.messages)  # the list of jobs was quicker
    if not is_own or state.phase not in UNDER_WAY:
        return state
    if isinstance(message, Accepted):
        return _queued(state, message.position)
    if isinstance(message, Progress):
        return _progressed(state, message, now)
    return _ended(state, message, now)


def fail(state: JobState, now: float, *, sentence: str, hint: str, log: str) -> JobState:
    """Return the state of a job that ends without a result."""
    words = {"sentence": sentence, "hint": hint, "log": log}
    return replace(state, phase=Phase.FAILED, stage="Failed", ended=now, end=None, **words)


def cancel(state: JobState, now: float) -> JobState:
    """Return the state of a job that the user has given up."""
    return replace(state, phase=Phase.CANCELLED, stage="Cancelled", ended=now, end=None)


def _queued(state: JobState, position: int) -> JobState:
    if state.phase is Phase.RUNNING:
        return state
    stage = f"Waiting; {position} before it" if position else "Waiting to start"
    return replace(state, phase=Phase.QUEUED, stage=stage, position=position)


def _progressed(state: JobState, message: Progress, now: float) -> JobState:
    running = now if state.running is None else state.running
    fraction = max(state.fraction, message.fraction)
    return replace(
        state,
        phase=Phase.RUNNING,
        stage=STAGE_WORDS.get(message.stage, message.stage.replace("_", " ").capitalize()),
        fraction=fraction,
        position=0,
        running=running,
        end=_end(state.end, running, fraction, now),
    )


def _end(before: float | None, running: float, fraction: float, now: float) -> float | None:
    """When the job will end if it goes on as fast as until now, smoothed."""
    if fraction < LEAST_FRACTION or now - running < LEAST_RUN_S:
        return before
    newest = now + _rest(now - running, fraction)
    return newest if before is None else before + SMOOTHING * (newest - before)


def _rest(elapsed_s: float, fraction: float) -> float:
    return elapsed_s * (1 - fraction) / fraction


def _ended(state: JobState, message: _End, now: float) -> JobState:
    if isinstance(message, JobInfo):
        return _compared(state, message, now)
    if isinstance(message, Finished):
        return replace(_finish(state, now), messages=message.messages)
    if message.code == "cancelled":
        return cancel(state, now)
    log = message.log if isinstance(message, Failed) else ""
    return fail(state, now, sentence=message.sentence, hint=message.hint, log=log)


def _finish(state: JobState, now: float) -> JobState:
    done = {"fraction": 1.0, "position": 0, "ended": now, "end": None}
    return replace(state, phase=Phase.FINISHED, stage="Finished", **done)


def _compared(state: JobState, info: JobInfo, now: float) -> JobState:
    if info.state in UNFINISHED:
        return _queued(state, state.position)
    if info.state == "finished":
        return _finish(state, now)
    if info.state == "cancelled":
        return cancel(state, now)
    return fail(state, now, sentence=info.sentence, hint=info.hint, log=info.log)
