"""What a job folder says, whatever was done to it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from service_client import submission

from backend.service.job_store import JobStore
from backend.service.ownership import is_alive, ownership, remove_stale_locks
from backend.service.results import job_info
from shared.errors import JobFolderFailed, UnknownJob

ANNA = submission()


def job_of_a_dead_process(jobs: Path, state: str = "running") -> Path:
    store = JobStore(jobs, "dead")
    store.change(replace(store.add(ANNA), state=state))
    return jobs / ANNA.job


def states(jobs: Path) -> list[str]:
    return [record.state for record in JobStore(jobs, "boot").records()]


@pytest.mark.parametrize("state", ["queued", "running"])
def test_unfinished_job_of_a_dead_process_is_interrupted(jobs: Path, state: str) -> None:
    folder = job_of_a_dead_process(jobs, state)
    assert states(jobs) == ["interrupted"]
    assert json.loads((folder / "job.json").read_text())["state"] == "interrupted"


def test_result_makes_a_job_of_a_dead_process_finished(jobs: Path) -> None:
    shutil.copytree(jobs / "template", job_of_a_dead_process(jobs) / "result")
    assert states(jobs) == ["finished"]


def test_unfinished_job_of_a_living_process_is_left_alone(jobs: Path) -> None:
    folder = job_of_a_dead_process(jobs)
    (folder / ".result-1.partial").mkdir()
    with ownership(jobs, "dead"):
        assert states(jobs) == ["running"]
    assert (folder / ".result-1.partial").exists()


def test_job_is_interrupted_when_its_owner_dies_while_another_looks(jobs: Path) -> None:
    job_of_a_dead_process(jobs)
    with ownership(jobs, "dead"):
        store = JobStore(jobs, "boot")
        assert store.find(ANNA.job).state == "running"
    assert store.find(ANNA.job).state == "interrupted"


def test_what_killed_processes_left_is_deleted(jobs: Path) -> None:
    folder = job_of_a_dead_process(jobs)
    (folder / ".result-1.partial").mkdir()
    (folder / ".job.json-1.partial").touch()
    (jobs / ".new-dead-1.partial").mkdir()
    (jobs / "boot-dead.lock").touch()
    JobStore(jobs, "boot")
    assert sorted(path.name for path in folder.iterdir()) == ["job.json"]
    assert sorted(path.name for path in jobs.iterdir()) == [ANNA.job, "template"]


def test_job_that_was_being_forgotten_is_deleted(jobs: Path) -> None:
    folder = job_of_a_dead_process(jobs)
    shutil.copytree(jobs / "template", folder / "result")
    (folder / "job.json").unlink()
    JobStore(jobs, "boot")
    assert not folder.exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        "[" * 100_000,
        '"\xff',
        '{"version": 2}',
        '{"version": 1, "job": 1}',
        "x" * (2 << 20),
    ],
    ids=["empty", "list", "deep", "cut", "version", "fields", "long"],
)
def test_broken_job_is_left_out_of_the_list(jobs: Path, text: str) -> None:
    store = JobStore(jobs, "boot")
    store.add(ANNA)
    foreign = jobs / ("f" * 32)
    foreign.mkdir()
    (foreign / "job.json").write_text(text)
    assert [record.job for record in store.records()] == [ANNA.job]
    assert (foreign / "job.json").exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [("state", "flying"), ("created", float("nan")), ("name", None), ("photos", [1])],
)
def test_job_with_a_wrong_field_is_left_out(jobs: Path, field: str, value: object) -> None:
    store = JobStore(jobs, "boot")
    store.add(ANNA)
    path = jobs / ANNA.job / "job.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    assert store.records() == []


def test_copy_of_a_job_folder_is_left_out(jobs: Path) -> None:
    store = JobStore(jobs, "boot")
    store.add(ANNA)
    shutil.copytree(jobs / ANNA.job, jobs / ("e" * 32))
    assert [record.job for record in store.records()] == [ANNA.job]


def test_link_to_a_folder_is_no_job(jobs: Path, tmp_path: Path) -> None:
    store = JobStore(jobs, "boot")
    store.add(ANNA)
    (jobs / ANNA.job).rename(tmp_path / "elsewhere")
    (jobs / ANNA.job).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnknownJob):
        store.find(ANNA.job)


def test_log_is_told_when_it_is_there(jobs: Path) -> None:
    store = JobStore(jobs, "boot")
    record = store.add(ANNA)
    folder = store.folder_of(ANNA.job)
    assert job_info(record, folder).log == ""
    (folder / "log.txt").touch()
    assert job_info(record, folder).log == str(folder / "log.txt")


def test_job_folder_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "jobs").touch()
    with pytest.raises(JobFolderFailed):
        JobStore(tmp_path / "jobs", "boot")


def test_boot_is_alive_while_it_holds_its_lock(tmp_path: Path) -> None:
    with ownership(tmp_path, "boot"):
        remove_stale_locks(tmp_path)
        assert is_alive(tmp_path, "boot")
    assert not is_alive(tmp_path, "boot")
    assert list(tmp_path.iterdir()) == []
