"""Photo files as they travel: their own bytes, within the limits of the wire."""

from collections.abc import Container, Sequence
from pathlib import Path

import numpy as np

from ..shared.errors import BadInput, UnreadablePhoto
from ..shared.messages import GREATEST_JOB_BYTES, GREATEST_PHOTO_BYTES, GREATEST_PHOTO_COUNT
from ..shared.types import Photo


def read_photos(paths: Sequence[Path]) -> tuple[Photo, ...]:
    """Return the files' bytes under names that differ.

    Raises:
        UnreadablePhoto: if a file cannot be read or is too large.
        BadInput: if there are no photos, too many, too many bytes, or one is there twice.
    """
    if not paths:
        raise BadInput("There are no photos.", "Add one or more photos of the person.")
    if len(paths) > GREATEST_PHOTO_COUNT:
        raise BadInput(f"{len(paths)} photos are too many.", f"Use at most {GREATEST_PHOTO_COUNT}.")
    photos: dict[str, Photo] = {}
    for index, path in enumerate(paths):
        if path in paths[:index]:
            raise BadInput(f"{path.name} is in the list twice.", "Remove one of the two.")
        name = _free_name(path, photos)
        photos[name] = read_photo(path, name)
        if sum(photo.data.nbytes for photo in photos.values()) > GREATEST_JOB_BYTES:
            raise BadInput(
                f"Together the photos are larger than {GREATEST_JOB_BYTES // 10**6} MB.",
                "Use fewer photos, or save them smaller, as JPEG.",
            )
    return tuple(photos.values())


def read_photo(path: Path, name: str) -> Photo:
    """Return a file's bytes under a name.

    Raises:
        UnreadablePhoto: if the file cannot be read or is too large.
    """
    try:
        with path.open("rb") as file:
            content = file.read(GREATEST_PHOTO_BYTES + 1)
    except OSError as error:
        why = error.strerror or error
        hint = "Check that the file is still there, or remove it from the list."
        raise UnreadablePhoto(path.name, f"the file cannot be read ({why}).", hint) from error
    if len(content) > GREATEST_PHOTO_BYTES:
        sentence = f"the file is larger than {GREATEST_PHOTO_BYTES // 10**6} MB."
        raise UnreadablePhoto(path.name, sentence, "Save the photo smaller, as JPEG.")
    return Photo(name=name, data=np.frombuffer(content, np.uint8))


def _free_name(path: Path, taken: Container[str]) -> str:
    count, name = 1, path.name
    while name in taken:
        count += 1
        name = f"{path.stem} ({count}){path.suffix}"
    return name
