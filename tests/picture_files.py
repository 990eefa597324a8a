"""Small picture files, made for tests of what reads them."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

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


def corner_colours(picture: Image.Image) -> list[tuple[int, ...]]:
    """The colour in the middle of each quarter, row by row."""
    pixels = np.asarray(picture)
    rows, columns = pixels.shape[0] // 4, pixels.shape[1] // 4
    corners = pixels[rows :: 2 * rows, columns :: 2 * columns][:2, :2]
    return [tuple(corner) for corner in corners.reshape(4, -1).tolist()]


def exif(**tags: int | str) -> Image.Exif:
    names = {"orientation": ORIENTATION, "make": MAKE, "model": MODEL}
    result = Image.Exif()
    for name, value in tags.items():
        if name == "focal_35mm":
            result.get_ifd(EXIF_IFD)[FOCAL_35MM] = value
        else:
            result[names[name]] = value
    return result


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


GREY_RED_IN_SRGB = (220, 96, 98)
"""If `grey_red`'s values are Display P3: (0.8, 0.4, 0.4) by the two primaries' matrices."""


def grey_red() -> Image.Image:
    """One colour all over."""
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
