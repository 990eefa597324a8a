import io
import math
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from backend.photos import FORMATS, GREATEST_SIDE_PX, decode_photo
from shared.errors import UnreadablePhoto

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
ORIENTATION, MAKE, MODEL, EXIF_IFD, FOCAL_35MM = 0x0112, 0x010F, 0x0110, 0x8769, 0xA405


def quarters(width: int = 96, height: int = 128) -> Image.Image:
    """Red, green / blue, white: tells every turn and flip from the others."""
    corners = Image.new("RGB", (2, 2))
    corners.putdata([RED, GREEN, BLUE, WHITE])
    return corners.resize((width, height), Image.Resampling.NEAREST)


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def exif(**tags: int | str) -> Image.Exif:
    names = {"orientation": ORIENTATION, "make": MAKE, "model": MODEL}
    result = Image.Exif()
    for name, value in tags.items():
        if name == "focal_35mm":
            result.get_ifd(EXIF_IFD)[FOCAL_35MM] = value
        else:
            result[names[name]] = value
    return result


def corner_colours(color: torch.Tensor) -> list[tuple[int, ...]]:
    rows, columns = color.shape[0] // 4, color.shape[1] // 4
    corners = color[rows :: 2 * rows, columns :: 2 * columns][:2, :2].reshape(-1, 3)
    return [tuple(round(float(c) * 255) for c in corner) for corner in corners]


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def test_colours_are_kept_exactly() -> None:
    photo = decode_photo("a.png", encoded(quarters()))
    assert corner_colours(photo.color) == [RED, GREEN, BLUE, WHITE]
    assert (photo.width, photo.height, photo.alpha, photo.message) == (96, 128, None, "")


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
    photo = decode_photo("a.png", encoded(quarters(), exif=exif(orientation=orientation)))
    assert corner_colours(photo.color) == corners
    assert (photo.height, photo.width) == tuple(photo.color.shape[:2])
    assert (photo.width > photo.height) == (orientation > 4)


@pytest.mark.parametrize("mode", ["L", "P", "LA", "RGBA", "CMYK", "1", "I;16"])
def test_every_mode_gives_the_same_grey(mode: str) -> None:
    grey = Image.new("L", (80, 80), 255)
    if mode == "I;16":
        picture = Image.fromarray(np.full((80, 80), 65535, np.uint16))
    else:
        picture = grey.convert("RGB").convert(mode) if mode == "CMYK" else grey.convert(mode)
    photo = decode_photo("a.tif", encoded(picture, "TIFF"))
    assert torch.allclose(photo.color, torch.ones(80, 80, 3), atol=1 / 255)
    assert photo.alpha is None


def test_sixteen_bits_are_scaled_by_their_full_range() -> None:
    ramp = np.tile(np.linspace(0, 40000, 80).astype(np.uint16), (80, 1))
    photo = decode_photo("a.png", encoded(Image.fromarray(ramp)))
    expected = torch.from_numpy(ramp / 65535.0).float()
    assert torch.allclose(photo.color[..., 0], expected, atol=1 / 255)


def test_transparency_is_kept_and_hidden_colours_are_not() -> None:
    picture = quarters().convert("RGBA")
    alpha = Image.new("L", picture.size, 255)
    alpha.paste(0, (0, 0, 48, 64))
    picture.putalpha(alpha)
    photo = decode_photo("a.png", encoded(picture))
    assert photo.alpha is not None
    assert (photo.alpha[:64, :48] == 0).all()
    assert photo.alpha[64:].eq(1).all()
    assert corner_colours(photo.color) == [(128, 128, 128), GREEN, BLUE, WHITE]


def test_transparent_palette_entry_is_alpha() -> None:
    picture = quarters().convert("P", palette=Image.Palette.ADAPTIVE)
    photo = decode_photo("a.gif", encoded(picture, "GIF", transparency=picture.getpixel((0, 0))))
    assert photo.alpha is not None
    assert photo.alpha.mean().item() == pytest.approx(0.75)


def test_colour_profile_is_applied() -> None:
    picture = quarters()
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = decode_photo("a.png", encoded(picture, "PNG", icc_profile=plain))
    assert torch.allclose(same.color, decode_photo("a.png", encoded(picture)).color, atol=2 / 255)
    wide = decode_photo("a.png", encoded(grey_red(), icc_profile=display_p3()))
    # Display P3 (0.8, 0.4, 0.4) is sRGB (0.864, 0.375, 0.385) by the two primaries' matrices.
    expected = torch.tensor([0.864, 0.375, 0.385])
    assert torch.allclose(wide.color[0, 0], expected, atol=0.008)


def grey_red() -> Image.Image:
    return Image.new("RGB", (80, 80), (204, 102, 102))


def display_p3() -> bytes:
    """A matrix profile of the primaries of Display P3 (D50-adapted), gamma near sRGB's."""

    def fixed(*values: float) -> bytes:
        return b"".join(struct.pack(">i", round(v * 65536)) for v in values)

    tags = {
        b"rXYZ": b"XYZ \0\0\0\0" + fixed(0.51512, 0.24120, -0.00105),
        b"gXYZ": b"XYZ \0\0\0\0" + fixed(0.29198, 0.69225, 0.04189),
        b"bXYZ": b"XYZ \0\0\0\0" + fixed(0.15710, 0.06657, 0.78407),
        b"wtpt": b"XYZ \0\0\0\0" + fixed(0.9642, 1.0, 0.8249),
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 3) + b"P3\0" + bytes(79),
        b"cprt": b"text\0\0\0\0CC0\0",
    }
    curve = b"para\0\0\0\0\0\3\0\0" + fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    table, body, start = b"", b"", 128 + 4 + 12 * len(tags)
    padded = {name: value + bytes(-len(value) % 4) for name, value in tags.items()}
    for name, value in padded.items():
        table += struct.pack(">4sII", name, start + len(body), len(value))
        body += value
    size = start + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x04000000, b"mntr", b"RGB ", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + fixed(0.9642, 1.0, 0.8249) + bytes(48)
    return head + struct.pack(">I", len(tags)) + table + body


def test_damaged_colour_profile_is_told() -> None:
    photo = decode_photo("a.png", encoded(quarters(), icc_profile=b"no profile at all"))
    assert corner_colours(photo.color) == [RED, GREEN, BLUE, WHITE]
    assert "sRGB" in photo.message


def test_focal_length_is_defined_on_the_diagonal() -> None:
    tags = exif(focal_35mm=26, make="Maker", model="One", orientation=6)
    photo = decode_photo("a.jpg", encoded(quarters(300, 400), "JPEG", exif=tags))
    assert photo.focal_px == pytest.approx(26 / 43.27 * 500)
    assert photo.camera_model == "Maker One, 400x300"


@pytest.mark.parametrize("focal_35mm", [0, 5, 60000])
def test_impossible_focal_length_is_not_believed(focal_35mm: int) -> None:
    photo = decode_photo("a.jpg", encoded(quarters(), "JPEG", exif=exif(focal_35mm=focal_35mm)))
    assert photo.focal_px is None
    assert not photo.camera_model


def test_large_photo_is_reduced_and_its_size_kept() -> None:
    tags = exif(focal_35mm=50)
    photo = decode_photo("a.jpg", encoded(quarters(128, 2 * GREATEST_SIDE_PX), "JPEG", exif=tags))
    assert tuple(photo.color.shape[:2]) == (GREATEST_SIDE_PX, 64)
    assert (photo.width, photo.height) == (128, 2 * GREATEST_SIDE_PX)
    assert photo.focal_px == pytest.approx(50 / 43.27 * math.hypot(64, GREATEST_SIDE_PX))


def test_second_picture_of_a_phone_photo_is_left_alone() -> None:
    depth = quarters().convert("L").convert("RGB")
    data = encoded(quarters(), "MPO", save_all=True, append_images=[depth])
    photo = decode_photo("a.jpg", data)
    assert photo.color[2, 2, 0] > 0.9
    assert photo.color[2, 2, 1] < 0.1


def test_heic_has_a_reader() -> None:
    assert set(FORMATS) <= set(Image.OPEN)


@pytest.mark.parametrize(("kind", "name"), [("GIF", "a.gif"), ("WEBP", "a.webp"), ("PNG", "a.png")])
def test_animation_is_refused(kind: str, name: str) -> None:
    data = encoded(quarters(), kind, save_all=True, append_images=[grey_red().resize((96, 128))])
    with pytest.raises(UnreadablePhoto, match=rf"{name}: the file is an animation\. Save"):
        decode_photo(name, data)


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
        decode_photo("beach.jpg", data)


@pytest.mark.parametrize("side", [11_400, 20_000])
def test_huge_photo_is_refused_before_it_is_decoded(side: int) -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    with pytest.raises(UnreadablePhoto, match="megapixels"):
        decode_photo("huge.png", data)


@pytest.mark.parametrize("seed", range(20))
def test_damaged_bytes_never_escape_as_another_error(seed: int) -> None:
    kind = ["JPEG", "PNG", "WEBP", "GIF", "TIFF"][seed % 5]
    data = bytearray(encoded(quarters(), kind, exif=exif(orientation=6, make="M")))
    generator = np.random.default_rng(seed)
    for place in generator.integers(0, len(data), 12):
        data[place] = generator.integers(256)
    with suppress(UnreadablePhoto):
        decode_photo("a", bytes(data))
