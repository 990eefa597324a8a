"""Small upright pictures of the photos, as icons of the panel.

Blender itself reads neither HEIC nor the orientation that cameras note in a file: the backend
makes the pictures, this module hands their pixels to Blender.
"""

from typing import Any

import bpy.utils.previews
import numpy as np

from .shared.messages import Thumbnail


class Icons:
    """Owns the pictures that Blender shows for photos."""

    def __init__(self) -> None:
        self._previews = bpy.utils.previews.new()
        self._shown: dict[str, Thumbnail] = {}

    def show(self, path: str, thumbnail: Thumbnail) -> bool:
        """Give a photo its picture; returns whether anything was to be done.

        Args:
            path: Of the photo.
            thumbnail: Row 0 is the top; Blender's is the bottom.
        """
        if self._shown.get(path) is thumbnail:
            return False
        preview: Any = self._previews.get(path) or self._previews.new(path)
        height, width, _ = thumbnail.pixels.shape
        preview.image_size = (width, height)
        packed = np.ascontiguousarray(thumbnail.pixels[::-1]).view(np.int32)  # RGBA bytes
        preview.image_pixels.foreach_set(packed.ravel())
        self._shown[path] = thumbnail
        return True

    def icon(self, path: str) -> int:
        """Return the number of a photo's icon; 0 if there is none yet."""
        preview = self._previews.get(path)
        return preview.icon_id if preview else 0

    def close(self) -> None:
        """Give the pictures back to Blender."""
        bpy.utils.previews.remove(self._previews)


_icons: Icons | None = None


def icons() -> Icons:
    """Return the pictures of this Blender; they exist from the first use to `unregister`."""
    global _icons  # noqa: PLW0603 - Blender's modules live between register and unregister
    if _icons is None:
        _icons = Icons()
    return _icons


def register() -> None:
    """Nothing is made before the first photo."""


def unregister() -> None:
    """Free the pictures."""
    global _icons  # noqa: PLW0603 - as above
    if _icons is not None:
        _icons.close()
        _icons = None
