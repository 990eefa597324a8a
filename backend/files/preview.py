"""One picture of the result: the avatar from around, and in the pose of each photo."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from backend.files.png import eight_bits
from backend.render.preview import shade, turntable
from backend.silhouette import camera_of, posed_in_camera
from backend.types import Camera
from shared.coordinates import WORLD_FROM_BODY, change_axes
from shared.types import Avatar, Fit

TILE_HEIGHT_PX = 400
TURNTABLE_YAWS_DEG = (0, 45, 90, 135, 180, 225, 270, 315)
MOST_PHOTOS = 12
"""Rows beyond this make the picture too long to look at."""
MARGIN = 0.08
"""Around the person, as a share of the longer side of the mask's box."""
OUTSIDE = 0.35
"""Brightness left to what the mask leaves out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A photo and its mask, to stand beside the avatar's pose."""

    color: Float[Tensor, "H W 3"]
    mask: UInt8[np.ndarray, "H W"]


def preview(
    avatar: Avatar, fit: Fit, photos: Sequence[Shown], device: torch.device
) -> UInt8[np.ndarray, "H W 3"]:
    """Return a turntable of the rest pose, and below it each photo beside the avatar in its pose.

    Args:
        avatar: As written.
        fit: As written.
        photos: In the fit's order.
        device: Where the avatar is rendered.
    """
    rows = [_turntable(avatar, device)]
    shown = photos[:MOST_PHOTOS]
    pairs = [_pair(avatar, fit, index, photo) for index, photo in enumerate(shown)]
    while pairs:
        row = [pairs.pop(0)]
        while pairs and sum(tile.shape[1] for tile in [*row, pairs[0]]) <= rows[0].shape[1]:
            row.append(pairs.pop(0))
        rows.append(np.concatenate(row, axis=1))
    return _stacked(rows)


def _turntable(avatar: Avatar, device: torch.device) -> UInt8[np.ndarray, "H W 3"]:
    vertices, faces, colours = _tensors(avatar, device)
    yaws = torch.tensor(TURNTABLE_YAWS_DEG, dtype=torch.float32) * math.pi / 180
    size = (TILE_HEIGHT_PX * 3 // 4, TILE_HEIGHT_PX)
    pictures = turntable(vertices, faces, colours, yaws, size_px=size)
    return np.concatenate(list(eight_bits(pictures)), axis=1)


def _pair(avatar: Avatar, fit: Fit, index: int, photo: Shown) -> UInt8[np.ndarray, "H W 3"]:
    """The photo around the person with all else darkened, and the avatar as its camera sees it."""
    device = photo.color.device
    _, faces, colours = _tensors(avatar, device)
    posed = posed_in_camera(avatar, fit, index).to(device)
    box = _box(photo.mask)
    camera = _tile(camera_of(fit, index, device), box)
    kept = OUTSIDE + (1 - OUTSIDE) * (photo.mask[..., None] / 255)
    darkened = Image.fromarray((eight_bits(photo.color) * kept).round().astype(np.uint8))
    size = (camera.width, camera.height)
    seen = np.asarray(darkened.resize(size, Image.Resampling.LANCZOS, box=box))
    return np.concatenate([seen, eight_bits(shade(posed, faces, colours, camera))], axis=1)


def _box(mask: UInt8[np.ndarray, "H W"]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the person with a margin, inside the photo."""
    rows, columns = (np.nonzero((mask >= 128).any(axis=axis))[0] for axis in (1, 0))
    if not len(rows):
        return 0, 0, mask.shape[1], mask.shape[0]
    margin = round(MARGIN * max(np.ptp(rows), np.ptp(columns)))
    left, top = max(columns[0] - margin, 0), max(rows[0] - margin, 0)
    right = min(columns[-1] + margin + 1, mask.shape[1])
    bottom = min(rows[-1] + margin + 1, mask.shape[0])
    return int(left), int(top), int(right), int(bottom)


def _tensors(
    avatar: Avatar, device: torch.device
) -> tuple[Float[Tensor, "V 3"], Tensor, Float[Tensor, "V 3"]]:
    """Vertices in body axes (which the turntable turns about), faces, colours."""
    body = change_axes(avatar.vertices, WORLD_FROM_BODY.T).astype(np.float32)
    faces = torch.from_numpy(avatar.faces.astype(np.int64)).to(device)
    colours = torch.from_numpy(avatar.colours.astype(np.float32) / 255).to(device)
    return torch.from_numpy(body).to(device), faces, colours


def _tile(camera: Camera, box: tuple[int, int, int, int]) -> Camera:
    """The camera that sees the box alone, on `TILE_HEIGHT_PX` rows."""
    left, top, right, bottom = box
    width = max(round((right - left) * TILE_HEIGHT_PX / (bottom - top)), 1)
    intrinsics = camera.intrinsics.clone()
    intrinsics[0, 2] -= left
    intrinsics[1, 2] -= top
    intrinsics[0] *= width / (right - left)
    intrinsics[1] *= TILE_HEIGHT_PX / (bottom - top)
    return Camera(intrinsics=intrinsics, width=width, height=TILE_HEIGHT_PX)


def _stacked(rows: Sequence[UInt8[np.ndarray, "_ _ 3"]]) -> UInt8[np.ndarray, "H W 3"]:
    width = max(row.shape[1] for row in rows)
    padded = [
        np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255)
        for row in rows
    ]
    return np.concatenate(padded)
