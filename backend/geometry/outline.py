"""The outline of a person's mask: distances to it, and points on it."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from backend.geometry.robust import geman_mcclure


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlines:
    """The outlines of P masks."""

    distance_px: Float[Tensor, "P S S"]
    """Of each sample of a square crop to the mask, in pixels of the photo; 0 inside the mask and
    beyond the photo's edges, where nobody knows."""
    corner_px: Float[Tensor, "P 2"]
    """Top left corner of the crop in the photo."""
    size_px: Float[Tensor, " P"]
    """Side of the crop in pixels of the photo."""
    border_px: Float[Tensor, "P C 2"]
    """Points on the outline; places where the photo's edge cuts the person are not outline."""
    border_weight: Float[Tensor, " P"]
    """1, or 0 for a photo whose mask has no outline at all."""


def outlines(masks: list[Float[Tensor, "_ _"]], crop_samples: int, border_count: int) -> Outlines:
    """Return distances and border points of masks whose outline is at 0.5.

    Args:
        masks: Share of the person in each pixel, 0 to 1; sizes may differ.
        crop_samples: Side of the square distance fields, in samples.
        border_count: Points per photo, evenly spread over the border's samples.
    """
    parts = [_outline(mask, crop_samples, border_count) for mask in masks]
    distance, corner, size, border, weight = zip(*parts, strict=True)
    device = masks[0].device
    return Outlines(
        distance_px=torch.tensor(np.stack(distance), dtype=torch.float32, device=device),
        corner_px=torch.tensor(np.stack(corner), dtype=torch.float32, device=device),
        size_px=torch.tensor(size, dtype=torch.float32, device=device),
        border_px=torch.tensor(np.stack(border), dtype=torch.float32, device=device),
        border_weight=torch.tensor(weight, dtype=torch.float32, device=device),
    )


def distance_outside(outline: Outlines, points_px: Float[Tensor, "P N 2"]) -> Float[Tensor, "P N"]:
    """Return how far image points lie outside their masks, in pixels; differentiable.

    Bilinear in the crop's field; a point off the crop gets the value at the crop's edge.
    """
    relative = (points_px - outline.corner_px[:, None]) / outline.size_px[:, None, None]
    grid = (2 * relative - 1)[:, None]
    field = outline.distance_px[:, None]
    sampled = functional.grid_sample(field, grid, padding_mode="border", align_corners=False)
    return sampled[:, 0, 0]


def nearest(
    queries_px: Float[Tensor, "P C 2"], points_px: Float[Tensor, "P N 2"]
) -> Float[Tensor, "P C 2"]:
    """Return the point nearest to each query; differentiable in the points, not in the choice."""
    with torch.no_grad():
        chosen = torch.cdist(queries_px, points_px).argmin(-1)
    return points_px.gather(1, chosen[..., None].expand(-1, -1, 2))


def inside_cost(
    outline: Outlines,
    surface_px: Float[Tensor, "P N 2"],
    unit_px: Float[Tensor, " P"],
    scale: float,
) -> Float[Tensor, ""]:
    """Return the mean over body points of ρ(distance outside the mask / u), summed over photos.

    Args:
        outline: Of the masks.
        surface_px: The body's points.
        unit_px: u.
        scale: Of ρ (`geman_mcclure`), in units u.
    """
    distance = distance_outside(outline, surface_px) / unit_px[:, None]
    return geman_mcclure(distance**2, scale).mean(1).sum()


def cover_cost(
    outline: Outlines,
    surface_px: Float[Tensor, "P N 2"],
    unit_px: Float[Tensor, " P"],
    scale: float,
) -> Float[Tensor, ""]:
    """Return the mean over outline points of ρ(distance to the body / u), summed over photos.

    Args:
        outline: Of the masks.
        surface_px: The body's points.
        unit_px: u.
        scale: Of ρ (`geman_mcclure`), in units u.
    """
    border = outline.border_px
    error = (border - nearest(border, surface_px)) / unit_px[:, None, None]
    cost = geman_mcclure((error**2).sum(-1), scale).mean(1)
    return (cost * outline.border_weight).sum()


def _outline(
    mask: Float[Tensor, "H W"], samples: int, count: int
) -> tuple[np.ndarray, np.ndarray, float, np.ndarray, float]:
    """Return distance field, corner, size, border points and border weight of one mask."""
    height, width = mask.shape
    corner, size = _square_around(mask > 0.5)
    step = size / samples
    centres = corner[:, None] + step * (np.arange(samples) + 0.5)
    columns, rows = np.floor(centres).astype(int)
    known = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))[None]
    values = mask.detach().cpu().numpy()
    person = values[rows.clip(0, height - 1)[:, None], columns.clip(0, width - 1)[None]] > 0.5
    person &= known
    if not person.any():
        zeros = np.zeros((samples, samples))
        return zeros, corner, size, np.zeros((count, 2)), 0.0
    # half a step: the outline runs between the last sample inside and the first one outside
    steps_away = np.asarray(ndimage.distance_transform_edt(~person))
    distance = (steps_away - 0.5).clip(0) * step * known
    around = ndimage.binary_erosion(known, np.ones((3, 3)), iterations=2)
    inner = np.asarray(ndimage.binary_erosion(person), bool)
    found = np.argwhere(person & ~inner & around)[:, ::-1]
    if len(found) == 0:
        return distance, corner, size, np.zeros((count, 2)), 0.0
    chosen = found[np.linspace(0, len(found) - 1, count).round().astype(int)]
    return distance, corner, size, corner + step * (chosen + 0.5), 1.0


def _square_around(person: Tensor) -> tuple[np.ndarray, float]:
    """Return corner and side of the square around a mask, with a quarter of its size as margin."""
    found = person.nonzero()[:, [1, 0]].cpu().numpy()
    if len(found) == 0:
        return np.zeros(2), float(max(person.shape))
    low, high = found.min(0), found.max(0) + 1
    size = 1.5 * float((high - low).max())
    return (low + high) / 2 - size / 2, size
