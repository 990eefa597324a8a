"""Likeness of pictures inside a mask: what is outside it never counts.

A shared black background would raise the PSNR of a person's picture by about 8 dB.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

WINDOW_PX = 11
SIGMA_PX = 1.5
C1 = 0.01**2
C2 = 0.03**2
"""Wang et al. 2004, section III-B, for values from 0 to 1."""
HIGHEST_DB = 100.0
"""Of equal pictures, whose PSNR is infinite: JSON has no such number."""


def psnr_db(
    predicted: Float[Tensor, "H W C"], truth: Float[Tensor, "H W C"], mask: Bool[Tensor, "H W"]
) -> float:
    """Return -10 log10 of the mean squared difference inside the mask, at most 100 dB.

    Args:
        predicted: 0 to 1.
        truth: 0 to 1.
        mask: Where it is measured.

    Raises:
        ValueError: If the mask is empty.
    """
    _check(mask)
    error = float((predicted[mask] - truth[mask]).double().square().mean())
    return min(-10 * math.log10(error), HIGHEST_DB) if error > 0 else HIGHEST_DB


def ssim(
    predicted: Float[Tensor, "H W C"], truth: Float[Tensor, "H W C"], mask: Bool[Tensor, "H W"]
) -> float:
    """Return the structural similarity, the mean over the mask's pixels and the channels.

    Wang et al. 2004, eq. 13, with their Gaussian window of 11 pixels (sigma 1.5); of each window
    only the part inside the mask is weighed, so that neither the background nor the border counts.

    Args:
        predicted: 0 to 1.
        truth: 0 to 1.
        mask: Where it is measured.

    Raises:
        ValueError: If the mask is empty.
    """
    _check(mask)
    rows, columns = (_extent(mask.any(axis)) for axis in (1, 0))  # what is farther has no share
    mask = mask[rows, columns]
    first, second = (image[rows, columns].double().permute(2, 0, 1) for image in (predicted, truth))
    inside = mask.double()
    products = torch.cat([first, second, first * first, second * second, first * second])
    means = _blur(products * inside) / _blur(inside[None]).clamp(min=1e-12)
    mean_1, mean_2, square_1, square_2, product = means.chunk(5)
    variance = square_1 - mean_1.square() + square_2 - mean_2.square()
    covariance = product - mean_1 * mean_2
    likeness = (2 * mean_1 * mean_2 + C1) / (mean_1.square() + mean_2.square() + C1)
    likeness = likeness * (2 * covariance + C2) / (variance + C2)
    return float(likeness[:, mask].mean())


def _check(mask: Bool[Tensor, "H W"]) -> None:
    if not bool(mask.any()):
        raise ValueError("the mask is empty")


def _extent(used: Bool[Tensor, " N"]) -> slice:
    places = used.nonzero()
    return slice(int(places[0]), int(places[-1]) + 1)


def _blur(images: Float[Tensor, "C H W"]) -> Float[Tensor, "C H W"]:
    """Return Gaussian means; 0 beyond the border."""
    offsets = torch.arange(WINDOW_PX).to(images) - WINDOW_PX // 2
    window = torch.exp(-offsets.square() / (2 * SIGMA_PX**2))
    window = window / window.sum()
    half = WINDOW_PX // 2
    rows = torch.nn.functional.conv2d(
        images[:, None], window[None, None, :, None], padding=(half, 0)
    )
    return torch.nn.functional.conv2d(rows, window[None, None, None], padding=(0, half))[:, 0]
