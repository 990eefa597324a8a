"""Where a level crosses the faces of cubes: closed loops around each cube, joined without gaps.

Corner c of a cube is at (c >> 2 & 1, c >> 1 & 1, c & 1); edge e = 4 axis + 2 u + v runs along its
axis, u and v being its places along the two axes that follow it (x, y, z, x, ...).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

AXIS_BIT = (4, 2, 1)
"""What a step along an axis adds to the number of a corner."""


def edge_start(edge: int) -> int:
    """Return the corner at which an edge begins; it ends at `AXIS_BIT[edge // 4]` more."""
    axis, u, v = edge // 4, edge // 2 % 2, edge % 2
    return u * AXIS_BIT[(axis + 1) % 3] + v * AXIS_BIT[(axis + 2) % 3]


def _edge_between(one: int, other: int) -> int:
    ends = {one, other}
    return next(
        edge
        for edge in range(12)
        if {edge_start(edge), edge_start(edge) + AXIS_BIT[edge // 4]} == ends
    )


def _face_corners(axis: int, side: int) -> tuple[int, int, int, int]:
    """Return the corners of a face, counter-clockwise seen from outside the cube."""
    base, u, v = side * AXIS_BIT[axis], AXIS_BIT[(axis + 1) % 3], AXIS_BIT[(axis + 2) % 3]
    around = (base, base + u, base + u + v, base + v)
    return around if side else (around[0], around[3], around[2], around[1])


FACES = tuple(_face_corners(axis, side) for axis in range(3) for side in range(2))
FACE_EDGES = tuple(
    tuple(_edge_between(face[k], face[(k + 1) % 4]) for k in range(4)) for face in FACES
)
"""Edge k of a face runs from its corner k to the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CubeLoops:
    """For each of N cubes, the loops over its 12 edges."""

    onwards: Int[Tensor, "N 12"]
    """The next edge, clockwise seen from the outer side of the level; an edge that is not crossed
    follows itself."""
    loop: Int[Tensor, "N 12"]
    """The least edge of the edge's loop."""
    comes_twice: Bool[Tensor, "N 12"]
    """Whether that loop comes to a face of the cube twice."""


def cube_loops(values: Float[Tensor, "N 8"]) -> CubeLoops:
    """Return how the level 0 crosses the faces of cubes.

    On a face whose corners alternate, the sign at the saddle of the bilinear interpolation tells
    which crossings belong together (asymptotic decider, Nielson and Hamann 1991). Only the face's
    own values count, so two cubes agree on the face they share, and run along it in opposite
    directions: filled loops are a closed, consistently oriented surface.

    Args:
        values: At the corners; inside below 0.
    """
    inside = values < 0
    onwards = torch.arange(12, device=values.device).repeat(len(values), 1)
    for corners, edges in zip(FACES, FACE_EDGES, strict=True):
        is_in = inside[:, corners]  # (N, 4)
        leaves = is_in & ~is_in.roll(-1, dims=1)
        enters = ~is_in & is_in.roll(-1, dims=1)
        pairs = values[:, corners].unflatten(1, (2, 2)).prod(1)  # of opposite corners
        joined = torch.where(is_in[:, 0], pairs[:, 0] > pairs[:, 1], pairs[:, 1] > pairs[:, 0])
        # From where the border of the face leaves the inside, the level leads to the next edge at
        # which it enters again; to the one before, if that cuts off an inner corner.
        steps = torch.where((leaves.sum(1) == 2) & ~joined, 3, _steps(enters, leaves))
        for k in range(4):
            to = torch.tensor(edges, device=values.device)[(k + steps) % 4]
            onwards[:, edges[k]] = torch.where(leaves[:, k], to, onwards[:, edges[k]])
    loop = _least_of_cycle(onwards)
    return CubeLoops(onwards=onwards, loop=loop, comes_twice=_comes_twice(inside, loop))


def _steps(enters: Bool[Tensor, "N 4"], leaves: Bool[Tensor, "N 4"]) -> Int[Tensor, " N"]:
    """Return how many edges after the first exit the next entry lies; 1 if there are two."""
    exits, entries = leaves.int().argmax(1), enters.int().argmax(1)
    return torch.where(leaves.sum(1) == 2, 1, (entries - exits) % 4)


def _least_of_cycle(onwards: Int[Tensor, "N 12"]) -> Int[Tensor, "N 12"]:
    """Return the least edge on the cycle of each edge, by doubling the steps."""
    least = torch.arange(12, device=onwards.device).expand_as(onwards)
    for _ in range(4):
        least = torch.minimum(least, least.gather(1, onwards))
        onwards = onwards.gather(1, onwards)
    return least


def _comes_twice(inside: Bool[Tensor, "N 8"], loop: Int[Tensor, "N 12"]) -> Bool[Tensor, "N 12"]:
    twice = torch.zeros_like(loop, dtype=torch.bool)
    for corners, edges in zip(FACES, FACE_EDGES, strict=True):
        is_in = inside[:, corners]
        alternates = (is_in != is_in.roll(-1, dims=1)).all(1)
        # All four crossings are on the loop, or two on one and two on another.
        same = alternates & (loop[:, edges] == loop[:, edges[:1]]).all(1)
        twice |= same[:, None] & (loop == loop[:, edges[:1]])
    return twice
