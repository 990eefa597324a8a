import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.avatar_file import load_avatar, load_fit, save_avatar, save_fit
from shared.errors import BadFile
from shared.types import Avatar, Fit


def assert_equal(one: Any, other: Any) -> None:
    for field in dataclasses.fields(one):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        assert np.array_equal(mine, theirs), field.name
        assert type(mine) is type(theirs)


def test_a_saved_avatar_loads_as_it_was(tmp_path: Path, box_avatar: Avatar) -> None:
    save_avatar(tmp_path / "avatar.npz", box_avatar)
    assert_equal(load_avatar(tmp_path / "avatar.npz"), box_avatar)


def test_a_saved_fit_loads_as_it_was(tmp_path: Path, box_fit: Fit) -> None:
    save_fit(tmp_path / "fit.npz", box_fit)
    assert_equal(load_fit(tmp_path / "fit.npz"), box_fit)


def test_same_avatar_same_bytes(tmp_path: Path, box_avatar: Avatar) -> None:
    save_avatar(tmp_path / "a.npz", box_avatar)
    save_avatar(tmp_path / "b.npz", box_avatar)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04broken", b"\x93NUMPY"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "avatar.npz").write_bytes(content)
    with pytest.raises(BadFile, match="not a whole NumPy archive"):
        load_avatar(tmp_path / "avatar.npz")


def test_half_an_avatar_is_refused(tmp_path: Path, box_avatar: Avatar) -> None:
    save_avatar(tmp_path / "avatar.npz", box_avatar)
    whole = (tmp_path / "avatar.npz").read_bytes()
    (tmp_path / "avatar.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadFile):
        load_avatar(tmp_path / "avatar.npz")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"avatar\.npz cannot be read: No such file"):
        load_avatar(tmp_path / "avatar.npz")


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    with (tmp_path / "avatar.npz").open("wb") as file:
        np.savez(file, version=np.array([{"any": "object"}], dtype=object))
    with pytest.raises(BadFile):
        load_avatar(tmp_path / "avatar.npz")


def test_a_single_array_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "avatar.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(BadFile):
        load_avatar(tmp_path / "avatar.npz")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"version": np.array(999)}, "version"),
        ({"version": np.array([1, 2])}, "version"),
        ({"vertices": np.zeros((8, 2), np.float32)}, "contradicts itself: vertices"),
        ({"weights": None}, "lacks weights"),
    ],
)
def test_contradictions_are_told(
    tmp_path: Path, box_avatar: Avatar, changes: dict[str, Any], complaint: str
) -> None:
    save_avatar(tmp_path / "avatar.npz", box_avatar)
    with np.load(tmp_path / "avatar.npz") as archive:
        entries = dict(archive) | changes
    kept = {name: value for name, value in entries.items() if value is not None}
    np.savez(tmp_path / "avatar.npz", **kept)
    with pytest.raises(BadFile, match=complaint):
        load_avatar(tmp_path / "avatar.npz")


def test_a_fit_is_no_avatar(tmp_path: Path, box_fit: Fit) -> None:
    save_fit(tmp_path / "fit.npz", box_fit)
    with pytest.raises(BadFile, match="lacks colours"):
        load_avatar(tmp_path / "fit.npz")
