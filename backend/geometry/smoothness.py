"""Smooth values on meshes."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu
from scipy.spatial import KDTree
from torch import Tensor


def smooth_attributes(
    values: Float[Tensor, "V C"], faces: Int[Tensor, "F 3"], steps: int, strength: float
) -> Float[Tensor, "V C"]:
    """Return values moved `steps` times by `strength` towards the mean of their neighbours.

    Rows that sum to 1 keep doing so. Differentiable.
    """
    mean = neighbour_mean(faces, len(values)).to(values)
    for _ in range(steps):
        values = values + strength * (mean @ values - values)
    return values


def neighbour_mean(faces: Int[Tensor, "F 3"], vertex_count: int) -> Float[Tensor, "V V"]:
    """Return the sparse matrix that takes values at vertices to the means of their neighbours.

    A vertex without neighbours keeps its value.
    """
    graph = _adjacency(faces, vertex_count)
    degrees = graph.sum(axis=1)
    alone = diags_array((degrees == 0).astype(np.float32))
    mean = coo_array(diags_array(1 / np.maximum(degrees, 1)) @ graph + alone)
    indices = torch.from_numpy(np.stack(mean.coords).astype(np.int64))
    weights = torch.from_numpy(mean.data.astype(np.float32))
    return torch.sparse_coo_tensor(
        indices,
        weights,
        (vertex_count, vertex_count),
        check_invariants=False,  # unset, PyTorch warns
    ).to(faces.device)


def fill_attributes(
    values: Float[Tensor, "V C"],
    known: Bool[Tensor, " V"],
    faces: Int[Tensor, "F 3"],
    vertices: Float[Tensor, "V 3"],
) -> Float[Tensor, "V C"]:
    """Return values whose unknown rows are harmonic on the mesh: the mean of their neighbours.

    Known rows stay as they are; rows that sum to 1 give rows that sum to 1. A vertex that no path
    of edges joins to a known one takes the value of the nearest known vertex in space.

    Args:
        values: Rows that are not known are not read.
        known: Which rows hold a value; with none at all the result is 0.
        faces: Triangles.
        vertices: Metres; they are read for unreachable vertices only.
    """
    is_known = known.cpu().numpy()
    given = values.detach().cpu().numpy().astype(np.float64)
    filled = np.where(is_known[:, None], given, 0)
    if is_known.all() or not is_known.any():
        return torch.from_numpy(filled).to(values)
    graph = _adjacency(faces, len(values))
    _, labels = connected_components(graph, directed=False)
    is_reachable = np.isin(labels, labels[is_known])
    lost = np.flatnonzero(~is_reachable)
    if len(lost):
        points = vertices.detach().cpu().numpy()
        _, nearest = KDTree(points[is_known]).query(points[lost])
        filled[lost] = given[np.flatnonzero(is_known)[nearest]]
    unknown = np.flatnonzero(is_reachable & ~is_known)
    filled[unknown] = _harmonic(graph, unknown, filled)
    return torch.from_numpy(filled).to(values)


def _harmonic(
    graph: csr_array, unknown: Int[np.ndarray, " U"], values: Float[np.ndarray, "V C"]
) -> Float[np.ndarray, "U C"]:
    """Solve L x = 0 in the unknown rows; values are 0 there."""
    if len(unknown) == 0:
        return values[unknown]
    rows = graph[unknown]
    system = diags_array(rows.sum(axis=1)) - rows[:, unknown]
    # The matrix is symmetric and dominated by its diagonal: no pivoting, half the fill-in.
    factors = splu(
        system.tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    return factors.solve(rows @ values)


def _adjacency(faces: Int[Tensor, "F 3"], vertex_count: int) -> csr_array:
    corners = faces.cpu().numpy()
    starts = corners.ravel()
    ends = np.roll(corners, -1, axis=1).ravel()
    both = (np.concatenate([starts, ends]), np.concatenate([ends, starts]))
    ones = np.ones(len(both[0]))
    graph = coo_array((ones, both), shape=(vertex_count, vertex_count)).tocsr()
    graph.data[:] = 1  # an edge of two faces counts once
    return graph
