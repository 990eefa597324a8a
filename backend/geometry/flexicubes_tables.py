"""Which pieces of surface pass through a cube, for all 256 signs of its corners.

Corner `x + 2 y + 4 z` of a cube lies at (x, y, z); bit i of a case says that corner i is inside.
Edge `4 d + slot` runs along axis d, up; its slot counts the four places around that axis. On each
side of the cube the surface joins crossed edges in pairs; edges that are joined, directly or not,
belong to one piece, and a piece gets one vertex (dual marching cubes, Nielson 2004).

A side whose inside corners lie diagonally is ambiguous: its four crossed edges can be paired around
the inside corners or around the outside ones. Both cubes at a side see the same signs, so one rule
for all (around the inside corners) leaves no gap. It has one fault: if both pairs belong to one
piece in each of the two cubes, the edge between these pieces' vertices gets four faces. Then both
cubes pair this side around its outside corners, which splits the piece in each (Wenger 2013, cases
16 and 19). Such a cube has no other ambiguous side, so that no third cube is concerned.
"""

from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Int
from torch import Tensor

AROUND = ((0, 0), (1, 0), (1, 1), (0, 1))
"""Places around an axis, counter-clockwise seen from its end: steps along the next two axes."""


def _corner(axis: int, along: int, place: tuple[int, int]) -> int:
    return (along << axis) + (place[0] << (axis + 1) % 3) + (place[1] << (axis + 2) % 3)


EDGES = tuple(
    (_corner(axis, 0, place), _corner(axis, 1, place)) for axis in range(3) for place in AROUND
)
"""The lower and the upper corner of each edge; `AROUND[edge % 4]` is its place."""
SIDES = tuple(
    tuple(_corner(axis, end, place) for place in AROUND) for axis in range(3) for end in range(2)
)
"""The four corners of each side, around it; the first is the lowest and the third the highest."""
_EDGES_OF = {
    side: tuple(
        EDGES.index((min(pair), max(pair))) for pair in zip(side, side[1:] + side[:1], strict=True)
    )
    for side in SIDES
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseTables:
    """Pieces of surface in a cube; first axis: pairs around the inside or the outside corners."""

    piece: Int[Tensor, "2 256 12"]
    """Number within the cube of the piece that crosses an edge; -1 if the edge is not crossed."""
    count: Int[Tensor, "2 256"]
    """Pieces of the cube."""
    doubtful_side: Int[Tensor, " 256"]
    """The ambiguous side that one piece meets twice; -1 if there is none."""


@cache
def case_tables() -> CaseTables:
    """Return the tables, made at the first call (some 20 ms)."""
    piece = torch.tensor([[_pieces(case, inside) for case in range(256)] for inside in (1, 0)])
    sides = [_doubtful_sides(case) for case in range(256)]
    return CaseTables(
        piece=piece,
        count=piece.amax(dim=2) + 1,
        doubtful_side=torch.tensor([side[0] if side else -1 for side in sides]),
    )


def _pieces(case: int, separated: int) -> list[int]:
    """Number the pieces of a case; ambiguous sides are paired around corners `separated`."""
    piece = [
        edge if (case >> low ^ case >> high) & 1 else -1 for edge, (low, high) in enumerate(EDGES)
    ]
    for side in SIDES:
        for first, second in _pairs(case, side, separated):
            piece = [piece[first] if old == piece[second] else old for old in piece]
    numbers = {old: new for new, old in enumerate(sorted(set(piece) - {-1}))}
    return [numbers.get(old, -1) for old in piece]


def _pairs(case: int, side: tuple[int, ...], separated: int) -> list[tuple[int, int]]:
    """Return which crossed edges of a side the surface joins."""
    edges = _crossed(case, side)
    if len(edges) < 4:
        return [(edges[0], edges[1])] if edges else []
    start = 0 if case >> side[0] & 1 == separated else 1  # edges[i] leaves corner i
    return [(edges[start], edges[start - 1]), (edges[start - 2], edges[start + 1])]


def _crossed(case: int, side: tuple[int, ...]) -> list[int]:
    """Return the crossed edges of a side, around it; the first leaves its first corner."""
    return [
        edge for edge in _EDGES_OF[side] if (case >> EDGES[edge][0] ^ case >> EDGES[edge][1]) & 1
    ]


def _doubtful_sides(case: int) -> list[int]:
    piece = _pieces(case, 1)
    crossed = [_crossed(case, side) for side in SIDES]
    return [
        number
        for number, edges in enumerate(crossed)
        if len(edges) == 4 and len({piece[edge] for edge in edges}) == 1
    ]
