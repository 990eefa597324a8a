"""A photo, upright and small, to look at before the job."""

import numpy as np
from PIL import Image

from backend.pictures import open_picture
from shared.errors import UnreadablePhoto
from shared.messages import BadPhoto, MakeThumbnail, Thumbnail

FINER = 2
"""Times the thumbnail's size at which the photo is opened: JPEG readers skip the rest."""


def thumbnail(message: MakeThumbnail) -> Thumbnail | BadPhoto:
    """Return the photo in sRGB, its longer side as long as asked for; or why there is none."""
    photo, side_px = message.photo, message.size_px
    try:
        picture = open_picture(photo.name, photo.data.tobytes(), FINER * side_px)
    except UnreadablePhoto as refusal:
        return BadPhoto(key=message.key, sentence=refusal.sentence, hint=refusal.hint)
    shown = picture.color.convert("RGBA")
    if picture.alpha is not None:
        shown.putalpha(picture.alpha)
    scale = side_px / max(shown.size)
    width, height = (max(1, round(side * scale)) for side in shown.size)
    # Pillow weighs the colours of RGBA by their alpha: hidden ones do not bleed into the outline.
    small = shown.resize((width, height), Image.Resampling.LANCZOS)
    return Thumbnail(key=message.key, pixels=np.asarray(small))
