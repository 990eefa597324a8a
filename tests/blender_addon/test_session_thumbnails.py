"""Thumbnails as the session knows them."""

import os
from collections.abc import Callable
from pathlib import Path

from blender_addon.session import Launch, Session
from blender_addon.shared.messages import BadPhoto, Thumbnail

Until = Callable[..., None]
MakeLaunch = Callable[[str], Launch]


def test_a_thumbnail_is_asked_for_once_per_state_of_the_file(
    session: Session, launch: MakeLaunch, until: Until, photo: Path
) -> None:
    session.start(launch("normal"))
    session.request_thumbnail(photo)
    until(session, lambda: str(photo) in session.thumbnails)
    first = session.thumbnails[str(photo)]
    session.request_thumbnail(photo)
    assert session.thumbnails[str(photo)] is first
    photo.write_bytes(b"12345")
    os.utime(photo, ns=(1, 1))
    session.request_thumbnail(photo)
    until(session, lambda: str(photo) in session.thumbnails)
    second = session.thumbnails[str(photo)]
    assert isinstance(second, Thumbnail)
    assert second.pixels[0, 0, 0] == 5


def test_a_thumbnail_of_a_missing_file_says_so(
    session: Session, launch: MakeLaunch, until: Until, tmp_path: Path
) -> None:
    session.start(launch("normal"))
    path = tmp_path / "gone.jpg"
    session.request_thumbnail(path)
    until(session, lambda: str(path) in session.thumbnails)
    assert isinstance(session.thumbnails[str(path)], BadPhoto)
