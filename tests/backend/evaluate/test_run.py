import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend import cli
from backend.evaluate import run
from backend.synthesis.subjects import QUICK, SUBJECTS
from shared.errors import BadInput


def silent(_line: str) -> None:
    """Hear of progress."""


@pytest.fixture
def task(tmp_path: Path) -> run.Task:
    (tmp_path / "makehuman/system").mkdir(parents=True)
    return run.Task(
        benchmark="pose",
        makehuman=tmp_path / "makehuman",
        cache=tmp_path / "cache",
        subjects=(),
        quick=False,
        json=tmp_path / "pose.json",
    )


def test_all_subjects_unless_told_otherwise(task: run.Task) -> None:
    assert run.chosen(task) == SUBJECTS
    assert run.chosen(replace(task, quick=True)) == QUICK
    assert run.chosen(replace(task, subjects=("suit", "suit"))) == ("suit",)


def test_an_unknown_subject_is_named_beside_the_known_ones(task: run.Task) -> None:
    with pytest.raises(BadInput, match=r"no subject 'nobody'.*Known are shirt_and_jeans"):
        run.evaluate(replace(task, subjects=("nobody",)), silent)


def test_a_missing_makehuman_folder_names_the_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = cli.main(["evaluate", "pose", "--makehuman", str(tmp_path / "none")])
    assert status == cli.FAILED
    assert "--makehuman" in capsys.readouterr().err


def test_figures_are_written_where_the_task_says(
    task: run.Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    row: dict[str, Any] = {"photos": [], "seconds": 1.0}
    monkeypatch.setattr(run, "_rows", lambda _task, names, _say: dict.fromkeys(names, row))
    assert "| easy | – |" in run.evaluate(task, silent)
    assert task.json is not None
    found = json.loads(task.json.read_text())
    assert list(found["subjects"]) == list(SUBJECTS)
    assert found["seconds"] >= 0


def test_a_file_that_cannot_be_written_is_told_before_the_work(task: run.Task) -> None:
    with pytest.raises(BadInput, match="--json"):
        run.evaluate(replace(task, json=Path("/no/such/folder/a.json")), silent)
