"""MediaPipe's 33 pose points: their rows, and the size of the body they span."""

import numpy as np
from jaxtyping import Float

HEAD, SHOULDERS, WRISTS = tuple(range(11)), (11, 12), (15, 16)
HIPS, KNEES, ANKLES = (23, 24), (25, 26), (27, 28)
"""Rows; in each pair the person's left comes first."""
MIRRORED = [0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9, *(i + 1 if i % 2 else i - 1 for i in range(11, 33))]
"""Row of the points that a mirrored photo shows at each row: left and right swapped."""
SHOWN_VISIBILITY = 0.5
"""Visibility above which a point counts as seen."""
HEIGHT_OF_TRUNK_AND_LEG = 1.3
"""Stature over hips-to-shoulders plus hip-to-ankle: neck, head and foot are the rest."""


def body_size_px(points: Float[np.ndarray, "33 2"]) -> float:
    """About the stature in pixels, from trunk and legs laid end to end (so bending costs less)."""
    trunk = np.linalg.norm(points[list(SHOULDERS)].mean(axis=0) - points[list(HIPS)].mean(axis=0))
    legs = (
        np.linalg.norm(points[hip] - points[knee]) + np.linalg.norm(points[knee] - points[ankle])
        for hip, knee, ankle in zip(HIPS, KNEES, ANKLES, strict=True)
    )
    return float(trunk + max(legs)) * HEIGHT_OF_TRUNK_AND_LEG
