"""Colours of a person's surface from one photo: clean at the outline, guessed on the far side."""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import ndimage

from backend.geometry.pixel_graph import PixelGraph, nearest_pixels, solve_field


def pull_inwards(
    colour: Float[np.ndarray, "H W 3"],
    inside_px: Float[np.ndarray, "H W"],
    inset_px: float,
) -> Float[np.ndarray, "H W 3"]:
    """Return the image with every pixel near or beyond the outline coloured from farther inside.

    A pixel at the outline holds some of the background. Parts thinner than twice the inset keep
    the colours of their middle line.

    Args:
        colour: sRGB.
        inside_px: Distance to the outline, pixels; 0 outside.
        inset_px: Where the person's own colours begin.
    """
    ridge = (inside_px >= ndimage.maximum_filter(inside_px, size=3)) & (inside_px >= 0.5)
    clean = (inside_px >= inset_px) | ridge
    if not clean.any():
        return colour
    return colour[tuple(nearest_pixels(clean))]


def grow_colours(
    graph: PixelGraph,
    part: Int[np.ndarray, " N"],
    known: Float[np.ndarray, " N"],
    colours: Float[np.ndarray, "N 3"],
    *,
    leak: float,
) -> Float[np.ndarray, "N 3"]:
    """Return colours grown smoothly from the known pixels, each part from its own.

    Args:
        graph: The pixels of the mask.
        part: Of each pixel; colours hardly pass from one part to another.
        known: How firmly each pixel's colour is known: 0 not at all, infinite fully.
        colours: sRGB; ignored where unknown.
        leak: Strength of links between parts: only a part without any known pixel takes its
            neighbours' colours.
    """
    links = np.where(part[graph.first] == part[graph.second], 1.0, leak)
    return np.clip(solve_field(graph, links, known, colours), 0, 1)


def median_colour(
    colour: Float[np.ndarray, "H W 3"], where: Bool[np.ndarray, "H W"], fewest: int
) -> Float[np.ndarray, " 3"] | None:
    """Return the median colour of some pixels; None if they are fewer than `fewest`."""
    if int(where.sum()) < fewest:
        return None
    return np.median(colour[where], axis=0)
