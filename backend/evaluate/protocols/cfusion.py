"""The protocol of CanonicalFusion (Shin et al. 2024)."""

import math
from dataclasses import dataclass

import torch

from backend.evaluate.protocols.alignment import icp, match_boxes
from backend.evaluate.protocols.mesh import (
    Surface,
    bounding_box,
    mean_distance_cm,
    sample_surface,
)
from backend.evaluate.protocols.normal_maps import map_errors

SAMPLES = 10_000
HALF_WIDTH_M = 1.28
"""A view of ±128 cm (the scale 1/128) round a body of about 180 cm: 512 pixels of 5 mm."""
FRONT_AND_BACK_RAD = (0.0, math.pi)
NORMAL_FACTOR = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CFusion:
    """Distances and the error of normals; 0 is perfect."""

    p2s_cm: float
    """Prediction to truth."""
    p2s_back_cm: float
    """Truth to prediction."""
    chamfer_cm: float
    """The mean of both."""
    normal_error: float
    """Times 100."""


def cfusion(predicted: Surface, truth: Surface, *, aligned: bool = False, seed: int = 0) -> CFusion:
    """Return P2S, Chamfer distance and the error of normals.

    Distances: the mean of the exact distances of 10 000 samples, uniform by area, to the other
    surface's triangles, in true centimetres (the paper scales each person to 180 cm).

    Normals: 100 times the mean over front and back of 3 mean((n - n*)²), n = (normal + 1) / 2 in
    the view's frame (+X right, +Y up, +Z to the viewer), over all 512² pixels and the three
    channels. Framing: both surfaces in the body frame (+Y up, +Z forward); the centre of the
    truth's bounding box is in the middle; parallel rays; ±1.28 m are seen. Background is (0, 0, 0)
    and is counted: 0 against 0 beside both bodies, a large error where the outlines differ.

    Args:
        predicted: Body frame, metres.
        truth: The same frame.
        aligned: As in the paper's evaluation: first the prediction gets the centre and the
            greatest extent of the truth's bounding box, then it is rotated and shifted by ICP.
            False: as posed, where a wrong place, turn and size count.
        seed: Of the samples.
    """
    generator = torch.Generator().manual_seed(seed)
    if aligned:
        predicted = icp(match_boxes(predicted, truth), truth, generator)
    low, high = bounding_box(truth)
    there = mean_distance_cm(sample_surface(predicted, SAMPLES, generator).points, truth)
    back = mean_distance_cm(sample_surface(truth, SAMPLES, generator).points, predicted)
    errors = map_errors(
        predicted,
        truth,
        FRONT_AND_BACK_RAD,
        centre=(low + high) / 2,
        half_width_m=HALF_WIDTH_M,
    )
    return CFusion(
        p2s_cm=there,
        p2s_back_cm=back,
        chamfer_cm=(there + back) / 2,
        normal_error=NORMAL_FACTOR * sum(errors) / len(errors),
    )
