"""The worker process: does one thing after the other for the supervisor, over two pipes.

It may be killed at any time: a result appears in one step, and nothing else of a job is kept. It
ends by itself as soon as the supervisor does.
"""

import ctypes
import errno
import faulthandler
import gc
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, NoReturn, cast

from backend.photo_names import with_different_names
from backend.progress import overall
from backend.report import Report
from backend.service.pipe import read_message, write_message
from shared.errors import (
    AvatarError,
    BadInput,
    JobFolderFailed,
    OutOfMemory,
    Unexpected,
    UnreadableByCrash,
)
from shared.messages import (
    BadPhoto,
    Beat,
    Failed,
    Finished,
    MakeThumbnail,
    Message,
    Progress,
    Ready,
    Submit,
)
from shared.wire import WireError

log = logging.getLogger(__name__)

LaneName = Literal["jobs", "pictures"]
TICK_S = 0.1
"""Between two messages of progress."""
TICKS_PER_BEAT = 10
ENDED, BROKEN = 0, 1
"""Exit statuses: the supervisor has ended, or speaks nonsense."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a worker works, and with what."""

    jobs: Path
    """Folder of all jobs."""
    device: Literal["cpu", "cuda"] | None
    """None takes CUDA if there is any."""
    body: Path | None
    """The user's own SMPL-X model; None takes Anny-55."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One kind of work."""

    request: type[Message]
    device: str
    """In words; empty if it does not matter."""
    answer: Callable[[Any], Message]
    """Does what is requested; whatever it raises becomes an apology."""
    apologise: Callable[[Any, AvatarError], Message]
    clean_up: Callable[[], object]
    """Called after each answer."""


def work(lane: LaneName, place: Place) -> NoReturn:
    """Answer requests from the standard input until it ends.

    File descriptor 1 becomes the log, as 2 is: no library can write between the messages.
    """
    source, channel = _take_pipes()
    faulthandler.enable()  # a crash in C says where
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", force=True
    )
    requests: queue.SimpleQueue[Message] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(source, requests), daemon=True).start()
    threading.Thread(target=channel.pulse, daemon=True).start()
    chosen = _jobs_lane(place, channel) if lane == "jobs" else _pictures_lane()
    channel.send(Ready(device=chosen.device))
    while True:
        request = requests.get()
        if not isinstance(request, chosen.request):
            raise WireError(f"{type(request).__name__} is not for the lane of {lane}")
        channel.send(_answer(chosen, request))
        del request  # its photos take memory
        chosen.clean_up()


class Channel:
    """Owns the way to the supervisor; any thread may send."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._progress: Progress | None = None

    def send(self, message: Message) -> None:
        """Send a message at once; progress that still waits is out of date then."""
        with self._lock:
            self._progress = None
            self._write(message)

    def tell(self, progress: Progress) -> None:
        """Send the progress at the next tick, unless there is a later one by then."""
        with self._lock:
            self._progress = progress

    def pulse(self) -> NoReturn:
        """Send the progress ten times a second, and a beat every second."""
        while True:
            self._write_waiting(Beat())
            for _ in range(TICKS_PER_BEAT):
                time.sleep(TICK_S)
                self._write_waiting()

    def _write_waiting(self, *others: Message) -> None:
        with self._lock:
            progress, self._progress = self._progress, None
            for message in (progress, *others):
                if message is not None:
                    self._write(message)

    def _write(self, message: Message) -> None:
        try:
            write_message(self._file, message)
        except OSError:  # the supervisor is gone
            os._exit(ENDED)


def _take_pipes() -> tuple[BinaryIO, Channel]:
    """Keep the pipes for the messages alone, and let everything else go to the log."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return cast(BinaryIO, source), Channel(cast(BinaryIO, sink))


def _read(source: BinaryIO, requests: queue.SimpleQueue[Message]) -> NoReturn:
    """Queue what comes in; end the process when nothing more can come."""
    status = ENDED
    try:
        while (request := read_message(source)) is not None:
            requests.put(request)
            del request
    except (OSError, WireError):
        log.exception("The supervisor cannot be understood.")
        status = BROKEN
    os._exit(status)  # whatever the other threads do


def _answer(lane: Lane, request: Message) -> Message:
    try:
        return lane.answer(request)
    except AvatarError as error:
        return lane.apologise(request, error)
    except Exception as error:  # noqa: BLE001  # the worker's border: people are told, it goes on
        return lane.apologise(request, _explained(error))


def _explained(error: Exception) -> AvatarError:
    if _is_out_of_memory(error):
        return OutOfMemory()
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return JobFolderFailed(os.strerror(error.errno))
    return Unexpected(error)


def _is_out_of_memory(error: Exception) -> bool:
    """Where PyTorch and Warp have no class for it, they say that they cannot "allocate"."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and "allocate" in str(error)


@contextmanager
def _failures_logged() -> Iterator[None]:
    try:
        yield
    except AvatarError as error:
        log.warning("%s", error)
        raise
    except Exception:
        log.exception("A fault of the program:")
        raise


def _pictures_lane() -> Lane:
    from backend.thumbnails import thumbnail  # loads no PyTorch

    def answer(request: MakeThumbnail) -> Message:
        with _failures_logged():
            return thumbnail(request)

    def apologise(request: MakeThumbnail, error: AvatarError) -> Message:
        told = UnreadableByCrash() if isinstance(error, Unexpected) else error
        return BadPhoto(key=request.key, sentence=told.sentence, hint=told.hint)

    return Lane(
        request=MakeThumbnail, device="", answer=answer, apologise=apologise, clean_up=gc.collect
    )


def _jobs_lane(place: Place, channel: Channel) -> Lane:
    import torch

    from backend.job import Job, choose_device, run_job
    from backend.record import device_name

    # the first optimiser loads hundreds of modules: seconds that no job shall wait for
    torch.optim.Adam([torch.zeros(1, requires_grad=True)])

    def answer(request: Submit) -> Message:
        folder = place.jobs / request.job
        job = Job(
            photos=with_different_names(request.photos),
            output=folder / "result",
            name=request.name,
            quality=cast(Any, request.quality),
            height_m=request.height_m,
            device=place.device,
            body=place.body,
        )
        with _output_to(_log_path(place, request)), _failures_logged():
            report = run_job(job, _listener(request.job, channel))
            log.info("Finished: %s", report["seconds"])
        messages = [photo["message"] for photo in report["photos"] if photo["message"]]
        return Finished(job=request.job, messages=tuple(messages))

    def apologise(request: Submit, error: AvatarError) -> Message:
        return Failed(
            job=request.job,
            code=error.code,
            sentence=error.sentence,
            hint=error.hint,
            log=str(_log_path(place, request)),
        )

    def clean_up() -> None:
        gc.collect()
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()
        _return_free_memory()

    def device() -> str:
        try:
            return device_name(choose_device(place.device))
        except BadInput as error:  # each job will fail with it
            return error.sentence

    return Lane(
        request=Submit, device=device(), answer=answer, apologise=apologise, clean_up=clean_up
    )


def _log_path(place: Place, request: Submit) -> Path:
    return place.jobs / request.job / "log.txt"


def _listener(job: str, channel: Channel) -> Report:
    current = ""

    def listen(stage: str, fraction: float) -> None:
        nonlocal current
        if stage != current:
            log.info("%s", stage)
        current = stage
        channel.tell(Progress(job=job, stage=stage, fraction=overall(stage, fraction)))

    return listen


@contextmanager
def _output_to(path: Path) -> Iterator[None]:
    """Send what the process writes to a job's log meanwhile, libraries' and crashes' words too.

    Raises:
        JobFolderFailed: if it cannot be written.
    """
    try:
        file = path.open("ab")
    except OSError as error:
        raise JobFolderFailed(f"{path}: {error.strerror}") from error
    with file:
        kept = os.dup(2)
        _point_output_to(file.fileno())
        try:
            yield
        finally:
            _point_output_to(kept)
            os.close(kept)


def _point_output_to(descriptor: int) -> None:
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        stream.flush()
        os.dup2(descriptor, number)


def _return_free_memory() -> None:
    """Give the system back what the C library keeps for later."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's alone
        if trim is not None:
            trim(0)
