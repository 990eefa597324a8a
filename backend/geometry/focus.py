"""A smooth magnification around a point: whoever meshes the magnified space meshes finer there."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

STEPS = 40
"""Of the bisection that undoes the magnification: 1 m / 2⁴⁰."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Focus:
    """Distances r from the centre become r + (times − 1) r / (1 + (r / radius)²).

    One to one for `times` below 9: the derivative is least at r = √3 radius, 1 − (times − 1) / 8.
    """

    centre: Float[Tensor, " 3"]
    radius_m: float
    times: float


def focus_on(points: Float[Tensor, "N 3"], radius_m: float, times: float) -> Focus:
    """Return a focus on the middle of the bounding box of points."""
    return Focus(centre=(points.amin(0) + points.amax(0)) / 2, radius_m=radius_m, times=times)


def magnified(points: Float[Tensor, "N 3"], focus: Focus) -> Float[Tensor, "N 3"]:
    """Return points moved away from the centre."""
    offset = points - focus.centre
    distance = offset.norm(dim=1, keepdim=True)
    return focus.centre + offset * _factor(distance, focus)


def restored(points: Float[Tensor, "N 3"], focus: Focus) -> Float[Tensor, "N 3"]:
    """Undo `magnified`, by bisection."""
    offset = points - focus.centre
    wanted = offset.norm(dim=1, keepdim=True).double()
    low, high = torch.zeros_like(wanted), wanted.clone()
    for _ in range(STEPS):
        middle = (low + high) / 2
        is_low = middle * _factor(middle, focus) < wanted
        low, high = torch.where(is_low, middle, low), torch.where(is_low, high, middle)
    return focus.centre + offset * (high / wanted.clamp(min=1e-12)).to(points)


def _factor(distance: Float[Tensor, "N 1"], focus: Focus) -> Float[Tensor, "N 1"]:
    return 1 + (focus.times - 1) / (1 + (distance / focus.radius_m) ** 2)
