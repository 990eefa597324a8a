"""Boxes on photos: tiles, crops beyond the border, and putting them back."""

import numpy as np
from jaxtyping import Float, UInt8

Box = tuple[int, int, int, int]
"""Left, top, width and height in pixels; it may reach beyond the photo."""


def tiles(width: int, height: int, side: int) -> list[Box]:
    """Squares (left, top, width, height) that cover the photo and overlap by half or more."""

    def starts(length: int) -> list[int]:
        count = 1 + -(-2 * (length - side) // side)
        return [round(start) for start in np.linspace(0, length - side, count)]

    return [(left, top, side, side) for top in starts(height) for left in starts(width)]


def box_around(centre: Float[np.ndarray, " 2"], half_width: float, half_height: float) -> Box:
    """The box of whole pixels with that centre, at least 2 pixels wide and high."""
    left, top = round(float(centre[0]) - half_width), round(float(centre[1]) - half_height)
    return left, top, max(2, round(2 * half_width)), max(2, round(2 * half_height))


def _overlap(box: Box, size: tuple[int, int]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Slices of the photo and of the box where both are."""
    left, top, width, height = box
    x0, x1 = (min(max(x, 0), size[1]) for x in (left, left + width))
    y0, y1 = (min(max(y, 0), size[0]) for y in (top, top + height))
    return (slice(y0, y1), slice(x0, x1)), (
        slice(y0 - top, y1 - top),
        slice(x0 - left, x1 - left),
    )


def cut(image: UInt8[np.ndarray, "H W 3"], box: Box) -> UInt8[np.ndarray, "h w 3"]:
    """The box of the photo, black beyond its border as MediaPipe itself does it."""
    crop = np.zeros((box[3], box[2], 3), np.uint8)
    in_photo, in_box = _overlap(box, (image.shape[0], image.shape[1]))
    crop[in_box] = image[in_photo]
    return crop


def put_back(
    mask: Float[np.ndarray, "h w"], box: Box, size: tuple[int, int]
) -> Float[np.ndarray, "H W"]:
    """A mask of the box on a photo of `size` (height, width), 0 outside the box."""
    photo = np.zeros(size, np.float32)
    in_photo, in_box = _overlap(box, size)
    photo[in_photo] = mask[in_box]
    return photo
