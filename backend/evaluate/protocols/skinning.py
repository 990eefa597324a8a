"""How well skin weights agree with known ones, and how they deform."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.geometry.skinning import pose

MM_PER_M = 1000.0
TEAR = 6.0
"""An edge longer than this many times its rest length counts as torn, as in ECON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deformation:
    """Distances between a vertex posed with predicted and with true weights."""

    mean_mm: float
    p95_mm: float
    p99_mm: float
    max_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeStretch:
    """Posed over bind-pose length of edges."""

    p99: float
    max: float
    torn_share: float
    """Of edges in all poses that are more than six times as long as in the bind pose; 0 to 1."""


def deformation_error(
    bind_vertices: Float[Tensor, "V 3"],
    true_weights: Float[Tensor, "V J"],
    weights: Float[Tensor, "V J"],
    bones: Float[Tensor, "P J 4 4"],
) -> Deformation:
    """Return statistics over all vertices and poses of |sum_j (w_j - w*_j) G_j v|.

    Args:
        bind_vertices: Metres, body frame, the true ones for both.
        true_weights: Rows sum to 1.
        weights: Rows sum to 1.
        bones: Matrices that take the bind pose into each pose.
    """
    return summary(deformation_mm(bind_vertices, true_weights, weights, bones))


def deformation_mm(
    bind_vertices: Float[Tensor, "V 3"],
    true_weights: Float[Tensor, "V J"],
    weights: Float[Tensor, "V J"],
    bones: Float[Tensor, "P J 4 4"],
) -> Float[Tensor, "P V"]:
    """Return each vertex's distance between its two positions, to be summarised by classes."""
    difference = weights - true_weights  # posing is linear in the weights
    steps = [pose(bind_vertices, difference, matrices).norm(dim=-1) for matrices in bones]
    return MM_PER_M * torch.stack(steps)


def summary(distances_mm: Float[Tensor, "P V"]) -> Deformation:
    """Return the statistics of some vertices, such as `deformation_mm(...)[:, is_skirt]`.

    Raises:
        ValueError: If there is none.
    """
    if distances_mm.numel() == 0:
        raise ValueError("there is no vertex to be summarised")
    values = distances_mm.detach().cpu().double().numpy()  # torch.quantile takes 2^24 at most
    p95, p99 = np.percentile(values, [95, 99])
    return Deformation(
        mean_mm=float(values.mean()),
        p95_mm=float(p95),
        p99_mm=float(p99),
        max_mm=float(values.max()),
    )


def weight_l1(true_weights: Float[Tensor, "V J"], weights: Float[Tensor, "V J"]) -> float:
    """Return the mean over vertices of sum_j |w_j - w*_j|, from 0 to 2."""
    return float((weights - true_weights).abs().sum(-1).double().mean())


def joint_accuracy(true_weights: Float[Tensor, "V J"], weights: Float[Tensor, "V J"]) -> float:
    """Return the share of vertices whose strongest joint is the true one, from 0 to 1."""
    return float((weights.argmax(-1) == true_weights.argmax(-1)).double().mean())


def edge_stretch(
    bind_vertices: Float[Tensor, "V 3"],
    faces: Int[Tensor, "F 3"],
    weights: Float[Tensor, "V J"],
    bones: Float[Tensor, "P J 4 4"],
) -> EdgeStretch:
    """Return how much the edges grow in all poses; edges without length are left out.

    Args:
        bind_vertices: Metres, body frame.
        faces: Each edge counts once, however many faces share it.
        weights: Rows sum to 1.
        bones: Matrices that take the bind pose into each pose.

    Raises:
        ValueError: If no edge has a length.
    """
    edges = _edges(faces)
    rest = _lengths(bind_vertices, edges)
    edges, rest = edges[rest > 0], rest[rest > 0]
    if len(edges) == 0:
        raise ValueError("no edge has a length")
    posed = [_lengths(pose(bind_vertices, weights, matrices), edges) for matrices in bones]
    ratios = (torch.stack(posed) / rest).detach().cpu().double().numpy()
    return EdgeStretch(
        p99=float(np.percentile(ratios, 99)),
        max=float(ratios.max()),
        torn_share=float((ratios > TEAR).mean()),
    )


def _edges(faces: Int[Tensor, "F 3"]) -> Int[Tensor, "E 2"]:
    sides = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).long()
    return sides.sort(1).values.unique(dim=0)


def _lengths(vertices: Float[Tensor, "V 3"], edges: Int[Tensor, "E 2"]) -> Float[Tensor, " E"]:
    return (vertices[edges[:, 1]] - vertices[edges[:, 0]]).norm(dim=-1)
