"""What the Blender extension and the backend say to each other: this file is the protocol.

    extension                       supervisor                      worker
    Hello              ──►          Welcome
    Ping               ──►          Pong
    MakeThumbnail      ──►          (forwarded)        ──►          Thumbnail | BadPhoto
    Submit             ──►          Accepted; later    ──►          Progress …, Finished | Failed
    Cancel             ──►          Failed (code "cancelled")
    ListJobs, Forget   ──►          Jobs
    Fetch              ──►          Result
                                    Refused: the request cannot be served

Everything a worker says is passed on to the extension, but for Ready and Beat. A message becomes
frames in `wire`.
"""

import re
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from .arrays import Shape, check_arrays, require
from .types import Avatar, Fit, Photo

SERVICE = "photo-avatar"
"""In `Welcome`: tells our backend from any other program."""
GREATEST_PHOTO_BYTES = 64_000_000
"""Of one photo file."""
GREATEST_JOB_BYTES = 1_000_000_000
"""Of all photo files of a job."""
GREATEST_PHOTO_COUNT = 100
"""Of a job."""
GREATEST_THUMBNAIL_PX = 512
QUALITIES = ("draft", "standard", "high")
UNFINISHED = ("queued", "running")
STATES = (*UNFINISHED, "finished", "failed", "cancelled", "interrupted")
"""Of a job; "interrupted": the backend ended before the job did."""
_JOB_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """Extension to backend, before anything else."""

    client: str
    """For the log: program and versions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """Backend to extension: who answers, and what is there."""

    service: str
    version: str
    """Of the package."""
    boot: str
    """Differs between any two backend processes."""
    joint_names: tuple[str, ...]
    parents: tuple[int, ...]
    """Of each joint; the extension compares both with its own table."""
    jobs: tuple["JobInfo", ...]
    """As in `Jobs`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Extension to backend: do you still work?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong:
    """Backend to extension: yes."""

    worker: str
    """In a few words: "asleep", "starting", "ready", "busy"."""
    device: str
    """What the worker computes on; empty until it has started once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeThumbnail:
    """Extension to backend: show me this photo upright and small."""

    key: str
    """Chosen by the extension; comes back with the answer."""
    photo: Photo
    size_px: int
    """Of the longer side."""

    def __post_init__(self) -> None:
        """Check the sizes."""
        require(0 < self.size_px <= GREATEST_THUMBNAIL_PX, "size_px: out of range")
        require(self.photo.data.nbytes <= GREATEST_PHOTO_BYTES, "photo: too large")


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnail:
    """Worker to extension: a photo, upright and in sRGB."""

    key: str
    pixels: Annotated[NDArray[np.uint8], Shape("H W 4", np.uint8)]
    """sRGB and straight alpha; row 0 is the top."""

    def __post_init__(self) -> None:
        """Check the array."""
        check_arrays(self)
        require(max(self.pixels.shape) <= GREATEST_THUMBNAIL_PX, "pixels: too many")


@dataclass(frozen=True, slots=True, kw_only=True)
class BadPhoto:
    """Worker to extension: a photo that no thumbnail can be made of."""

    key: str
    sentence: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """Extension to backend: make an avatar."""

    job: str
    """32 hexadecimal digits, chosen by the extension. The same job twice is one job."""
    name: str
    """Of the avatar; a label, never a path."""
    photos: tuple[Photo, ...]
    height_m: float | None
    """Of the person, metres; None keeps the fitted body's."""
    quality: str
    """One of `QUALITIES`."""

    def __post_init__(self) -> None:
        """Check the limits."""
        _check_job(self.job)
        sizes = [photo.data.nbytes for photo in self.photos]
        require(0 < len(sizes) <= GREATEST_PHOTO_COUNT, "photos: none, or too many")
        require(max(sizes) <= GREATEST_PHOTO_BYTES, "photos: one is too large")
        require(sum(sizes) <= GREATEST_JOB_BYTES, "photos: too large together")
        require(self.quality in QUALITIES, "quality: unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Backend to extension: the job is queued."""

    job: str
    position: int
    """0: next to run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Worker to extension: where a job stands."""

    job: str
    stage: str
    """The stage's name in `backend.progress`, as "fit_body"."""
    fraction: float
    """Of the whole job, 0 to 1."""

    def __post_init__(self) -> None:
        """Check the range."""
        _check_job(self.job)
        require(0 <= self.fraction <= 1, "fraction: not from 0 to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """Worker to extension: the result is on disk and can be fetched."""

    job: str
    messages: tuple[str, ...]
    """For people: photos that were left out and why, or how one was read; usually empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Worker or backend to extension: the job ended without a result."""

    job: str
    code: str
    """That of a class in `errors`, or "cancelled"."""
    sentence: str
    hint: str
    log: str
    """Path of the job's log file; empty if there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Extension to backend: stop a job and give its memory back."""

    job: str

    def __post_init__(self) -> None:
        """Check the id."""
        _check_job(self.job)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListJobs:
    """Extension to backend: what jobs are there?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobInfo:
    """One job of the job folder."""

    job: str
    name: str
    """Of the avatar."""
    state: str
    """One of `STATES`."""
    created: float
    """Seconds since 1970."""
    quality: str
    photos: tuple[str, ...]
    """Their names."""
    sentence: str
    """Why it has no result; empty if it has one, or is still to come."""
    hint: str
    log: str
    """Path of the job's log file; empty if there is none."""

    def __post_init__(self) -> None:
        """Check id and state."""
        _check_job(self.job)
        require(self.state in STATES, "state: unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """Backend to extension: all jobs of the job folder, the newest first."""

    jobs: tuple[JobInfo, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """Extension to backend: send me the result of a finished job."""

    job: str

    def __post_init__(self) -> None:
        """Check the id."""
        _check_job(self.job)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Backend to extension: what a job gave."""

    job: str
    avatar: Avatar
    fit: Fit
    pictures: tuple[str, ...]
    """Paths of the upright copies of the fit's photos, on this machine, in the fit's order."""

    def __post_init__(self) -> None:
        """Check that the parts belong together."""
        _check_job(self.job)
        require(len(self.pictures) == len(self.fit.photos), "pictures: one for each photo")
        joints = (len(self.avatar.joints), self.fit.rotations.shape[1])
        require(joints[0] == joints[1], "fit: not of this avatar")


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """Extension to backend: delete everything of a job from the disk; cancels it if it runs."""

    job: str

    def __post_init__(self) -> None:
        """Check the id."""
        _check_job(self.job)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Backend to extension: this request cannot be served."""

    job: str
    """That the request was about; empty if about none."""
    code: str
    """That of a class in `errors`."""
    sentence: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Worker to backend: everything is loaded."""

    device: str
    """In words that tell two machines apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """Worker to backend, every second: my interpreter runs."""


Message = (
    Hello
    | Welcome
    | Ping
    | Pong
    | MakeThumbnail
    | Thumbnail
    | BadPhoto
    | Submit
    | Accepted
    | Progress
    | Finished
    | Failed
    | Cancel
    | ListJobs
    | Jobs
    | Fetch
    | Result
    | Forget
    | Refused
    | Ready
    | Beat
)


def _check_job(job: str) -> None:
    require(_JOB_ID.fullmatch(job) is not None, "job: not 32 hexadecimal digits")
