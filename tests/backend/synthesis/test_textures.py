from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from backend.synthesis.textures import (
    is_cut,
    linear_from_srgb,
    pyramid,
    read_texture,
    srgb_from_linear,
)
from shared.errors import BadFile

TRIANGLE_UV = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])


def plain(side: int, *rgba: int) -> Tensor:
    return torch.tensor(rgba, dtype=torch.uint8).expand(side, side, 4).clone()


def strands(side: int) -> Tensor:
    """Opaque hair, one column of four, of red; what is not there is green."""
    picture = plain(side, 0, 255, 0, 0)
    picture[:, ::4] = torch.tensor([255, 0, 0, 255], dtype=torch.uint8)
    return picture


def levels(texels: Tensor, side: int) -> list[Tensor]:
    sides = [side >> level for level in range(side.bit_length())]
    return [
        part.view(s, s, 4)
        for part, s in zip(texels.split([s * s for s in sides]), sides, strict=True)
    ]


def test_srgb_and_light_are_inverse() -> None:
    values = torch.linspace(0, 1, 256)
    torch.testing.assert_close(srgb_from_linear(linear_from_srgb(values)), values)
    assert float(linear_from_srgb(torch.tensor([0.5]))[0]) == pytest.approx(0.21404, abs=1e-4)


def test_a_pyramid_ends_with_the_mean_of_the_light() -> None:
    picture = plain(8, 0, 0, 0, 255)
    picture[::2, ::2] = picture[1::2, 1::2] = 255
    texture = pyramid(picture, has_alpha=False)
    assert len(texture.texels) == 64 + 16 + 4 + 1
    assert texture.texels[-1].tolist() == [188, 188, 188, 255]  # half of the light
    assert texture.texels[:64].equal(picture.flatten(0, 1))


def test_colours_of_what_is_not_there_do_not_show() -> None:
    texture = pyramid(strands(16), has_alpha=True)
    for level in levels(texture.texels, 16)[1:]:
        assert (level[..., 0] >= 250).all()
        assert (level[..., 1] <= 5).all()


@pytest.mark.parametrize("kept", [0.1, 0.4, 0.9])
def test_each_size_is_opaque_on_as_much_of_it(kept: float) -> None:
    picture = plain(64, 90, 60, 40, 255)
    noise = torch.rand(64, 64, generator=torch.Generator().manual_seed(0))
    picture[..., 3] = (128 + 100 * (kept - noise)).round().to(torch.uint8)
    texture = pyramid(picture, has_alpha=True)
    for level in levels(texture.texels, 64)[:4]:
        assert float((level[..., 3] >= 128).float().mean()) == pytest.approx(kept, abs=0.06)


def test_a_picture_of_any_size_is_read(tmp_path: Path) -> None:
    Image.new("RGB", (100, 30), (10, 200, 30)).save(tmp_path / "cloth.png")
    texture = read_texture(tmp_path / "cloth.png")
    assert (texture.width, texture.height, texture.has_alpha) == (128, 32, False)
    assert texture.texels.unique(dim=0).tolist() == [[10, 200, 30, 255]]


def test_no_picture_is_white() -> None:
    assert read_texture(None).texels.tolist() == [[255] * 4]


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cloth.png").write_bytes(b"hello")
    with pytest.raises(BadFile, match="no picture"):
        read_texture(tmp_path / "cloth.png")


def test_only_a_mesh_that_shows_transparent_places_is_cut() -> None:
    picture = plain(8, 9, 9, 9, 255)
    picture[4:, :, 3] = 0  # the lower half, which is v below a half
    texture = pyramid(picture, has_alpha=True)
    assert is_cut(texture, TRIANGLE_UV)
    assert not is_cut(texture, TRIANGLE_UV * 0.4 + torch.tensor([0.0, 0.55]))
    assert not is_cut(pyramid(picture, has_alpha=False), TRIANGLE_UV)
