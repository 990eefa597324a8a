"""Textures as pyramids of ever smaller pictures, read once."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from shared.errors import BadFile

LONGEST_PX = 1024
"""Greatest side that is kept: a person drawn 1000 pixels tall shows no more."""
KEPT_TEXTURES = 64
SEE_THROUGH_SHARE = 0.005
"""A texture that is transparent on less of its mesh than this is taken as opaque. Cloth is
transparent on 0 to 0.2 %, at the edges of its patches only; hair, lace and eyes on 1 to 90 %."""
OPAQUE = 0.5
"""Least alpha of what is there."""
ABOVE = 1 / 255
"""Alpha by which a texel that must not be opaque stays below the limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Texture:
    """RGBA picture in all sizes; sRGB."""

    width: int
    """Of the largest level; a power of two, as is the height."""
    height: int
    texels: UInt8[Tensor, "T 4"]
    """Level after level, each half as large as the one before, row by row."""
    has_alpha: bool


WHITE = Texture(
    width=1, height=1, texels=torch.full((1, 4), 255, dtype=torch.uint8), has_alpha=False
)


def linear_from_srgb(colours: Float[Tensor, "*N"]) -> Float[Tensor, "*N"]:
    """Return amounts of light of sRGB values, 0 to 1 (IEC 61966-2-1)."""
    return torch.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)


def srgb_from_linear(light: Float[Tensor, "*N"]) -> Float[Tensor, "*N"]:
    """Return sRGB values of amounts of light, 0 to 1 (IEC 61966-2-1)."""
    curved = 1.055 * light.clamp_min(0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(light <= 0.0031308, light * 12.92, curved)


@lru_cache(maxsize=KEPT_TEXTURES)
def read_texture(path: Path | None) -> Texture:
    """Return the texture of a picture file; white for None.

    Raises:
        BadFile: the file is no picture.
    """
    if path is None:
        return WHITE
    try:
        with Image.open(path) as picture:
            has_alpha = picture.has_transparency_data
            rgba = picture.convert("RGBA")
    except (OSError, UnidentifiedImageError) as error:
        raise BadFile(f"{path.name} is no picture.", "Use a PNG or JPEG texture.") from error
    size = (_power_of_two(rgba.width), _power_of_two(rgba.height))
    if rgba.size != size:
        rgba = rgba.resize(size, Image.Resampling.BICUBIC)
    bytes_ = torch.frombuffer(bytearray(rgba.tobytes()), dtype=torch.uint8)
    return pyramid(bytes_.view(size[1], size[0], 4), has_alpha=has_alpha)


def _power_of_two(side: int) -> int:
    """Return the nearest power of two that is not too large."""
    return min(LONGEST_PX, 1 << max(0, round(torch.tensor(float(side)).log2().item())))


def pyramid(picture: UInt8[Tensor, "H W 4"], *, has_alpha: bool) -> Texture:
    """Return a picture in all sizes down to one texel.

    Light is averaged, each texel weighed by its alpha, and transparent texels take the colour of
    those around: cut edges show no colour of what is not there. The alpha of each level is scaled
    so that as much of it is opaque as of the picture (Castaño 2010): thin strands do not vanish.

    Args:
        picture: sRGB; sides are powers of two.
        has_alpha: False = the fourth channel is ignored.
    """
    values = picture.float() / 255
    alpha = values[..., 3:] if has_alpha else torch.ones_like(values[..., 3:])
    light = linear_from_srgb(values[..., :3]) * alpha
    levels = list(_halved(torch.cat([light, alpha], -1)))
    colours = _filled(levels)
    share = float((alpha >= OPAQUE).float().mean())
    texels = [
        torch.cat([srgb_from_linear(colour), _with_cover(level[..., 3:], share)], -1)
        for colour, level in zip(colours, levels, strict=True)
    ]
    flat = torch.cat([level.reshape(-1, 4) for level in texels])
    height, width = picture.shape[:2]
    return Texture(
        width=width,
        height=height,
        texels=(flat.clamp(0, 1) * 255).round().to(torch.uint8),
        has_alpha=has_alpha,
    )


def _halved(picture: Float[Tensor, "H W 4"]) -> Iterator[Float[Tensor, "h w 4"]]:
    """Give the picture and its means over 2 x 2, 4 x 4, ... texels."""
    yield picture
    while max(picture.shape[:2]) > 1:
        step = tuple(min(2, side) for side in picture.shape[:2])
        channels = picture.permute(2, 0, 1)
        picture = torch.nn.functional.avg_pool2d(channels, step).permute(1, 2, 0)
        yield picture


def _filled(levels: list[Float[Tensor, "_ _ 4"]]) -> list[Float[Tensor, "_ _ 3"]]:
    """Return the light of each level; where little is opaque, mixed with that of the next one."""
    filled: list[Tensor] = []
    for level in reversed(levels):
        alpha = level[..., 3:]
        if filled:
            channels = filled[-1].permute(2, 0, 1)[None]
            size = (level.shape[0], level.shape[1])
            around = torch.nn.functional.interpolate(channels, size=size)[0].permute(1, 2, 0)
        else:
            around = level[..., :3] / alpha.clamp_min(1e-3)
        filled.append(level[..., :3] + (1 - alpha) * around)
    return filled[::-1]


def _with_cover(alpha: Float[Tensor, "H W 1"], share: float) -> Float[Tensor, "H W 1"]:
    """Scale alpha, as little as needed, so that a share of it is opaque."""
    ranked = alpha.flatten().sort(descending=True).values
    count = round(share * len(ranked))
    least = float(ranked[count - 1]) if count > 0 else 1.0
    below = float(ranked[count]) if count < len(ranked) else 0.0
    if below < OPAQUE <= least:
        return alpha
    # Just above what must not be opaque, or what must be.
    limit = least if least < OPAQUE else below + ABOVE
    return (alpha * (OPAQUE / max(limit, ABOVE))).clamp(0, 1)


def is_cut(texture: Texture, corner_uv: Float[Tensor, "F 3 2"]) -> bool:
    """Tell whether a mesh shows enough of a texture's transparent places to be cut there."""
    if not texture.has_alpha or len(corner_uv) == 0:
        return False
    inner = torch.tensor([[4.0, 1, 1], [1, 4, 1], [1, 1, 4], [2, 2, 2]]) / 6
    points = torch.einsum("sk,fkc->fsc", inner, corner_uv.cpu().float()).flatten(0, 1)
    size = torch.tensor([texture.width, texture.height])
    up = torch.stack([points[:, 0], 1 - points[:, 1]], -1)
    column, row = ((up * size).floor().long() % size).unbind(-1)
    alpha = texture.texels[row * texture.width + column, 3]
    return float((alpha < OPAQUE * 255).float().mean()) > SEE_THROUGH_SHARE
