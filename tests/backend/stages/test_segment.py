from dataclasses import dataclass

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from backend.stages.segment import SegmentSettings, segment
from backend.types import Landmarks


@dataclass(frozen=True, kw_only=True)
class Picture:
    color: Tensor
    alpha: Tensor | None


@dataclass(frozen=True, kw_only=True)
class Found:
    mask: Tensor
    landmarks: Landmarks


def landmarks(*points: tuple[float, float]) -> Landmarks:
    """Visible points where told, the others unseen in the corner."""
    places, visibility = torch.zeros(33, 2), torch.zeros(33)
    for row, point in enumerate(points):
        places[row], visibility[row] = torch.tensor(point), 1.0
    return Landmarks(
        points_px=places,
        visibility=visibility,
        world_m=torch.zeros(33, 3),
        left_hand_px=None,
        right_hand_px=None,
        face_px=None,
    )


def blob(height: int = 240, width: int = 180, *, shift: float = 0.0) -> Float[Tensor, "H W"]:
    """An upright ellipse with a soft rim of one pixel."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    out = ((x - width / 2 - shift) / (0.25 * width)) ** 2 + ((y - height / 2) / (0.4 * height)) ** 2
    return ((1 - out.sqrt()) * 0.25 * width + 0.5).clamp(0, 1)


def scene(mask: Tensor) -> Tensor:
    """A red person before a striped blue-green wall."""
    stripes = torch.arange(mask.shape[1]) // 12 % 2
    wall = torch.stack([0.2 + 0 * stripes, 0.4 + 0.3 * stripes, 0.7 - 0.2 * stripes], dim=-1)
    person = torch.tensor([0.8, 0.3, 0.25])
    return mask[..., None] * person + (1 - mask[..., None]) * wall


def soft(mask: Tensor, size: int = 19) -> Tensor:
    kernel = torch.nn.AvgPool2d(size, stride=1, padding=size // 2, count_include_pad=False)
    return kernel(kernel(mask[None, None]))[0, 0]


def iou(one: Tensor, other: Tensor) -> float:
    return float(((one > 0.5) & (other > 0.5)).sum() / ((one > 0.5) | (other > 0.5)).sum())


def test_outline_follows_the_colours() -> None:
    true = blob()
    found = Found(mask=soft(blob(shift=4)), landmarks=landmarks())
    result = segment(Picture(color=scene(true), alpha=None), found, SegmentSettings())
    assert iou(found.mask, true) < 0.95
    assert not result.message
    assert iou(result.mask, true) > 0.99


def test_outline_of_a_large_photo_is_finer_than_the_work_size() -> None:
    true = blob(800, 600)
    found = Found(mask=soft(blob(800, 600), 41), landmarks=landmarks())
    result = segment(
        Picture(color=scene(true), alpha=None), found, SegmentSettings(work_size_px=200)
    )
    assert (result.mask - true).abs().sum() < 0.004 * true.sum()


def test_agreeing_alpha_is_the_mask() -> None:
    true = blob()
    found = Found(mask=soft(blob(shift=4)), landmarks=landmarks())
    result = segment(Picture(color=scene(true), alpha=true), found, SegmentSettings())
    assert result.mask is true
    assert not result.message


@pytest.mark.parametrize("alpha", [1 - blob(), torch.ones(240, 180), torch.zeros(240, 180)])
def test_other_alpha_is_told_and_not_used(alpha: Tensor) -> None:
    true = blob()
    found = Found(mask=soft(true), landmarks=landmarks())
    result = segment(Picture(color=scene(true), alpha=alpha), found, SegmentSettings())
    assert "transparency" in result.message
    assert iou(result.mask, true) > 0.99


def test_piece_without_a_landmark_is_left_out() -> None:
    true = blob()
    true[10:30, 5:20] = true[200:220, 5:20] = 1.0
    found = Found(mask=soft(true, 3), landmarks=landmarks((12, 210), (500, 500)))
    mask = segment(Picture(color=scene(true), alpha=None), found, SegmentSettings()).mask
    assert mask[210, 12] > 0.9
    assert mask[5:35, 0:25].max() < 0.5


def test_background_seen_through_an_arm_stays_a_hole() -> None:
    true = blob()
    true[100:130, 80:100] = 0.0
    found = Found(mask=soft(true, 9), landmarks=landmarks())
    mask = segment(Picture(color=scene(true), alpha=None), found, SegmentSettings()).mask
    assert mask[105:125, 85:95].max() < 0.5
    assert iou(mask, true) > 0.99


def test_empty_detection_gives_an_empty_mask() -> None:
    found = Found(mask=torch.zeros(240, 180), landmarks=landmarks())
    result = segment(Picture(color=scene(blob()), alpha=None), found, SegmentSettings())
    assert not result.mask.any()
