"""Closed surfaces that touch themselves along an edge, made such that each edge has two faces."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

ROUNDS = 8
"""Each parts one pair of faces from every edge; more than three at one face are not known."""


def part_double_edges(
    vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"]
) -> tuple[Float[Tensor, "W 3"], Int[Tensor, "G 3"]]:
    """Return a closed surface of the same shape without edges of four faces.

    Marching cubes leaves such where the surface touches itself across a face of the grid. Two of
    the four faces get a vertex in the middle of the edge, and so an edge of their own.
    """
    for _ in range(ROUNDS):
        first, second = _pairs_to_part(faces)
        if len(first) == 0:
            break
        start = faces.flatten()[first]
        end = _next(faces, first)
        middle = 0.5 * (vertices[start] + vertices[end])
        number = len(vertices) + torch.arange(len(first), device=faces.device)
        vertices = torch.cat([vertices, middle])
        faces = _split(faces, torch.cat([first, second]), number.repeat(2))
    return vertices, faces


def _next(faces: Int[Tensor, "F 3"], half_edges: Int[Tensor, " N"]) -> Int[Tensor, " N"]:
    return faces.roll(-1, dims=1).flatten()[half_edges]


def _pairs_to_part(faces: Int[Tensor, "F 3"]) -> tuple[Int[Tensor, " N"], Int[Tensor, " N"]]:
    """Return half edges (3 face + corner) of one pair of opposite faces of each double edge.

    No face occurs twice; those left over wait for the next round.
    """
    start, end = faces.flatten(), faces.roll(-1, dims=1).flatten()
    base = int(faces.max()) + 1
    key = torch.minimum(start, end) * base + torch.maximum(start, end)
    order = key.argsort(stable=True)
    ranked = key[order]
    is_double = torch.zeros_like(ranked, dtype=torch.bool)
    is_double[2:] = ranked[2:] == ranked[:-2]
    doubled = ranked[is_double].unique()
    half_edges = order[torch.isin(ranked, doubled)]
    forward = start[half_edges] < end[half_edges]
    first = _one_per_key(half_edges[forward], key)
    second = _one_per_key(half_edges[~forward], key)
    kept = _disjoint(first // 3, second // 3)
    return first[kept], second[kept]


def _one_per_key(half_edges: Int[Tensor, " N"], key: Int[Tensor, " E"]) -> Int[Tensor, " M"]:
    ranked, order = key[half_edges].sort(stable=True)
    is_first = torch.ones_like(ranked, dtype=torch.bool)
    is_first[1:] = ranked[1:] != ranked[:-1]
    return half_edges[order[is_first]]


def _disjoint(first: Int[Tensor, " N"], second: Int[Tensor, " N"]) -> Bool[Tensor, " N"]:
    """Return which pairs have no face of an earlier pair."""
    pairs = torch.arange(len(first), device=first.device)
    if len(first) == 0:
        return torch.zeros_like(pairs, dtype=torch.bool)
    faces = torch.cat([first, second])
    earliest = torch.full((int(faces.max()) + 1,), len(first), device=first.device)
    earliest.scatter_reduce_(0, faces, pairs.repeat(2), "amin")
    return (earliest[first] == pairs) & (earliest[second] == pairs)


def _split(
    faces: Int[Tensor, "F 3"], half_edges: Int[Tensor, " N"], middle: Int[Tensor, " N"]
) -> Int[Tensor, "G 3"]:
    """Cut faces in two from the middle of one of their edges to the opposite corner."""
    face, corner = half_edges // 3, half_edges % 3
    turned = torch.stack([faces[face, (corner + step) % 3] for step in range(3)], dim=1)
    start, end, opposite = turned.unbind(dim=1)
    kept = torch.ones(len(faces), dtype=torch.bool, device=faces.device)
    kept[face] = False
    before = torch.stack([start, middle, opposite], dim=1)
    after = torch.stack([middle, end, opposite], dim=1)
    return torch.cat([faces[kept], before, after])
