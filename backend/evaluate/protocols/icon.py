"""The protocol of ICON (Xiu et al. 2022)."""

import math
from dataclasses import dataclass

import torch

from backend.evaluate.protocols.mesh import (
    Surface,
    bounding_box,
    mean_distance_cm,
    sample_surface_even,
)
from backend.evaluate.protocols.normal_maps import map_errors

SAMPLES = 1000
HALF_WIDTH_M = 1.0
YAWS_RAD = (0.0, math.pi, math.pi / 2, -math.pi / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Icon:
    """Distances and the error of normals; 0 is perfect."""

    p2s_cm: float
    """Truth to prediction: the other way than CanonicalFusion's."""
    p2s_back_cm: float
    """Prediction to truth."""
    chamfer_cm: float
    """The mean of both."""
    normal_error: float
    """Sum over the four views."""


def icon(predicted: Surface, truth: Surface, *, seed: int = 0) -> Icon:
    """Return P2S, Chamfer distance and the error of normals, as posed: no alignment, no scaling.

    Distances: the mean of the exact distances of 1000 evenly spread samples to the other surface's
    triangles. Normals: the sum over the yaws 0, 180, 90 and 270 degrees of the mean over all 512²
    pixels of |n - n*|², n = (normal + 1) / 2 in the view's frame, background 0 and counted; the
    centre of the truth's bounding box is in the middle and ±1 m are seen (the paper's frame of a
    person of 180 cm): what is farther out, as with the arms up, is cut off in both.

    Args:
        predicted: Body frame, metres.
        truth: The same frame.
        seed: Of the samples.
    """
    generator = torch.Generator().manual_seed(seed)
    low, high = bounding_box(truth)
    p2s = mean_distance_cm(sample_surface_even(truth, SAMPLES, generator).points, predicted)
    back = mean_distance_cm(sample_surface_even(predicted, SAMPLES, generator).points, truth)
    errors = map_errors(
        predicted, truth, YAWS_RAD, centre=(low + high) / 2, half_width_m=HALF_WIDTH_M
    )
    return Icon(
        p2s_cm=p2s,
        p2s_back_cm=back,
        chamfer_cm=(p2s + back) / 2,
        normal_error=sum(errors),
    )
