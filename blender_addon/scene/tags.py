"""Custom properties that say which data-blocks belong to which imported avatar.

Nothing else remembers it: references would not survive undo, saving or appending.
"""

from typing import Any

IMPORT = "photo_avatar_import"
"""Of armature object, actions and cameras: the same for all of one import."""
JOB = "photo_avatar_job"
"""Of the armature object: the job whose result was imported."""
PHOTO = "photo_avatar_photo"
"""Of actions and cameras: the photo's place in the fit."""
PHOTO_NAME = "photo_avatar_photo_name"
"""Of actions."""


def by_photo(blocks: Any, import_id: str) -> dict[int, Any]:
    """Return an import's blocks by their photo's place; the first, if some were copied."""
    found: dict[int, Any] = {}
    for block in blocks:
        if block.get(IMPORT) == import_id and PHOTO in block:
            found.setdefault(block[PHOTO], block)
    return found
