"""Which samples of a volume are inside: cavities filled, floating parts dropped."""

import numpy as np
import torch
from jaxtyping import Bool, Float
from skimage.measure import label
from torch import Tensor


def enclosed(is_free: Bool[Tensor, "X Y Z"]) -> Bool[Tensor, "X Y Z"]:
    """Return the free samples that no path of free neighbours (6) joins to the volume's border."""
    labels = np.asarray(label(is_free.cpu().numpy(), connectivity=1))
    is_reached = np.zeros(labels.max() + 1, bool)
    for axis in range(3):
        is_reached[_border(labels, axis)] = True
    reached = torch.from_numpy(is_reached[labels]).to(is_free.device)
    return is_free & ~reached


def largest_part(is_solid: Bool[Tensor, "X Y Z"]) -> Bool[Tensor, "X Y Z"]:
    """Return the largest connected (6 neighbours) part."""
    labels = np.asarray(label(is_solid.cpu().numpy(), connectivity=1))
    if labels.max() < 2:
        return is_solid
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return torch.from_numpy(labels == int(sizes.argmax())).to(is_solid.device)


def solid_part(volume: Float[Tensor, "X Y Z"]) -> Float[Tensor, "X Y Z"]:
    """Return signed distances (positive outside) of one solid: no cavities, no floating parts.

    Values change only where the sign does: a filled or dropped sample takes the opposite sign. 0 is
    outside. Both sides are connected then, so the surface between them is one piece.
    """
    magnitude = volume.abs().clamp(min=1e-6)
    filled = torch.where(enclosed(volume >= 0), -magnitude, volume)
    solid = filled < 0
    return torch.where(solid & ~largest_part(solid), magnitude, filled)


def _border(labels: np.ndarray, axis: int) -> np.ndarray:
    return np.concatenate([labels.take(0, axis).ravel(), labels.take(-1, axis).ravel()])
