"""The pixels of a mask as a graph of neighbours, and smooth fields on it.

A field x on the pixels minimises  Σ_links s_ij (x_i − x_j)² + Σ_i a_i (x_i − v_i)² − 2 Σ_i b_i x_i,
that is (L + diag a) x = a v + b with the graph's Laplacian L: smooth, pulled to values v with
weights a ("anchors", infinite where the value is known), and driven by a source b.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import ndimage, sparse
from scipy.sparse.linalg import splu

FLOOR = 1e-9
"""Least anchor: keeps a part of the graph without any anchor solvable (its field is then 0)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelGraph:
    """The N pixels of a mask, row-major, and the E links between 4-neighbours."""

    mask: Bool[np.ndarray, "H W"]
    number: Int[np.ndarray, "H W"]
    """Index of each pixel of the mask; -1 outside."""
    first: Int[np.ndarray, " E"]
    second: Int[np.ndarray, " E"]

    @property
    def size(self) -> int:
        """Number of pixels."""
        return int(self.number.max(initial=-1)) + 1


def pixel_graph(mask: Bool[np.ndarray, "H W"]) -> PixelGraph:
    """Return the graph of a mask's pixels."""
    number = np.full(mask.shape, -1, dtype=np.int64)
    number[mask] = np.arange(int(mask.sum()))
    across, down = mask[:, :-1] & mask[:, 1:], mask[:-1] & mask[1:]
    first = np.concatenate([number[:, :-1][across], number[:-1][down]])
    second = np.concatenate([number[:, 1:][across], number[1:][down]])
    return PixelGraph(mask=mask, number=number, first=first, second=second)


def subgraph(
    graph: PixelGraph, kept: Bool[np.ndarray, " N"]
) -> tuple[PixelGraph, Bool[np.ndarray, " E"]]:
    """Return the graph of some of the pixels, and which links of the whole graph are its links."""
    mask = graph.mask.copy()
    mask[graph.mask] = kept
    return pixel_graph(mask), kept[graph.first] & kept[graph.second]


def outline_links(
    level: Float[np.ndarray, "H W"], open_pixels: Bool[np.ndarray, "H W"]
) -> Float[np.ndarray, " N"]:
    """Return how strongly the outline ties each pixel of the mask `level` > 0.5 to zero there.

    A neighbour beyond the outline is replaced by the outline itself, at its distance θ (in pixels)
    where the level is 0.5: strength 1/θ (the ghost-fluid discretisation of Gibou et al. 2002).

    Args:
        level: 0 to 1.
        open_pixels: Beyond these nothing is known (outside of the photo): they tie nothing.
    """
    mask = level > 0.5
    strength = np.zeros(level.shape, dtype=np.float64)
    padded = np.pad(level, 1, mode="edge")
    shut = np.pad(~open_pixels, 1, constant_values=False)
    height, width = level.shape
    for row, column in ((0, 1), (2, 1), (1, 0), (1, 2)):
        beyond = padded[row : row + height, column : column + width]
        share = (level - 0.5) / np.maximum(level - beyond, 1e-6)
        crosses = mask & (beyond <= 0.5) & shut[row : row + height, column : column + width]
        strength += np.where(crosses, 1 / np.clip(share, 0.1, 1), 0)
    return strength[mask]


def solve_field(
    graph: PixelGraph,
    links: Float[np.ndarray, " E"],
    anchors: Float[np.ndarray, " N"],
    values: Float[np.ndarray, "N C"],
    *,
    source: Float[np.ndarray, "N C"] | None = None,
) -> Float[np.ndarray, "N C"]:
    """Return the smooth field that the module's text defines.

    Args:
        graph: The pixels.
        links: Strength s of each link.
        anchors: Pull a of each pixel to its value; infinite: the value is taken as it is.
        values: v; ignored where the anchor is 0.
        source: b; none by default.
    """
    known = np.isinf(anchors)
    free = ~known
    field = np.where(known[:, None], values, 0.0)
    if not free.any():
        return field
    laplacian = _laplacian(graph, links)[free]
    pull = np.maximum(anchors[free], FLOOR)
    matrix = (laplacian[:, free] + sparse.diags_array(pull)).tocsc()
    right = anchors[free, None] * values[free] - laplacian[:, known] @ field[known]
    if source is not None:
        right = right + source[free]
    factor = splu(
        matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    )
    field[free] = factor.solve(right)
    return field


def nearest_pixels(mask: Bool[np.ndarray, "H W"]) -> Int[np.ndarray, "2 H W"]:
    """Return row and column of the pixel of a (not empty) mask that is nearest to each pixel."""
    return np.asarray(
        ndimage.distance_transform_edt(~mask, return_distances=False, return_indices=True)
    )


def _adjacency(graph: PixelGraph, links: Float[np.ndarray, " E"]) -> sparse.csr_array:
    rows = np.concatenate([graph.first, graph.second])
    columns = np.concatenate([graph.second, graph.first])
    strength = np.concatenate([links, links])
    return sparse.csr_array((strength, (rows, columns)), shape=(graph.size, graph.size))


def _laplacian(graph: PixelGraph, links: Float[np.ndarray, " E"]) -> sparse.csr_array:
    adjacency = _adjacency(graph, links)
    return sparse.csr_array(sparse.diags_array(adjacency.sum(axis=1)) - adjacency)
