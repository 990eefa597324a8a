"""Bone weights for the points of a clothed surface, taken from the body beneath it."""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import sparse
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import KDTree

from backend.geometry.pixel_graph import PixelGraph, solve_field, subgraph
from backend.geometry.scene import BodySamples


def nearest_weights(
    samples: BodySamples,
    points: Float[np.ndarray, "N 3"],
    normals: Float[np.ndarray, "N 3"],
    *,
    count: int,
    normal_scale_m: float,
) -> tuple[Float[np.ndarray, "N J"], Float[np.ndarray, " N"]]:
    """Return the blended weights of the nearest body points that face the same way.

    Nearest in position and normal together, |Δx|² + (scale·|Δn|)², so that the palm on a hip is
    far from the hip; of these, points whose normal differs by more than 90° do not count.

    Args:
        samples: The body.
        points: Metres.
        normals: Unit.
        count: Neighbours that are blended by inverse squared distance.
        normal_scale_m: Distance that counts as much as 60° between normals.

    Returns:
        Weights, and the distance to the nearest of the points that count, metres.
    """
    tree = KDTree(np.concatenate([samples.points, normal_scale_m * samples.normals], 1))
    query = np.concatenate([points, normal_scale_m * normals], 1)
    distance, index = tree.query(query, k=count)
    agrees = np.einsum("nkc,nc->nk", samples.normals[index], normals) > 0
    # With no agreeing neighbour at all, the nearest ones have to do.
    agrees |= ~agrees.any(1, keepdims=True)
    share = agrees / (np.square(distance) + 1e-6)
    share /= share.sum(1, keepdims=True)
    rows = np.repeat(np.arange(len(points)), count)
    blend = sparse.csr_array(
        (share.ravel(), (rows, index.ravel())), shape=(len(points), len(samples.points))
    )
    apart = np.linalg.norm(samples.points[index] - points[:, None], axis=-1)
    return blend @ samples.weights, np.where(agrees, apart, np.inf).min(1)


def grid_distance(
    graph: PixelGraph, start: Float[np.ndarray, " N"], limit_px: float
) -> Float[np.ndarray, " N"]:
    """Return the length of the shortest way within the mask from the starting pixels.

    Args:
        graph: The pixels; ways go along 4-neighbours and diagonals.
        start: Length with which a way begins at each pixel; infinite: no way begins there.
        limit_px: Longer ways are infinite.
    """
    size = graph.size
    rows, columns, lengths = _ways(graph)
    begins = np.flatnonzero(np.isfinite(start))
    # One extra node, from which every way begins.
    rows = np.concatenate([rows, np.full(len(begins), size)])
    columns = np.concatenate([columns, begins])
    lengths = np.concatenate([lengths, start[begins] + 1e-9])
    ways = sparse.csr_array((lengths, (rows, columns)), shape=(size + 1, size + 1))
    return dijkstra(ways, indices=size, limit=limit_px)[:size]


def _ways(
    graph: PixelGraph,
) -> tuple[Int[np.ndarray, " L"], Int[np.ndarray, " L"], Float[np.ndarray, " L"]]:
    number = graph.number
    falling, rising = (number[:-1, :-1], number[1:, 1:]), (number[:-1, 1:], number[1:, :-1])
    pairs = [(graph.first, graph.second, 1.0)]
    for one, two in (falling, rising):
        both = (one >= 0) & (two >= 0)
        pairs.append((one[both], two[both], float(np.sqrt(2))))
    first = np.concatenate([one for one, _, _ in pairs])
    second = np.concatenate([two for _, two, _ in pairs])
    length = np.concatenate([np.full(len(one), value) for one, _, value in pairs])
    return (
        np.concatenate([first, second]),
        np.concatenate([second, first]),
        np.concatenate([length, length]),
    )


def belongs_to_head(
    graph: PixelGraph,
    start: Float[np.ndarray, " N"],
    handicap: Float[np.ndarray, " N"],
    limit_px: float,
) -> Bool[np.ndarray, " N"]:
    """Tell which pixels beside the body are hair, hat or glasses.

    Those that are nearer to the head than to any other part of the body, along ways inside the
    mask that do not cross the body.

    Args:
        graph: The pixels of the mask that the body does not cover.
        start: 0 at pixels that touch the head, infinite elsewhere.
        handicap: Length that a way from another part begins with, at pixels that touch it:
            cloth on an arm is thin, so the hand that holds a hat must not win it. Infinite
            elsewhere.
        limit_px: Hair and hats do not reach farther.
    """
    from_head = grid_distance(graph, start, limit_px)
    from_others = grid_distance(graph, handicap, 2 * limit_px)
    return np.isfinite(from_head) & (from_head <= from_others)


def blend_weights(
    graph: PixelGraph,
    links: Float[np.ndarray, " E"],
    weights: Float[np.ndarray, "N J"],
    pull: Float[np.ndarray, " N"],
) -> Float[np.ndarray, "N J"]:
    """Return weights smoothed over the surface; rows sum to 1.

    A skirt that takes the nearest leg's weights splits between the legs: loose cloth is not pulled
    to its own weights, and so passes smoothly between what surrounds it.

    Args:
        graph: The pixels of the mask.
        links: Strengths.
        weights: Rows sum to 1.
        pull: To the pixels' own weights; infinite: they are kept.
    """
    free = np.isfinite(pull)
    if not free.any():
        return weights
    touched = free.copy()
    touched[graph.first[free[graph.second]]] = True
    touched[graph.second[free[graph.first]]] = True
    part, kept = subgraph(graph, touched)
    used = weights[touched].any(0)
    rows = np.zeros((part.size, weights.shape[1]))
    rows[:, used] = solve_field(part, links[kept], pull[touched], weights[touched][:, used])
    rows = np.maximum(rows, 0)
    blended = weights.copy()
    blended[touched] = rows / np.maximum(rows.sum(1, keepdims=True), 1e-12)
    return blended
