import math
import struct
from contextlib import suppress

import numpy as np
import pytest
from picture_files import (
    BLUE,
    GREEN,
    GREY_RED_IN_SRGB,
    RED,
    WHITE,
    chunk,
    corner_colours,
    display_p3,
    encoded,
    exif,
    grey_red,
    quarters,
)
from PIL import Image, ImageCms

from backend.pictures import FORMATS, GREATEST_SIDE_PX, open_picture
from shared.errors import UnreadablePhoto


def test_colours_are_kept_exactly() -> None:
    picture = open_picture("a.png", encoded(quarters()))
    assert corner_colours(picture.color) == [RED, GREEN, BLUE, WHITE]
    assert (picture.width, picture.height, picture.alpha, picture.message) == (96, 128, None, "")


@pytest.mark.parametrize(
    ("orientation", "corners"),
    [
        (0, [RED, GREEN, BLUE, WHITE]),  # not a valid value; some cameras write it
        (1, [RED, GREEN, BLUE, WHITE]),
        (2, [GREEN, RED, WHITE, BLUE]),
        (3, [WHITE, BLUE, GREEN, RED]),
        (4, [BLUE, WHITE, RED, GREEN]),
        (5, [RED, BLUE, GREEN, WHITE]),
        (6, [BLUE, RED, WHITE, GREEN]),
        (7, [WHITE, GREEN, BLUE, RED]),
        (8, [GREEN, WHITE, RED, BLUE]),
    ],
)
def test_exif_orientation_turns_the_photo_upright(
    orientation: int, corners: list[tuple[int, ...]]
) -> None:
    picture = open_picture("a.png", encoded(quarters(), exif=exif(orientation=orientation)))
    assert corner_colours(picture.color) == corners
    assert (picture.width, picture.height) == picture.color.size
    assert (picture.width > picture.height) == (orientation > 4)


@pytest.mark.parametrize("mode", ["L", "P", "LA", "RGBA", "CMYK", "1", "I;16"])
def test_every_mode_gives_the_same_grey(mode: str) -> None:
    grey = Image.new("L", (80, 80), 255)
    if mode == "I;16":
        picture = Image.fromarray(np.full((80, 80), 65535, np.uint16))
    else:
        picture = grey.convert("RGB").convert(mode) if mode == "CMYK" else grey.convert(mode)
    opened = open_picture("a.tif", encoded(picture, "TIFF"))
    assert np.asarray(opened.color).min() >= 254
    assert opened.alpha is None


def test_sixteen_bits_are_scaled_by_their_full_range() -> None:
    ramp = np.tile(np.linspace(0, 40000, 80).astype(np.uint16), (80, 1))
    picture = open_picture("a.png", encoded(Image.fromarray(ramp)))
    assert np.allclose(np.asarray(picture.color)[..., 0], ramp * (255 / 65535), atol=1)


def test_transparency_is_kept() -> None:
    alpha = Image.new("L", (96, 128), 255)
    alpha.paste(0, (0, 0, 48, 64))
    photo = quarters().convert("RGBA")
    photo.putalpha(alpha)
    picture = open_picture("a.png", encoded(photo))
    assert picture.alpha is not None
    assert np.array_equal(np.asarray(picture.alpha), np.asarray(alpha))
    assert corner_colours(picture.color) == [RED, GREEN, BLUE, WHITE]


def test_transparent_palette_entry_is_alpha() -> None:
    indexed = quarters().convert("P", palette=Image.Palette.ADAPTIVE)
    picture = open_picture("a.gif", encoded(indexed, "GIF", transparency=indexed.getpixel((0, 0))))
    assert picture.alpha is not None
    assert np.asarray(picture.alpha).mean() == 255 * 0.75


def test_colour_profile_is_applied() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = open_picture("a.png", encoded(quarters(), "PNG", icc_profile=profile))
    plain = open_picture("a.png", encoded(quarters()))
    assert np.allclose(np.asarray(same.color), np.asarray(plain.color), atol=2)
    wide = open_picture("a.png", encoded(grey_red(), icc_profile=display_p3()))
    assert np.allclose(np.asarray(wide.color)[0, 0], GREY_RED_IN_SRGB, atol=2)


def test_colour_profile_survives_the_reduction() -> None:
    wide = open_picture("a.png", encoded(grey_red(), icc_profile=display_p3()), 70)
    assert wide.color.size == (70, 70)
    assert np.allclose(np.asarray(wide.color)[0, 0], GREY_RED_IN_SRGB, atol=2)


def test_damaged_colour_profile_is_told() -> None:
    picture = open_picture("a.png", encoded(quarters(), icc_profile=b"no profile at all"))
    assert corner_colours(picture.color) == [RED, GREEN, BLUE, WHITE]
    assert "sRGB" in picture.message


def test_focal_length_is_defined_on_the_diagonal() -> None:
    tags = exif(focal_35mm=26, make="Maker", model="One", orientation=6)
    picture = open_picture("a.jpg", encoded(quarters(300, 400), "JPEG", exif=tags))
    assert picture.focal_px == pytest.approx(26 / 43.27 * 500)
    assert picture.camera_model == "Maker One, 400x300"


@pytest.mark.parametrize("focal_35mm", [0, 5, 60000])
def test_impossible_focal_length_is_not_believed(focal_35mm: int) -> None:
    picture = open_picture("a.jpg", encoded(quarters(), "JPEG", exif=exif(focal_35mm=focal_35mm)))
    assert picture.focal_px is None
    assert not picture.camera_model


def test_large_photo_is_reduced_and_its_size_kept() -> None:
    tags = exif(focal_35mm=50)
    picture = open_picture("a.jpg", encoded(quarters(128, 2 * GREATEST_SIDE_PX), "JPEG", exif=tags))
    assert picture.color.size == (64, GREATEST_SIDE_PX)
    assert (picture.width, picture.height) == (128, 2 * GREATEST_SIDE_PX)
    assert picture.focal_px == pytest.approx(50 / 43.27 * math.hypot(64, GREATEST_SIDE_PX))


def test_second_picture_of_a_phone_photo_is_left_alone() -> None:
    depth = quarters().convert("L").convert("RGB")
    data = encoded(quarters(), "MPO", save_all=True, append_images=[depth])
    picture = open_picture("a.jpg", data)
    red, green, _ = np.asarray(picture.color)[2, 2]
    assert red > 230
    assert green < 25


def test_heic_has_a_reader() -> None:
    assert set(FORMATS) <= set(Image.OPEN)


@pytest.mark.parametrize(("kind", "name"), [("GIF", "a.gif"), ("WEBP", "a.webp"), ("PNG", "a.png")])
def test_animation_is_refused(kind: str, name: str) -> None:
    data = encoded(quarters(), kind, save_all=True, append_images=[grey_red().resize((96, 128))])
    with pytest.raises(UnreadablePhoto, match=rf"{name}: the file is an animation\. Save"):
        open_picture(name, data)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "not a photo"),
        (b"This is a letter, not a photo.\n" * 20, "not a photo"),
        (encoded(quarters(), "PNG")[:200], "damaged or cut off"),
        (encoded(quarters(400, 400), "JPEG")[:1500], "damaged or cut off"),
        (encoded(quarters(400, 400), "WEBP")[:100], "damaged or cut off|not a photo"),
        (encoded(quarters(1, 1)), "only 1 x 1 pixels"),
        (encoded(quarters(2000, 63)), "only 2000 x 63 pixels"),
    ],
)
def test_what_is_no_photo_is_refused_in_one_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(UnreadablePhoto, match=rf"^beach\.jpg: .*({sentence}).*\. [A-Z].*\.$"):
        open_picture("beach.jpg", data)


@pytest.mark.parametrize("side", [11_400, 20_000])
def test_huge_photo_is_refused_before_it_is_decoded(side: int) -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    with pytest.raises(UnreadablePhoto, match="megapixels"):
        open_picture("huge.png", data)


@pytest.mark.parametrize("seed", range(20))
def test_damaged_bytes_never_escape_as_another_error(seed: int) -> None:
    kind = ["JPEG", "PNG", "WEBP", "GIF", "TIFF"][seed % 5]
    data = bytearray(encoded(quarters(), kind, exif=exif(orientation=6, make="M")))
    generator = np.random.default_rng(seed)
    for place in generator.integers(0, len(data), 12):
        data[place] = generator.integers(256)
    with suppress(UnreadablePhoto):
        open_picture("a", bytes(data))
