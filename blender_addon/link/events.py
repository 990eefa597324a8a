"""What goes to the link's thread, and what comes from it."""

from dataclasses import dataclass
from pathlib import Path

from ..shared.arrays import require
from ..shared.errors import AvatarError
from ..shared.messages import QUALITIES, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitFiles:
    """Submit a job of these files; they are read on the link's thread."""

    job: str
    name: str
    paths: tuple[Path, ...]
    height_m: float | None
    quality: str

    def __post_init__(self) -> None:
        """Check what the user interface has to hold to."""
        require(self.quality in QUALITIES, "quality: unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class ThumbnailOf:
    """Ask for a file's thumbnail; the answer's key is `str(path)`."""

    path: Path
    size_px: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent:
    """The backend has left a ping unanswered for long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """The backend answers again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbled:
    """A message came that cannot be read; the link goes on."""

    sentence: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The link has ended, or never came to be."""

    sentence: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long the link waits for what."""

    file_s: float = 60.0
    """For the backend's connection file: a cold start with a virus scanner takes long."""
    file_poll_s: float = 0.02
    welcome_s: float = 15.0
    ping_s: float = 2.0
    silent_s: float = 10.0
    """An unanswered ping of this age makes the backend silent."""


Request = Message | SubmitFiles | ThumbnailOf
Event = Message | Silent | Answering | Garbled | Broken
TIMING = Timing()


class LinkError(AvatarError):
    """The link cannot go on."""

    code = "link"
