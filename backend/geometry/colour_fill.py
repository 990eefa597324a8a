"""Colours of a person's surface from one photo: clean at the outline, guessed on the far side."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import ndimage

from backend.geometry.body_parts import Part
from backend.geometry.pixel_graph import PixelGraph, nearest_pixels, solve_field

TROUSERED = (Part.TORSO, Part.LEFT_LEG, Part.RIGHT_LEG)
"""Parts that trousers, skirts and coats cover together: between torso and legs is no seam."""


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


def links_around_limbs(
    graph: PixelGraph, part: Int[np.ndarray, " N"], *, leak: float, along: float
) -> Float[np.ndarray, " E"]:
    """Return how easily colours pass: around a limb rather than along it, hardly between parts.

    A belt, a hem or a sleeve's end goes around the body: what the outline shows on both sides of a
    limb continues between them, from leg to leg through the seat.

    Args:
        graph: The pixels.
        part: Of each pixel.
        leak: Strength of links between parts: only a part without any known pixel takes its
            neighbours' colours.
        along: Strength of links along a part's long axis.
    """
    rows, columns = np.nonzero(graph.mask)
    places = np.stack([rows, columns], 1).astype(np.float64)
    shares = np.ones((int(part.max(initial=0)) + 1, 2))  # of links down and across
    for one in np.unique(part):
        spread = np.cov(places[part == one].T) if (part == one).sum() > 2 else np.eye(2)
        axis = np.linalg.eigh(spread)[1][:, 1]
        shares[one] = 1 - (1 - along) * axis**2
    goes_across = (rows[graph.first] == rows[graph.second]).astype(np.int64)
    inside = shares[part[graph.first], goes_across]
    ends = np.stack([part[graph.first], part[graph.second]])
    is_seat = np.isin(ends, TROUSERED).all(0) & (ends == Part.TORSO).any(0)
    return np.where((ends[0] == ends[1]) | is_seat, inside, leak)


def grow_colours(
    graph: PixelGraph,
    links: Float[np.ndarray, " E"],
    known: Float[np.ndarray, " N"],
    colours: Float[np.ndarray, "N 3"],
) -> Float[np.ndarray, "N 3"]:
    """Return colours grown smoothly from the known pixels.

    Args:
        graph: The pixels of the mask.
        links: How easily colours pass.
        known: How firmly each pixel's colour is known: 0 not at all, infinite fully.
        colours: sRGB; ignored where unknown.
    """
    return np.clip(solve_field(graph, links, known, colours), 0, 1)


def part_medians(
    colour: Float[np.ndarray, "N 3"],
    shown: Int[np.ndarray, " N"],
    part: Int[np.ndarray, " N"],
    fewest: int,
) -> tuple[Float[np.ndarray, "N 3"], Bool[np.ndarray, " N"]]:
    """Return for each pixel the median colour of the part that its far side shows.

    Args:
        colour: Of the near side.
        shown: Part that the near side shows.
        part: Part that the far side shows.
        fewest: Fewest pixels from which a colour is told.

    Returns:
        Colours, and where there is one.
    """
    medians, found = np.zeros_like(colour), np.zeros(len(part), dtype=bool)
    for one in np.unique(part):
        middle = median_colour(colour, shown == one, fewest)
        if middle is not None:
            medians[part == one], found[part == one] = middle, True
    return medians, found


def median_colour(
    colour: Float[np.ndarray, "*N 3"], where: Bool[np.ndarray, "*N"], fewest: int
) -> Float[np.ndarray, " 3"] | None:
    """Return the median colour of some pixels; None if they are fewer than `fewest`."""
    if int(where.sum()) < fewest:
        return None
    return np.median(colour[where], axis=0)


def first_median(
    colour: Float[np.ndarray, "N 3"],
    shown: Int[np.ndarray, " N"],
    choices: Sequence[Sequence[int]],
    *,
    fewest: int,
) -> Float[np.ndarray, " 3"] | None:
    """Return the median colour of the first group of parts that shows enough pixels, else None."""
    for parts in choices:
        middle = median_colour(colour, np.isin(shown, parts), fewest)
        if middle is not None:
            return middle
    return None
