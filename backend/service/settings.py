"""The numbers of the service, with their units."""

import sys
from dataclasses import dataclass

from shared.messages import GREATEST_JOB_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSettings:
    """How long one worker may take."""

    start_timeout_s: float = 180.0
    """Until its first word: importing PyTorch from a cold disk takes a minute."""
    silence_timeout_s: float = 60.0
    """Between any two words after that; a worker that runs beats every second."""
    stall_timeout_s: float = 900.0
    """Without progress of its task, however well it beats."""
    idle_timeout_s: float = 300.0
    """Without a task; then it is ended and its memory is free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How the supervisor works."""

    worker_command: tuple[str, ...] = (sys.executable, "-I", "-m", "backend", "work")
    jobs_lane: LaneSettings = LaneSettings()
    pictures_lane: LaneSettings = LaneSettings(stall_timeout_s=60.0)
    watch_interval_s: float = 0.5
    """Between two looks at the workers' clocks."""
    end_timeout_s: float = 0.5
    """How long the end waits for killed workers."""
    greatest_job_count: int = 8
    """Running and waiting."""
    greatest_queue_bytes: int = 2 * GREATEST_JOB_BYTES
    """Of the photos of those jobs, which stay in the supervisor's memory until they are done."""
    greatest_waiting_bytes: int = GREATEST_JOB_BYTES
    """Of photos that wait for their thumbnails."""
    greatest_log_bytes: int = 1_000_000
    """A larger log of a worker is begun anew when the next one starts."""
