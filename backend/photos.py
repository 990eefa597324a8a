"""The bytes of a photo file -> upright sRGB, alpha, focal length, as tensors."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from backend.pictures import open_picture

GREY = 0.5
"""Colour put where the alpha channel hides the photo."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedPhoto:
    """A photo as a viewer shows it."""

    name: str
    color: Float[Tensor, "H W 3"]
    """Upright sRGB, 0 to 1, at the working size; grey where alpha hides it."""
    alpha: Float[Tensor, "H W"] | None
    """0 to 1; None if no pixel is transparent."""
    focal_px: float | None
    """At the working size, from EXIF; None if the file does not tell."""
    camera_model: str
    """The same for photos of one camera and lens; empty if the file does not tell."""
    width: int
    """Of the file, upright, in pixels (the working size is `color`'s)."""
    height: int
    message: str
    """What was read otherwise than the file says; usually empty."""


def decode_photo(name: str, data: bytes) -> DecodedPhoto:
    """Read a picture file into upright sRGB.

    Raises:
        UnreadablePhoto: No picture, broken, moving, too small or too large.
    """
    picture = open_picture(name, data)
    straight = _pixels(picture.color)
    opacity = None if picture.alpha is None else _pixels(picture.alpha)
    return DecodedPhoto(
        name=name,
        color=straight if opacity is None else _without_hidden_colours(straight, opacity),
        alpha=opacity,
        focal_px=picture.focal_px,
        camera_model=picture.camera_model,
        width=picture.width,
        height=picture.height,
        message=picture.message,
    )


def _pixels(picture: Image.Image) -> Float[Tensor, "..."]:
    return torch.from_numpy(np.array(picture)).float() / 255.0


def _without_hidden_colours(
    straight: Float[Tensor, "H W 3"], alpha: Float[Tensor, "H W"]
) -> Float[Tensor, "H W 3"]:
    """The colours over grey; more than half opaque pixels keep their own.

    Colours under full transparency are rubbish. Those at the outline are already free of the
    background and stay so, which spares the texture a fringe.
    """
    weight = (2.0 * alpha).clamp(max=1.0)[..., None]
    return weight * straight + (1.0 - weight) * GREY
