import pytest
import torch
from picture_files import encoded, exif, quarters
from PIL import Image

from backend.photos import decode_photo


def test_colours_are_kept_exactly() -> None:
    photo = decode_photo("a.png", encoded(quarters()))
    red, white = photo.color[0, 0], photo.color[-1, -1]
    assert torch.equal(red, torch.tensor([1.0, 0, 0]))
    assert torch.equal(white, torch.ones(3))
    assert (photo.width, photo.height, photo.alpha, photo.message) == (96, 128, None, "")


def test_what_the_file_tells_comes_along() -> None:
    tags = exif(focal_35mm=26, make="Maker", model="One", orientation=6)
    data = encoded(quarters(300, 400), "JPEG", exif=tags, icc_profile=b"no profile at all")
    photo = decode_photo("a.jpg", data)
    assert photo.color.shape == (300, 400, 3)
    assert (photo.name, photo.width, photo.height) == ("a.jpg", 400, 300)
    assert photo.focal_px == pytest.approx(26 / 43.27 * 500)
    assert photo.camera_model == "Maker One, 400x300"
    assert "sRGB" in photo.message


def test_transparency_is_kept_and_hidden_colours_are_not() -> None:
    picture = quarters().convert("RGBA")
    alpha = Image.new("L", picture.size, 255)
    alpha.paste(0, (0, 0, 48, 64))
    picture.putalpha(alpha)
    photo = decode_photo("a.png", encoded(picture))
    assert photo.alpha is not None
    assert (photo.alpha[:64, :48] == 0).all()
    assert photo.alpha[64:].eq(1).all()
    assert photo.color[:64, :48].eq(0.5).all()
    assert torch.equal(photo.color[0, -1], torch.tensor([0, 1.0, 0]))
