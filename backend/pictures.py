"""The bytes of a photo file -> upright sRGB picture, as Pillow has it.

The only place that opens picture files. Everything that is wrong with one is told as
`UnreadablePhoto`: which photo, what is wrong, what to do.
"""

import io
import math
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pi_heif
from PIL import Image, ImageCms

from shared.errors import UnreadablePhoto

pi_heif.register_heif_opener()

Image.init()  # all readers known by name; without it only some are until the first failure
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "HEIF")
"""Pillow's names (JPEG includes the two-picture MPO of phones); its other readers stay out: some
start programs, the rest are of no use."""
ANIMATED_FORMATS = ("PNG", "WEBP", "GIF")
"""A second picture in the other formats is a depth map, a preview or a page, not a movement."""

LEAST_SIDE_PX = 64
"""Below this a person cannot be told from noise."""
GREATEST_SIDE_PX = 4096
"""Longest side of the working image; a larger photo is reduced to it. Twice what the stages use."""
GREATEST_PIXELS = 128_000_000
"""Room for the 108-megapixel photos of phones; decoded they take 0.4 GB."""
FILM_DIAGONAL_MM = 43.27
"""Of the 36 mm x 24 mm frame: EXIF defines the 35-mm focal length on the diagonal."""
FOCAL_35MM_RANGE = (8.0, 1200.0)
"""Shortest fisheye to longest telephoto lens; other values (0 = unknown) are not believed."""

_ORIENTATION, _MAKE, _MODEL = 0x0112, 0x010F, 0x0110
_EXIF_IFD, _FOCAL_35MM, _LENS = 0x8769, 0xA405, 0xA434
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SMOOTH = {"RGB", "L", "CMYK"}
"""Modes whose values can be averaged."""
_PILLOW_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""What Pillow and its plug-ins raise on broken files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A photo as a viewer shows it."""

    color: Image.Image
    """Upright sRGB, mode RGB."""
    alpha: Image.Image | None
    """Mode L; None if no pixel is transparent."""
    focal_px: float | None
    """At `color`'s size, from EXIF; None if the file does not tell."""
    camera_model: str
    """The same for photos of one camera and lens; empty if the file does not tell."""
    width: int
    """Of the file, upright, in pixels (`color` may be smaller)."""
    height: int
    message: str
    """What was read otherwise than the file says; usually empty."""


def open_picture(name: str, data: bytes, longest_px: int = GREATEST_SIDE_PX) -> Picture:
    """Read a picture file into upright sRGB.

    Args:
        name: For the errors.
        data: Of the file.
        longest_px: A picture whose longer side is longer is reduced to it.

    Raises:
        UnreadablePhoto: No picture, broken, moving, too small or too large.
    """
    with _refusing(name):
        picture = _open(name, data)
        _check_still(name, picture)
        full_size = picture.size
        _shrink_while_decoding(picture, longest_px)
        exif = picture.getexif()
        camera_model, focal_35mm = _camera(exif, full_size)
        turn = _UPRIGHT.get(exif.get(_ORIENTATION, 1))
        picture.load()
        if picture.mode in _SMOOTH and not picture.has_transparency_data:
            picture = _reduced(picture, longest_px)  # before the profile, which takes longer
        color, alpha, message = _srgb(picture)
        shown = _upright(_reduced(_merged(color, alpha), longest_px), turn)
    color, alpha = shown.convert("RGB"), _translucent(shown)
    width, height = full_size[::-1] if _swaps_sides(turn) else full_size
    return Picture(
        color=color,
        alpha=alpha,
        focal_px=_focal_px(focal_35mm, color.size),
        camera_model=camera_model,
        width=width,
        height=height,
        message=message,
    )


@contextmanager
def _refusing(name: str) -> Iterator[None]:
    """Turn what Pillow raises on a broken file into a refusal of the photo."""
    try:
        with warnings.catch_warnings():
            # Pillow warns of odd metadata and of sizes that `_open` judges itself.
            warnings.simplefilter("ignore")
            yield
    except _PILLOW_ERRORS as error:
        raise UnreadablePhoto(
            name, "the file is damaged or cut off.", "Copy or export the photo again."
        ) from error


def _open(name: str, data: bytes) -> Image.Image:
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.UnidentifiedImageError as error:
        raise UnreadablePhoto(
            name, "the file is not a photo.", "Use a JPEG, PNG, WebP, HEIC or TIFF file."
        ) from error
    except Image.DecompressionBombError as error:
        raise _too_large(name) from error
    width, height = picture.size
    if width * height > GREATEST_PIXELS:
        raise _too_large(name)
    if min(width, height) < LEAST_SIDE_PX:
        raise UnreadablePhoto(
            name,
            f"the photo has only {width} x {height} pixels.",
            f"Use one with at least {LEAST_SIDE_PX} pixels on each side, better 1000.",
        )
    return picture


def _too_large(name: str) -> UnreadablePhoto:
    return UnreadablePhoto(
        name,
        f"the photo has more than {GREATEST_PIXELS // 1_000_000} megapixels.",
        f"Scale it down; {GREATEST_SIDE_PX} pixels on the longer side are enough.",
    )


def _check_still(name: str, picture: Image.Image) -> None:
    if picture.format in ANIMATED_FORMATS and getattr(picture, "n_frames", 1) > 1:
        raise UnreadablePhoto(
            name, "the file is an animation.", "Save the frame you want as a photo of its own."
        )


def _shrink_while_decoding(picture: Image.Image, longest_px: int) -> None:
    """Let the JPEG reader skip detail that is not asked for."""
    if max(picture.size) > longest_px:
        scale = longest_px / max(picture.size)
        width, height = (math.ceil(side * scale) for side in picture.size)
        picture.draft(None, (width, height))  # pyright: ignore[reportArgumentType] (None = keep)


def _camera(exif: Image.Exif, size: tuple[int, int]) -> tuple[str, float | None]:
    """A key of the camera, and its focal length on 35-mm film in mm."""
    details = exif.get_ifd(_EXIF_IFD)
    body = " ".join(_text(exif.get(tag)) for tag in (_MAKE, _MODEL)).strip()
    lens = _text(details.get(_LENS))
    pixels = f"{max(size)}x{min(size)}"
    model = ", ".join(part for part in (body, lens, pixels) if part) if body else ""
    try:
        focal = float(details.get(_FOCAL_35MM, 0))
    except (TypeError, ValueError, ZeroDivisionError):
        return model, None
    shortest, longest = FOCAL_35MM_RANGE
    return model, focal if shortest <= focal <= longest else None


def _text(value: object) -> str:
    return value.strip("\0 \t\r\n") if isinstance(value, str) else ""


def _focal_px(focal_35mm: float | None, size: tuple[int, int]) -> float | None:
    return None if focal_35mm is None else focal_35mm / FILM_DIAGONAL_MM * math.hypot(*size)


def _srgb(picture: Image.Image) -> tuple[Image.Image, Image.Image | None, str]:
    """The picture in sRGB, its alpha channel, and what could not be read as the file says."""
    alpha = None
    if picture.has_transparency_data:
        shown = picture.convert("RGBA")
        alpha = shown.getchannel("A")
        picture = _with_profile(shown.convert("RGB"), picture)
    elif picture.mode in {"I", "F", "I;16", "I;16B", "I;16L", "I;16N"}:
        picture = _with_profile(_eight_bits(picture), picture)
    elif picture.mode not in {"RGB", "L", "CMYK", "LAB"}:
        picture = _with_profile(picture.convert("RGB"), picture)
    color, message = _profile_to_srgb(picture)
    return color, alpha, message


def _with_profile(converted: Image.Image, original: Image.Image) -> Image.Image:
    converted.info["icc_profile"] = original.info.get("icc_profile")
    return converted


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Grey of 16 bits or of floating point, as 8 bits; integers are scaled by their full range."""
    values = np.asarray(picture).astype(np.float64)
    peak = values.max(initial=0.0)
    full = next((full for full in (1.0, 255.0, 65535.0) if peak <= full), float(peak))
    if picture.mode != "F":
        full = max(full, 65535.0)
    return Image.fromarray((values / full * 255.0).clip(0, 255).round().astype(np.uint8))


_MISFIT = "Its colour profile is of another kind of picture: it is read as sRGB."
_BROKEN = "Its colour profile is damaged: it is read as sRGB."
_COLOUR_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab"}


def _profile_to_srgb(picture: Image.Image) -> tuple[Image.Image, str]:
    """The picture's colours in sRGB by its ICC profile (sRGB if it has none)."""
    profile_bytes = picture.info.get("icc_profile")
    if not profile_bytes:
        return picture.convert("RGB"), ""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(profile_bytes))
        space = _colour_space(profile)
        if _COLOUR_SPACES[picture.mode] != space:
            if space != "RGB":
                return picture.convert("RGB"), _MISFIT
            picture = picture.convert("RGB")
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(picture, profile, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return picture.convert("RGB"), _BROKEN
    return picture.convert("RGB") if converted is None else converted, ""


def _colour_space(profile: ImageCms.ImageCmsProfile) -> str:
    handle: Any = profile.profile
    return handle.xcolor_space.strip()


def _swaps_sides(turn: Image.Transpose | None) -> bool:
    return turn in {_UPRIGHT[5], _UPRIGHT[6], _UPRIGHT[7], _UPRIGHT[8]}


def _merged(color: Image.Image, alpha: Image.Image | None) -> Image.Image:
    """Both in one: Pillow reduces such pictures without letting hidden colours bleed out."""
    if alpha is not None:
        color.putalpha(alpha)
    return color


def _translucent(picture: Image.Image) -> Image.Image | None:
    """The alpha channel, unless nothing shines through."""
    if picture.mode != "RGBA":
        return None
    alpha = picture.getchannel("A")
    return None if alpha.getextrema() == (255, 255) else alpha


def _reduced(picture: Image.Image, longest_px: int) -> Image.Image:
    if max(picture.size) <= longest_px:
        return picture
    scale = longest_px / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)


def _upright(picture: Image.Image, turn: Image.Transpose | None) -> Image.Image:
    return picture if turn is None else picture.transpose(turn)
