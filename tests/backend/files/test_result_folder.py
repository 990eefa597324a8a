from pathlib import Path

import pytest

from backend.files.result_folder import result_folder
from shared.errors import BadInput


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def interrupted_run(target: Path, error: type[BaseException]) -> None:
    with result_folder(target) as folder:
        (folder / "report.json").write_text("half")
        raise error


def test_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "out"
    with result_folder(target) as folder:
        (folder / "report.json").write_text("{}")
        assert not target.exists()
    assert names(target) == {"report.json"}
    assert names(target.parent) == {"out"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_nothing_is_left_of_what_was_interrupted(
    tmp_path: Path, error: type[BaseException]
) -> None:
    with pytest.raises(error):
        interrupted_run(tmp_path / "out", error)
    assert names(tmp_path) == set()


def test_an_interrupted_run_leaves_the_earlier_result(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("earlier")
    with pytest.raises(KeyboardInterrupt):
        interrupted_run(tmp_path, KeyboardInterrupt)
    assert (tmp_path / "report.json").read_text() == "earlier"


def test_a_second_run_replaces_ours_and_keeps_the_users(tmp_path: Path) -> None:
    for name in ("avatar.npz", "mask_1.png", "mask_2.png", "holiday.jpg", "mask_x.png"):
        (tmp_path / name).write_text("earlier")
    with result_folder(tmp_path) as folder:
        (folder / "avatar.npz").write_text("later")
        (folder / "mask_1.png").write_text("later")
    assert names(tmp_path) == {"avatar.npz", "mask_1.png", "holiday.jpg", "mask_x.png"}
    assert (tmp_path / "avatar.npz").read_text() == "later"
    assert (tmp_path / "holiday.jpg").read_text() == "earlier"


def test_photos_of_an_earlier_run_are_replaced(tmp_path: Path) -> None:
    for name in ("photo_1.jpg", "photo_2.jpg", "mask_1.png", "mask_2.png"):
        (tmp_path / name).write_text("earlier")
    with result_folder(tmp_path) as folder:
        for name in ("photo_1.jpg", "mask_1.png"):
            (folder / name).write_text("later")
    assert names(tmp_path) == {"photo_1.jpg", "mask_1.png"}
    assert (tmp_path / "photo_1.jpg").read_text() == "later"


def test_the_users_own_photos_are_never_replaced(tmp_path: Path) -> None:
    for name in ("photo_1.jpg", "mask_1.png", "photo_2.jpg"):
        (tmp_path / name).write_text("mine")
    with pytest.raises(BadInput, match=r"photo_2\.jpg would be replaced"), result_folder(tmp_path):
        pass
    assert (tmp_path / "photo_2.jpg").read_text() == "mine"


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(BadInput, match="is a file"), result_folder(tmp_path / "out"):
        pass
    assert (tmp_path / "out").read_text() == "mine"


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="Cannot write"), result_folder(tmp_path / "file" / "out"):
        pass
