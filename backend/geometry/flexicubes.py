"""Triangles of the zero level of signed distances that gradients can reshape: FlexiCubes.

Shen et al. 2023, *Flexible Isosurface Extraction for Gradient-Based Mesh Optimization*: dual
marching cubes (Nielson 2004), with weights in each cube that move a vertex within it, on a grid
whose points may move. Only cubes near the surface need to be there.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.geometry.flexicubes_tables import EDGES, SIDES, case_tables


@dataclass(frozen=True, slots=True, kw_only=True)
class CubeWeights:
    """What moves the vertices within their cubes, beside the signed distances."""

    alpha: Float[Tensor, "C 8"]
    """Factors of the signed distances at a cube's corners, positive: they move its crossings."""
    beta: Float[Tensor, "C 12"]
    """Shares of a cube's crossings in its vertices, positive."""
    gamma: Float[Tensor, " C"]
    """Positive: a four-sided face is rather split between the cubes where it is large."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DualSurface:
    """How the surface runs through the cubes; it changes only where a sign does.

    A crossing is an edge of the grid that the surface crosses, seen from one of its four cubes.
    """

    cube: Int[Tensor, " N"]
    """Of each crossing."""
    edge: Int[Tensor, " N"]
    """Of each crossing: which of the cube's 12."""
    vertex: Int[Tensor, " N"]
    """Of each crossing: the vertex of the piece of surface it belongs to."""
    cube_of_vertex: Int[Tensor, " D"]
    """A cube has as many vertices as pieces of surface."""
    quads: Int[Tensor, "Q 4"]
    """Vertices around each edge all of whose four cubes are there, seen from outside."""


def unit_weights(cube_count: int, like: Float[Tensor, "..."]) -> CubeWeights:
    """Return weights of 1, plain dual marching cubes, of the type and device of `like`."""
    return CubeWeights(
        alpha=like.new_ones(cube_count, 8),
        beta=like.new_ones(cube_count, 12),
        gamma=like.new_ones(cube_count),
    )


def free_weights(values: Float[Tensor, "C 21"]) -> CubeWeights:
    """Return weights for any real numbers; 0 gives those of plain dual marching cubes.

    1 + tanh for alpha and beta, the logistic function for gamma (Shen et al. 2023).
    """
    return CubeWeights(
        alpha=1 + values[:, :8].tanh(),
        beta=1 + values[:, 8:20].tanh(),
        gamma=values[:, 20].sigmoid(),
    )


def flexicubes(
    points: Float[Tensor, "P 3"],
    sdf: Float[Tensor, " P"],
    cubes: Int[Tensor, "C 8"],
    weights: CubeWeights,
) -> tuple[Float[Tensor, "D 3"], Int[Tensor, "F 3"]]:
    """Return the surface at which the distances turn from negative (inside) to positive.

    Edge-manifold; closed if no border of the cubes is crossed. Differentiable in the points, the
    distances, alpha and beta. Vertices in the frame of the points.

    Args:
        points: Of the grid, as moved.
        sdf: At the points, in any unit.
        cubes: Points at the corners; corner x + 2 y + 4 z of a cube lies at (x, y, z) of it.
        weights: Of each cube.
    """
    surface = dual_surface(sdf, cubes)
    vertices, _ = dual_vertices(points, sdf, weights, (cubes, surface))
    return vertices, triangles(surface, weights.gamma)


def dual_surface(sdf: Float[Tensor, " P"], cubes: Int[Tensor, "C 8"]) -> DualSurface:
    """Return which vertices and faces the signs give, for cubes as in `flexicubes`."""
    inside = sdf[cubes] < 0
    crossed = (inside.any(dim=1) & ~inside.all(dim=1)).nonzero()[:, 0]
    inside, cubes = inside[crossed], cubes[crossed]
    case = (inside.long() << torch.arange(8, device=sdf.device)).sum(dim=1)
    tables = case_tables()
    rule = _is_shared_doubt(case, cubes, len(sdf)).long()
    count = tables.count.to(sdf.device)[rule, case]
    piece = tables.piece.to(sdf.device)[rule, case]
    row, edge = (piece >= 0).nonzero(as_tuple=True)
    vertex = (count.cumsum(dim=0) - count)[row] + piece[row, edge]
    return DualSurface(
        cube=crossed[row],
        edge=edge,
        vertex=vertex,
        cube_of_vertex=crossed.repeat_interleave(count),
        quads=_quads(cubes[row], inside[row], edge, vertex),
    )


def _is_shared_doubt(
    case: Int[Tensor, " K"], cubes: Int[Tensor, "K 8"], point_count: int
) -> Bool[Tensor, " K"]:
    """Return which cubes have a doubtful side that their neighbour there doubts too."""
    side = case_tables().doubtful_side.to(case.device)[case]
    doubtful = (side >= 0).nonzero()[:, 0]
    corners = torch.tensor(SIDES, device=case.device)[side[doubtful]]
    ends = cubes[doubtful].gather(1, corners[:, [0, 2]])
    _, twin, count = _keys(ends, point_count).unique(return_inverse=True, return_counts=True)
    result = torch.zeros_like(case, dtype=torch.bool)
    result[doubtful[count[twin] == 2]] = True
    return result


def _keys(ends: Int[Tensor, "N 2"], point_count: int) -> Int[Tensor, " N"]:
    return ends[:, 0] * point_count + ends[:, 1]


def _quads(
    cubes: Int[Tensor, "N 8"],
    inside: Bool[Tensor, "N 8"],
    edge: Int[Tensor, " N"],
    vertex: Int[Tensor, " N"],
) -> Int[Tensor, "Q 4"]:
    """Join the vertices around each crossed edge; counter-clockwise seen from outside."""
    ends = cubes.gather(1, torch.tensor(EDGES, device=cubes.device)[edge])
    point_count = int(cubes.max()) + 1 if len(cubes) else 1
    found, number = _keys(ends, point_count).unique(return_inverse=True)
    quads = vertex.new_full((len(found), 4), -1)
    quads[number, edge % 4] = vertex
    is_low_inside = torch.zeros_like(found, dtype=torch.bool)
    low = torch.tensor(EDGES, device=cubes.device)[edge, :1]
    is_low_inside[number] = inside.gather(1, low)[:, 0]
    quads = torch.where(is_low_inside[:, None], quads, quads.flip(1))
    return quads[(quads >= 0).all(dim=1)]


def dual_vertices(
    points: Float[Tensor, "P 3"],
    sdf: Float[Tensor, " P"],
    weights: CubeWeights,
    where: tuple[Int[Tensor, "C 8"], DualSurface],
) -> tuple[Float[Tensor, "D 3"], Float[Tensor, "N 3"]]:
    """Return the vertices and the crossings they are means of (Shen et al. 2023, section 4).

        u = (s_i alpha_i x_j - s_j alpha_j x_i) / (s_i alpha_i - s_j alpha_j)
        v = sum_e beta_e u_e / sum_e beta_e

    Args:
        points: Of the grid, as moved.
        sdf: Signs as in the surface.
        weights: Of each cube.
        where: The cubes' corners, and the surface.
    """
    cubes, surface = where
    corners = torch.tensor(EDGES, device=cubes.device)[surface.edge]  # (N, 2)
    ends = cubes[surface.cube[:, None], corners]
    scaled = sdf[ends] * weights.alpha[surface.cube[:, None], corners]
    share = scaled[:, 0] / (scaled[:, 0] - scaled[:, 1])  # of the way from i to j
    start, end = points[ends].unbind(dim=1)
    crossings = torch.lerp(start, end, share[:, None])
    beta = weights.beta[surface.cube, surface.edge]
    return _mean_of(crossings, beta, surface), crossings


def _mean_of(
    values: Float[Tensor, "N 3"], beta: Float[Tensor, " N"], surface: DualSurface
) -> Float[Tensor, "D 3"]:
    count = len(surface.cube_of_vertex)
    total = values.new_zeros(count, 3).index_add(0, surface.vertex, beta[:, None] * values)
    return total / beta.new_zeros(count).index_add(0, surface.vertex, beta)[:, None]


def deviations(
    vertices: Float[Tensor, "D 3"], crossings: Float[Tensor, "N 3"], surface: DualSurface
) -> Float[Tensor, " D"]:
    """Return each vertex's term of L_dev: 0 if it is equally far from all crossings of its piece.

        mean_e | d_e - mean_e d_e |,  d_e = |v - u_e|      Shen et al. 2023, section 4.4

    Keeps faces from shrinking to slivers. In the unit of the vertices.
    """
    # without the least square the root's gradient is infinite where a crossing is the vertex
    squares = (vertices[surface.vertex] - crossings).square().sum(dim=1)
    distance = (squares + torch.finfo(squares.dtype).tiny ** 0.5).sqrt()
    mean = _means(distance, surface)
    return _means((distance - mean[surface.vertex]).abs(), surface)


def _means(values: Float[Tensor, " N"], surface: DualSurface) -> Float[Tensor, " D"]:
    count = len(surface.cube_of_vertex)
    total = values.new_zeros(count).index_add(0, surface.vertex, values)
    return total / surface.vertex.bincount(minlength=count)


def quad_centres(
    vertices: Float[Tensor, "D 3"], gamma: Float[Tensor, " C"], surface: DualSurface
) -> Float[Tensor, "Q 3"]:
    """Return a point in the middle of each four-sided face, differentiable in gamma.

    Between the middles of its diagonals, nearer to the one whose product of gammas is larger:
    while gradients are wanted, four triangles around it stand for the face.
    """
    first, second = _diagonals(surface, gamma)
    middle = vertices[surface.quads]
    share = (first / (first + second))[:, None]
    return torch.lerp(
        0.5 * (middle[:, 1] + middle[:, 3]), 0.5 * (middle[:, 0] + middle[:, 2]), share
    )


def triangles(surface: DualSurface, gamma: Float[Tensor, " C"]) -> Int[Tensor, "F 3"]:
    """Return two triangles for each four-sided face: the diagonal with the larger gammas."""
    first, second = _diagonals(surface, gamma)
    turned = torch.where((first >= second)[:, None], surface.quads, surface.quads.roll(-1, dims=1))
    return turned[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3)


def _diagonals(
    surface: DualSurface, gamma: Float[Tensor, " C"]
) -> tuple[Float[Tensor, " Q"], Float[Tensor, " Q"]]:
    corners = gamma[surface.cube_of_vertex[surface.quads]]
    return corners[:, 0] * corners[:, 2], corners[:, 1] * corners[:, 3]
