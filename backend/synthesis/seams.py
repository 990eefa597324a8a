"""Garments whose seams gape, sewn: what is worn below would show through the slit.

G vertices of a garment, F its triangles, R of its edges on a rim.
"""

from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.geometry.isosurface import face_components
from backend.synthesis.garments import Garment
from backend.synthesis.layers import rim_edges

NEIGHBOURS = 3
"""Vertices so few edges away along the rim are not the other side of a seam."""


def sewn(garment: Garment, fitted: Float[Tensor, "G 3"], gap_m: float) -> Garment:
    """Return a garment with faces across its slits; its own faces stay first and unchanged.

    Each vertex of a slit is joined with the nearest one of the other side; of the two edges a to b
    and b' to a' between two such pairs, either adds one half of the quad between them.

    Args:
        garment: With seams that gape.
        fitted: Its vertices on some body.
        gap_m: What lies closer to each other within one piece of cloth is a slit.
    """
    rim = rim_edges(fitted, garment.faces)
    start, end = garment.faces[rim], garment.faces.roll(-1, 1)[rim]
    partner = _partners(garment, fitted, torch.stack([start, end], 1), gap_m)
    is_slit = (partner[start] >= 0) & (partner[end] >= 0)
    faces = torch.stack([end, start, partner[start]], 1)[is_slit]
    uv_start = garment.corner_uv[rim][is_slit]
    uv_end = garment.corner_uv.roll(-1, 1)[rim][is_slit]
    return replace(
        garment,
        faces=torch.cat([garment.faces, faces]),
        corner_uv=torch.cat([garment.corner_uv, torch.stack([uv_end, uv_start, uv_start], 1)]),
    )


def _partners(
    garment: Garment, fitted: Float[Tensor, "G 3"], edges: Int[Tensor, "R 2"], gap_m: float
) -> Int[Tensor, " G"]:
    """Return the vertex on the other side of the slit at each; -1 = none."""
    ids, local = edges.unique(return_inverse=True)
    piece = torch.zeros(len(fitted), dtype=torch.long)
    piece[garment.faces] = face_components(garment.faces, len(fitted))[:, None]
    distance = torch.cdist(fitted[ids], fitted[ids])
    is_other = (piece[ids][:, None] == piece[ids]) & ~_near_along(local, len(ids))
    nearest = torch.where(is_other, distance, torch.inf).min(1)
    is_pair = nearest.indices[nearest.indices] == torch.arange(len(ids))
    is_pair &= nearest.values < gap_m
    partner = torch.full((len(fitted),), -1)
    partner[ids[is_pair]] = ids[nearest.indices[is_pair]]
    return partner


def _near_along(edges: Int[Tensor, "R 2"], count: int) -> Bool[Tensor, "N N"]:
    """Tell which vertices are a few edges apart, or the same."""
    step = torch.eye(count)
    step[edges[:, 0], edges[:, 1]] = 1.0
    step[edges[:, 1], edges[:, 0]] = 1.0
    return torch.linalg.matrix_power(step, NEIGHBOURS) > 0
