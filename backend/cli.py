"""The command line: arguments in, result folder out, errors as one sentence and a hint."""

import argparse
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from backend.photo_names import with_different_names
from backend.progress import overall
from shared.errors import AvatarError, BadInput, Cancelled
from shared.types import Photo

SAMPLES = Path(__file__).parent / "assets" / "samples"
FAILED, CANCELLED = 1, 130
"""Exit statuses; argparse's own for a wrong command line is 2."""
MAKEHUMAN = Path(__file__).resolve().parents[2] / "shared/data/makehuman"
"""Beside the checkout: clothes, hair and skins, which are no part of the repository."""
MOST_BYTES = 64_000_000
"""Of one photo file, as on the wire."""
BAR_WIDTH = 30


def main(arguments: Sequence[str]) -> int:
    """Run one command; return the process's exit status."""
    options = parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    signal.signal(signal.SIGTERM, _interrupt)
    progress = ProgressBar(_to_stderr, is_terminal=sys.stderr.isatty())
    try:
        _run(options, progress)
    except AvatarError as error:
        progress.say(f"{error.sentence}\n{error.hint}")
        return FAILED
    except (KeyboardInterrupt, Cancelled):
        progress.say("Cancelled; nothing was written.")
        return CANCELLED
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = argparse.ArgumentParser(prog="python -m backend", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="make an avatar of the person in the photos")
    run.add_argument("photos", nargs="+", type=Path, metavar="PHOTO")
    demo = commands.add_parser("demo", help="make an avatar of the sample photos")
    for command in (run, demo):
        command.add_argument("--output", required=True, type=Path, metavar="DIR")
        command.add_argument("--quality", choices=("draft", "standard", "high"), default="standard")
        command.add_argument("--height", type=float, metavar="CM", help="of the person, barefoot")
        command.add_argument("--name", help="of the avatar; else the output folder's")
    serve = commands.add_parser("serve", help="serve the Blender extension, which starts this")
    serve.add_argument("--jobs", required=True, type=Path, metavar="DIR")
    serve.add_argument("--connection-file", required=True, type=Path, metavar="FILE")
    work = commands.add_parser("work")  # nobody but the supervisor starts it
    work.add_argument("--lane", required=True, choices=("jobs", "pictures"))
    work.add_argument("--jobs", required=True, type=Path, metavar="DIR")
    _add_evaluate(commands)
    for command in (run, demo, serve, work):
        command.add_argument("--device", choices=("cpu", "cuda"), help="else cuda if there is one")
        command.add_argument("--body", type=Path, metavar="FILE.npz", help="your own SMPL-X model")
    return top


def _add_evaluate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    evaluate = commands.add_parser("evaluate", help="measure against synthetic people")
    evaluate.add_argument("benchmark", choices=("fusion", "weights", "pose"))
    evaluate.add_argument(
        "--quick", action="store_true", help="two subjects instead of eight, fewer rows"
    )
    evaluate.add_argument("--subjects", nargs="+", default=(), metavar="NAME", help="only these")
    evaluate.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file")
    evaluate.add_argument(
        "--makehuman", type=Path, default=MAKEHUMAN, metavar="DIR", help="clothes, hair and skins"
    )
    evaluate.add_argument(
        "--cache", type=Path, metavar="DIR", help="of what later runs use again; else the user's"
    )


def _run(options: argparse.Namespace, progress: "ProgressBar") -> None:
    if options.command == "serve":
        _serve(options)
    elif options.command == "work":
        _work(options)
    elif options.command == "evaluate":
        _evaluate(options, progress)
    else:
        _make(options, progress)


def _serve(options: argparse.Namespace) -> None:
    from backend.server import ServeOptions, serve

    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    serve(
        ServeOptions(
            jobs=options.jobs,
            connection_file=options.connection_file,
            device=options.device,
            body=options.body,
        )
    )


def _work(options: argparse.Namespace) -> NoReturn:
    from backend.worker import Place, work

    place = Place(jobs=options.jobs.absolute(), device=options.device, body=options.body)
    work(options.lane, place)


def _evaluate(options: argparse.Namespace, progress: "ProgressBar") -> None:
    from backend.evaluate.run import Task, evaluate

    task = Task(
        benchmark=options.benchmark,
        makehuman=options.makehuman,
        cache=options.cache,
        subjects=tuple(options.subjects),
        quick=options.quick,
        json=options.json,
    )
    sys.stdout.write(evaluate(task, progress.say) + "\n")


def _make(options: argparse.Namespace, progress: "ProgressBar") -> None:
    paths = sample_photos() if options.command == "demo" else options.photos
    photos = read_photos(paths)
    # PyTorch and MediaPipe take seconds to import: arguments are checked before
    from backend.job import Job, run_job

    job = Job(
        photos=photos,
        output=options.output,
        name=options.name or options.output.absolute().name,
        quality=options.quality,
        height_m=None if options.height is None else options.height / 100,
        device=options.device,
        body=options.body,
    )
    report = run_job(job, progress.report)
    progress.say(summary(report, options.output))


def sample_photos() -> list[Path]:
    """Return the sample photos' files."""
    return sorted(SAMPLES.glob("*.jpg"))


def read_photos(paths: Sequence[Path]) -> tuple[Photo, ...]:
    """Return the files' bytes under names that differ.

    Raises:
        BadInput: if a file is missing, is a folder, is too large or is named twice.
    """
    seen: set[Path] = set()
    photos: list[Photo] = []
    for path in paths:
        if path.resolve() in seen:
            raise BadInput(f"{path} is named twice.", "Name each photo once.")
        seen.add(path.resolve())
        data = np.frombuffer(_bytes_of(path), np.uint8)
        photos.append(Photo(name=path.name, data=data))
    return with_different_names(photos)


def _bytes_of(path: Path) -> bytes:
    if path.is_dir():
        raise BadInput(f"{path} is a folder.", f"Name the photos in it, as in {path}/*.jpg.")
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadInput(f"{path} is larger than 64 MB.", "Save it smaller, as JPEG.")
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.", "Check its name.") from error


def summary(report: dict[str, Any], output: Path) -> str:
    """Return what a person wants to know at the end."""
    lines = []
    for photo in report["photos"]:
        if photo["status"] == "used":
            lines.append(f"{photo['name']}: silhouette IoU {photo['silhouette_iou']:.3f}")
        if photo["message"]:
            lines.append(photo["message"])
    total = sum(report["seconds"].values())
    return "\n".join([*lines, f"Written to {output} in {total:.0f} s."])


class ProgressBar:
    """Owns the last line of a terminal; elsewhere it writes one line per stage."""

    def __init__(self, write: Callable[[str], None], *, is_terminal: bool) -> None:
        self._write = write
        self._is_terminal = is_terminal
        self._shown = ""

    def report(self, stage: str, fraction: float) -> None:
        """Show how far the job is; a `Report`."""
        words = stage.replace("_", " ")
        if not self._is_terminal:
            if words != self._shown:
                self._write(f"{words}\n")
            self._shown = words
            return
        done = overall(stage, fraction)
        bar = ("█" * round(done * BAR_WIDTH)).ljust(BAR_WIDTH, "·")
        line = f"{bar} {done:4.0%} {words}"
        if line != self._shown:
            self._write(f"\r\x1b[2K{line}")
        self._shown = line

    def say(self, text: str) -> None:
        """Write lines that stay."""
        start = "\r\x1b[2K" if self._is_terminal else ""
        self._write(f"{start}{text}\n")
        self._shown = ""


def _to_stderr(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
