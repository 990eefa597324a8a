"""Photos are told apart by their names."""

from collections.abc import Container, Sequence
from dataclasses import replace
from pathlib import PurePath

from shared.types import Photo


def free_name(name: str, taken: Container[str]) -> str:
    """Return the name, with a number if it is taken."""
    count = 1
    free = name
    while free in taken:
        count += 1
        free = f"{PurePath(name).stem} ({count}){PurePath(name).suffix}"
    return free


def with_different_names(photos: Sequence[Photo]) -> tuple[Photo, ...]:
    """Return the photos in their order, later ones of the same name with a number."""
    found: dict[str, Photo] = {}
    for photo in photos:
        name = free_name(photo.name, found)
        found[name] = replace(photo, name=name)
    return tuple(found.values())
