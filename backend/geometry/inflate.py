"""Depth of a clothed person from the depth of the body and the outline.

Middle depth m and squared half thickness q are solved for separately on the pixels of the mask,
so that front = m − √q and back = m + √q meet at the outline. Away from the body q follows
Δq = −2 (a strip gets a circular section: q = a² − x²), damped where only loose cloth can be.
"""

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from backend.geometry.pixel_graph import PixelGraph, nearest_pixels, solve_field
from backend.geometry.scene import Surroundings


def surroundings(
    mask: Bool[np.ndarray, "H W"],
    covered: Bool[np.ndarray, "H W"],
    open_pixels: Bool[np.ndarray, "H W"],
    pixel_m: float,
) -> Surroundings:
    """Return the distances that the rules of inflation speak of.

    Args:
        mask: The person.
        covered: The body; not empty.
        open_pixels: Outside of the photo: neither person nor not.
        pixel_m: Size of a pixel at the body's depth.
    """
    outward = np.asarray(ndimage.distance_transform_edt(~covered))
    return Surroundings(
        pixel_m=pixel_m,
        inside_outline=np.where(mask, depth_inside(mask | open_pixels), 0) * pixel_m,
        inside_body=depth_inside(covered & (mask | open_pixels)) * pixel_m,
        to_body=outward * pixel_m,
        nearest=nearest_pixels(covered),
    )


def depth_inside(mask: Bool[np.ndarray, "H W"]) -> Float[np.ndarray, "H W"]:
    """Return the distance of each pixel of a mask to its edge in pixels; 0 outside.

    A pixel at the edge is half a pixel inside. Beyond the image the mask goes on.
    """
    if mask.all():
        return np.full(mask.shape, float(max(mask.shape)))
    return np.maximum(np.asarray(ndimage.distance_transform_edt(mask)) - 0.5, 0)


def cloth_gap(
    mask: Bool[np.ndarray, "H W"],
    covered: Bool[np.ndarray, "H W"],
    around: Surroundings,
    blur_m: float,
) -> Float[np.ndarray, "H W"]:
    """Return how far the outline lies outside the body's silhouette, carried over the body.

    Args:
        mask: The person.
        covered: The body.
        around: See there.
        blur_m: Standard deviation over which neighbouring gaps are averaged.
    """
    on_body = mask & covered
    rim = on_body & (np.asarray(ndimage.binary_erosion(covered, border_value=1)) == 0)
    if not rim.any():
        return np.zeros(mask.shape)
    gap = around.inside_outline[tuple(nearest_pixels(rim))] - 0.5 * around.pixel_m
    blur_px = blur_m / around.pixel_m
    share = ndimage.gaussian_filter(on_body.astype(np.float64), blur_px)
    spread = ndimage.gaussian_filter(np.where(on_body, gap, 0), blur_px)
    return np.where(on_body, spread / np.maximum(share, 1e-6), 0)


def dress(
    depth: Float[np.ndarray, "2 H W"],
    covered: Bool[np.ndarray, "H W"],
    offset: Float[np.ndarray, "2 H W"],
    blur_px: float,
) -> Float[np.ndarray, "2 H W"]:
    """Return the body's two depths moved out by the cloth, without steps where the cloth ends.

    Args:
        depth: Front and back, metres.
        covered: The body.
        offset: How far the cloth stands off each side, metres.
        blur_px: Standard deviation over which the offset is averaged.
    """
    share = np.maximum(ndimage.gaussian_filter(covered.astype(np.float64), blur_px), 1e-6)
    front, back = (ndimage.gaussian_filter(side * covered, blur_px) / share for side in offset)
    return np.stack([depth[0] - front * covered, depth[1] + back * covered])


def without_pits(
    depth: Float[np.ndarray, "2 H W"], where: Bool[np.ndarray, "2 H W"], size_px: int
) -> Float[np.ndarray, "2 H W"]:
    """Return the two depths with narrow pits closed, as between lips and lids.

    Args:
        depth: Front and back, metres; 0 where the body is not.
        where: Pixels that may change.
        size_px: Pits up to this width are closed.
    """
    front, back = depth
    opened = ndimage.grey_opening(np.where(front > 0, front, front.max()), size=size_px)
    closed = ndimage.grey_closing(back, size=size_px)
    return np.where(where, np.stack([opened, closed]), depth)


def trust(
    around: Surroundings, gap: Float[np.ndarray, "H W"], start_m: float, full_m: float
) -> Float[np.ndarray, "H W"]:
    """Return how far the body's depth is taken as it is, 0 to 1 (smooth step).

    The rim of the bare body must not dent the cloth around it.

    Args:
        around: See there.
        gap: How far the cloth stands off; both distances grow by it. Metres.
        start_m: Distance from the body's edge inwards at which trust begins.
        full_m: … and where it is complete.
    """
    share = np.clip((around.inside_body - gap - start_m) / (full_m - start_m), 0, 1)
    return share * share * (3 - 2 * share)


def links_across(
    graph: PixelGraph, middle: Float[np.ndarray, " N"], scale: Float[np.ndarray, " N"], floor: float
) -> Float[np.ndarray, " E"]:
    """Return the links' strengths: 1, cut to `floor` where the body's middle depth jumps.

    Args:
        graph: The pixels.
        middle: Middle depth of the nearest body pixel, metres.
        scale: Jump at which a link keeps 1/e; metres.
        floor: Least strength.
    """
    jump = middle[graph.first] - middle[graph.second]
    size = np.maximum(scale[graph.first], scale[graph.second])
    return np.exp(-np.square(jump / size)) + floor


def anchors(
    share: Float[np.ndarray, " N"], reach_px: float, cloth_px: Float[np.ndarray, " N"]
) -> Float[np.ndarray, " N"]:
    """Return pulls to the body for shares of trust.

    Args:
        share: A trust of 1 is an infinite pull, ½ smooths over `reach_px`.
        reach_px: See there.
        cloth_px: Cloth smooths the body beneath it over at least this length.
    """
    with np.errstate(divide="ignore"):
        return np.minimum(share / (1 - share) / reach_px**2, 1 / cloth_px**2)


def solve_middle(
    graph: PixelGraph,
    links: Float[np.ndarray, " E"],
    pull: Float[np.ndarray, " N"],
    middle: Float[np.ndarray, " N"],
    *,
    weak_pull: float,
) -> Float[np.ndarray, " N"]:
    """Return the middle depth: the body's, carried outwards.

    Every pixel is weakly pulled to the nearest body pixel's: an island of the mask without a
    trusted pixel would have a singular system.
    """
    return solve_field(graph, links, pull + weak_pull, middle[:, None])[:, 0]


def solve_half_thickness(
    graph: PixelGraph,
    links: Float[np.ndarray, " E"],
    pull: Float[np.ndarray, " N"],
    half: Float[np.ndarray, " N"],
    *,
    source: Float[np.ndarray, " N"],
    outline: Float[np.ndarray, " N"],
) -> Float[np.ndarray, " N"]:
    """Return the half thickness: the body's where trusted, zero at the outline, round between.

    Args:
        graph: The pixels.
        links: Strengths.
        pull: Anchors to the body's half thickness.
        half: The body's, metres.
        source: −Δq wanted, square metres per square pixel.
        outline: Links to the outline (`outline_links`).
    """
    total = pull + outline
    with np.errstate(invalid="ignore"):
        share = np.where(np.isinf(pull), 1, pull / np.maximum(total, 1e-12))
    squared = solve_field(graph, links, total, (share * half**2)[:, None], source=source[:, None])
    return np.sqrt(np.maximum(squared[:, 0], 0))
