import numpy as np
import pytest
from picture_files import (
    BLUE,
    GREEN,
    GREY_RED_IN_SRGB,
    RED,
    WHITE,
    corner_colours,
    display_p3,
    encoded,
    exif,
    grey_red,
    quarters,
)
from PIL import Image

from backend.thumbnails import thumbnail
from shared.messages import BadPhoto, MakeThumbnail, Thumbnail
from shared.types import Photo


def answer(data: bytes, size_px: int = 64) -> Thumbnail | BadPhoto:
    photo = Photo(name="a.jpg", data=np.frombuffer(data, np.uint8))
    return thumbnail(MakeThumbnail(key="k", photo=photo, size_px=size_px))


def pixels(data: bytes, size_px: int = 64) -> np.ndarray:
    made = answer(data, size_px)
    assert isinstance(made, Thumbnail)
    assert made.key == "k"
    return made.pixels


@pytest.mark.parametrize(("width", "height"), [(640, 480), (480, 640), (96, 128)])
def test_the_longer_side_is_as_long_as_asked_for(width: int, height: int) -> None:
    shape = pixels(encoded(quarters(width, height), "JPEG"), 200).shape
    assert max(shape) == 200
    assert shape[1] / shape[0] == pytest.approx(width / height, abs=0.01)


def test_a_sliver_keeps_a_pixel_of_width() -> None:
    assert pixels(encoded(quarters(64, 8192))).shape == (64, 1, 4)


@pytest.mark.parametrize(
    ("orientation", "corners"),
    [
        (3, [WHITE, BLUE, GREEN, RED]),
        (6, [BLUE, RED, WHITE, GREEN]),
        (8, [GREEN, WHITE, RED, BLUE]),
    ],
)
def test_photos_stand_upright(orientation: int, corners: list[tuple[int, ...]]) -> None:
    made = pixels(encoded(quarters(), exif=exif(orientation=orientation)))
    assert corner_colours(Image.fromarray(made).convert("RGB")) == corners


def test_colours_are_srgb() -> None:
    made = pixels(encoded(grey_red(), icc_profile=display_p3()))
    assert np.allclose(made[0, 0], (*GREY_RED_IN_SRGB, 255), atol=2)


def test_hidden_colours_do_not_bleed_into_the_outline() -> None:
    photo = Image.new("RGBA", (640, 640), (0, 255, 0, 0))
    photo.paste((200, 100, 100, 255), (100, 100, 517, 517))
    made = pixels(encoded(photo))
    assert made[0, 0, 3] == 0
    half = made[(made[..., 3] > 20) & (made[..., 3] < 235)]
    assert len(half)
    assert np.allclose(half[:, :3], (200, 100, 100), atol=25)


def test_a_letter_is_a_bad_photo_with_a_hint() -> None:
    told = answer(b"Dear Anna, here is no photo. " * 9)
    assert told == BadPhoto(
        key="k",
        sentence="a.jpg: the file is not a photo.",
        hint="Use a JPEG, PNG, WebP, HEIC or TIFF file.",
    )


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (encoded(quarters(400, 400), "JPEG")[:1500], "cut off"),
        (encoded(quarters(20, 20)), "only 20 x 20 pixels"),
        (encoded(quarters(), "GIF", save_all=True, append_images=[grey_red()]), "animation"),
        (b"", "not a photo"),
    ],
)
def test_what_a_job_refuses_is_refused_here(data: bytes, sentence: str) -> None:
    told = answer(data)
    assert isinstance(told, BadPhoto)
    assert sentence in told.sentence
    assert told.hint
