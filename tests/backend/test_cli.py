from pathlib import Path
from typing import Any

import pytest

from backend import cli
from shared.errors import BadInput, Cancelled, NoUsablePhoto

REPORT = {
    "seconds": {"fuse": 2.0},
    "photos": [
        {"name": "a.jpg", "status": "used", "message": "", "silhouette_iou": 0.95},
        {"name": "b.jpg", "status": "refused", "message": "b.jpg: no person.", "silhouette_iou": 0},
    ],
}


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The jobs that the command line starts, instead of running them."""
    started: list[Any] = []

    def run_job(job: Any, _listener: Any) -> dict[str, Any]:
        started.append(job)
        return REPORT

    monkeypatch.setattr("backend.job.run_job", run_job)
    return started


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"jpeg")
    return path


def test_run_turns_arguments_into_a_job(jobs: list[Any], photo: Path, tmp_path: Path) -> None:
    output = tmp_path / "anna"
    status = cli.main(["run", str(photo), "--output", str(output), "--height", "170"])
    assert status == 0
    assert (jobs[0].name, jobs[0].height_m, jobs[0].quality) == ("anna", 1.7, "standard")
    assert jobs[0].photos[0].data.tobytes() == b"jpeg"


def test_refused_photos_are_told(
    jobs: list[Any], photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["run", str(photo), "--output", "out"])
    assert len(jobs) == 1
    told = capsys.readouterr().err
    assert "a.jpg: silhouette IoU 0.950" in told
    assert "b.jpg: no person." in told


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (NoUsablePhoto("None can be used.", "Use others."), 1, "None can be used.\nUse others.\n"),
        (KeyboardInterrupt(), 130, "Cancelled; nothing was written.\n"),
        (Cancelled(), 130, "Cancelled; nothing was written.\n"),
    ],
)
def test_errors_become_a_sentence_and_a_status(
    monkeypatch: pytest.MonkeyPatch,
    photo: Path,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    status: int,
    said: str,
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr("backend.job.run_job", fail)
    assert cli.main(["run", str(photo), "--output", "out"]) == status
    assert capsys.readouterr().err == said


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.jpg cannot be read: No such file"):
        cli.read_photos([tmp_path / "none.jpg"])


def test_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is a folder"):
        cli.read_photos([tmp_path])


def test_a_photo_named_twice_is_refused(photo: Path) -> None:
    with pytest.raises(BadInput, match="named twice"):
        cli.read_photos([photo, photo.parent / "." / photo.name])


def test_too_large_files_are_refused(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "MOST_BYTES", 3)
    with pytest.raises(BadInput, match="larger than"):
        cli.read_photos([photo])


def test_photos_of_one_name_get_different_names(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "a.jpg").write_bytes(b"other")
    names = [photo.name for photo in cli.read_photos([photo, tmp_path / "b" / "a.jpg"])]
    assert names == ["a.jpg", "a (2).jpg"]


def test_elsewhere_progress_is_one_line_per_stage() -> None:
    lines: list[str] = []
    bar = cli.ProgressBar(lines.append, is_terminal=False)
    for fraction in (0.0, 0.5, 1.0):
        bar.report("fit_body", fraction)
    bar.report("fuse", 0.0)
    assert lines == ["fit body\n", "fuse\n"]


def test_in_a_terminal_the_bar_replaces_itself() -> None:
    lines: list[str] = []
    bar = cli.ProgressBar(lines.append, is_terminal=True)
    bar.report("read_photos", 0.0)
    bar.report("write", 1.0)
    first, second = lines
    assert second.startswith("\r")
    assert "█" not in first
    assert "·" not in second
