"""Photo files: read as they are, and refused by name if they cannot travel."""

from pathlib import Path

import pytest

from blender_addon.link import photo_files
from blender_addon.link.photo_files import read_photos
from blender_addon.shared.errors import AvatarError, BadInput, UnreadablePhoto
from blender_addon.shared.messages import GREATEST_PHOTO_BYTES, GREATEST_PHOTO_COUNT


def make(path: Path, size: int = 3) -> Path:
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)
    return path


def complaint(*paths: Path, kind: type[AvatarError] = BadInput) -> str:
    with pytest.raises(kind) as caught:
        read_photos(paths)
    assert caught.value.hint
    return caught.value.sentence


def test_photos_carry_the_files_own_bytes(tmp_path: Path) -> None:
    path = tmp_path / "front.jpg"
    path.write_bytes(b"\xff\xd8abc")
    (photo,) = read_photos([path])
    assert (photo.name, photo.data.tobytes()) == ("front.jpg", b"\xff\xd8abc")


def test_names_differ_even_if_the_files_do_not(tmp_path: Path) -> None:
    photos = read_photos([make(tmp_path / folder / "me.jpg") for folder in "abc"])
    assert [photo.name for photo in photos] == ["me.jpg", "me (2).jpg", "me (3).jpg"]


def test_the_largest_photo_that_travels_is_read(tmp_path: Path) -> None:
    (photo,) = read_photos([make(tmp_path / "big.tif", GREATEST_PHOTO_BYTES)])
    assert len(photo.data) == GREATEST_PHOTO_BYTES


def test_a_larger_photo_is_named(tmp_path: Path) -> None:
    path = make(tmp_path / "big.tif", GREATEST_PHOTO_BYTES + 1)
    words = complaint(path, kind=UnreadablePhoto)
    assert words == "big.tif: the file is larger than 64 MB."


def test_a_folder_is_no_photo(tmp_path: Path) -> None:
    words = complaint(tmp_path, kind=UnreadablePhoto)
    assert words == f"{tmp_path.name}: the file cannot be read (Is a directory)."


def test_no_photos_are_too_few() -> None:
    assert complaint() == "There are no photos."


def test_too_many_photos_are_counted(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.jpg" for number in range(GREATEST_PHOTO_COUNT + 1)]
    assert complaint(*paths) == "101 photos are too many."


def test_a_photo_that_is_there_twice_is_named(tmp_path: Path) -> None:
    path = make(tmp_path / "front.jpg")
    assert complaint(path, path) == "front.jpg is in the list twice."


def test_photos_that_are_too_large_together_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_files, "GREATEST_JOB_BYTES", 5_000_000)
    paths = [make(tmp_path / f"{number}.jpg", 3_000_000) for number in range(2)]
    assert complaint(*paths) == "Together the photos are larger than 5 MB."
