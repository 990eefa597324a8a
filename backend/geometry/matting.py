"""A soft mask sharpened by the photo's colours."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import ndimage

GOLDEN_ANGLE_RAD = 2.39996323


def unsure_band(
    mask: Float[np.ndarray, "H W"], unsure: float, width_px: float
) -> Bool[np.ndarray, "H W"]:
    """Pixels where the mask is between `unsure` and one minus that, and those near them."""
    band = (mask > unsure) & (mask < 1 - unsure)
    return _distance_px(band) <= width_px if band.any() else band


def colour_posterior(
    colour: Float[np.ndarray, "H W 3"],
    mask: Float[np.ndarray, "H W"],
    band: Bool[np.ndarray, "H W"],
    *,
    radius_px: float,
    samples: int,
    colour_sigma: float,
) -> Float[np.ndarray, "H W"]:
    """The mask with the pixels of the band decided anew by the colours around them.

    Two kernel densities are taken over points spread in a disc around each pixel, one over points
    surely inside and one over points surely outside:
    p(c | side) = sum_i w_i exp(-|c - c_i|^2 / 2 colour_sigma^2); the mask is the prior odds.
    Unlike one Gaussian a side they hold for skin beside cloth and for patterned walls.

    Args:
        colour: 0 to 1.
        mask: 0 to 1; surely inside above 0.8, surely outside below 0.2.
        band: Pixels to decide.
        radius_px: Of the disc.
        samples: Points per disc.
        colour_sigma: Width of the kernel, on the scale of `colour`.
    """
    offsets = _sunflower(samples, radius_px)
    pad = int(np.abs(offsets).max(initial=0))
    rows, columns = np.nonzero(band)
    stride = mask.shape[1] + 2 * pad
    here = (rows + pad) * stride + columns + pad
    around = np.pad(colour, ((pad, pad), (pad, pad), (0, 0)), mode="edge").reshape(-1, 3)
    sureness = np.pad(_sureness(mask), pad).ravel()  # beyond the photo nothing is known
    inside = np.full(len(here), LEAST_DENSITY, np.float32)
    outside = inside.copy()
    for down, right in offsets:
        there = here + down * stride + right
        nearness = np.exp(-(down**2 + right**2) / (2 * (SPREAD * radius_px) ** 2))
        difference = around[there] - around[here]
        likeness = np.exp(np.einsum("nc,nc->n", difference, difference) / (-2 * colour_sigma**2))
        weight = nearness * likeness * sureness[there]
        inside += np.maximum(weight, 0.0)
        outside += np.maximum(-weight, 0.0)
    prior = mask[rows, columns].clip(LEAST_PRIOR, 1 - LEAST_PRIOR)
    log_odds = np.log(prior / (1 - prior)) + np.log(inside / outside)
    decided = mask.copy()
    decided[rows, columns] = 1 / (1 + np.exp(-log_odds))
    return decided


LEAST_DENSITY = 0.05
"""Added to both densities: a colour seen on neither side decides nothing."""
LEAST_PRIOR = 0.02
"""The mask is never surer than that."""
SPREAD = 0.6
"""Width of the weights' bell in radii of the disc."""
SURE = 0.6
"""|2 mask - 1| from which a pixel tells what its side looks like."""


def _sunflower(count: int, radius_px: float) -> Int[np.ndarray, "N 2"]:
    """Whole-pixel offsets spread evenly over a disc (Vogel 1979), down and right."""
    index = np.arange(count) + 0.5
    distance, angle = radius_px * np.sqrt(index / count), index * GOLDEN_ANGLE_RAD
    return (
        np.stack([distance * np.sin(angle), distance * np.cos(angle)], axis=1).round().astype(int)
    )


def _sureness(mask: Float[np.ndarray, "H W"]) -> Float[np.ndarray, "H W"]:
    """1 surely inside, -1 surely outside, 0 between."""
    side = 2 * mask - 1
    return (np.sign(side) * ((np.abs(side) - SURE) / (1 - SURE)).clip(0, 1)).astype(np.float32)


def guided_upsampling(
    fine: Float[np.ndarray, "H W 3"],
    colour: Float[np.ndarray, "h w 3"],
    mask: Float[np.ndarray, "h w"],
    *,
    radius_px: int,
    smoothness: float,
) -> Float[np.ndarray, "H W"]:
    """The coarse mask on the fine photo's grid, its edges on the photo's edges.

    The fast guided filter (He, Sun 2015): in each window mask = a . colour + b by least squares
    with `smoothness` |a|^2; a and b, averaged and interpolated, are applied to the fine colours.
    """

    def mean(plane: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
        return ndimage.uniform_filter(plane, 2 * radius_px + 1, mode="nearest")

    mean_colour = np.stack([mean(colour[..., i]) for i in range(3)], axis=-1)
    covariance = np.empty((*mask.shape, 3, 3), np.float32)
    for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)):
        product = mean(colour[..., i] * colour[..., j])
        covariance[..., i, j] = product - mean_colour[..., i] * mean_colour[..., j]
        covariance[..., j, i] = covariance[..., i, j]
    covariance += smoothness * np.eye(3, dtype=np.float32)
    mean_mask = mean(mask)
    with_mask = np.stack([mean(colour[..., i] * mask) for i in range(3)], axis=-1)
    slope = np.linalg.solve(covariance, (with_mask - mean_colour * mean_mask[..., None])[..., None])
    slope = slope[..., 0]
    offset = mean(mean_mask - (slope * mean_colour).sum(-1))
    size = (fine.shape[0], fine.shape[1])
    result = resized(offset, size)
    for i in range(3):
        result += resized(mean(slope[..., i]), size) * fine[..., i]
    return result.clip(0.0, 1.0)


def resized(plane: Float[np.ndarray, "h w"], size: tuple[int, int]) -> Float[np.ndarray, "H W"]:
    """The plane with `size` (height, width), linearly; smaller ones are averaged first."""
    for axis, (old, new) in enumerate(zip(plane.shape, size, strict=True)):
        if old > new:
            plane = ndimage.uniform_filter1d(plane, round(old / new), axis, mode="nearest")
    rows, columns = (
        (np.arange(new) + 0.5) * old / new - 0.5 for old, new in zip(plane.shape, size, strict=True)
    )
    return _interpolated(_interpolated(plane, rows).T, columns).T


def _interpolated(
    plane: Float[np.ndarray, "h W"], rows: Float[np.ndarray, " H"]
) -> Float[np.ndarray, "H W"]:
    """Rows at fractional places, the border rows beyond the border."""
    place = rows.clip(0, len(plane) - 1)
    above = np.minimum(place.astype(int), max(len(plane) - 2, 0))
    share = (place - above).astype(np.float32)[:, None]
    return plane[above] * (1 - share) + plane[np.minimum(above + 1, len(plane) - 1)] * share


def without_strays(
    mask: Float[np.ndarray, "H W"], marks: Int[np.ndarray, "N 2"], least_hole_px: float
) -> Float[np.ndarray, "H W"]:
    """The mask's largest piece and those with a mark, tiny holes filled.

    Args:
        mask: 0 to 1, the outline at 0.5.
        marks: Row and column of pixels that are the person's if they lie in the mask.
        least_hole_px: Area below which a hole is noise; larger ones are background seen through.
    """
    labels = _pieces(mask > 0.5)
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    kept = np.zeros(len(areas), bool)
    kept[[areas.argmax(), *labels[marks[:, 0], marks[:, 1]]]] = True
    kept[0] = False
    strays = (labels > 0) & ~kept[labels]
    fringe = (_distance_px(strays) <= STRAY_FRINGE_PX) & ~kept[labels]
    cleaned = np.where(fringe, 0.0, mask) if strays.any() else mask
    holes = _pieces(cleaned <= 0.5)
    is_tiny = np.bincount(holes.ravel()) < least_hole_px
    is_tiny[0] = False
    return np.where(is_tiny[holes], 1.0, cleaned).astype(np.float32)


STRAY_FRINGE_PX = 3
"""How far the soft rim of a stray piece reaches."""


def _pieces(mask: Bool[np.ndarray, "H W"]) -> Int[np.ndarray, "H W"]:
    """The number of the connected piece at each pixel, from 1; 0 outside the mask."""
    labels: Any = ndimage.label(mask)
    return labels[0]


def _distance_px(mask: Bool[np.ndarray, "H W"]) -> Float[np.ndarray, "H W"]:
    """To the nearest pixel of the mask, which must have one."""
    distance: Any = ndimage.distance_transform_edt(~mask)
    return distance
