"""Triangles of the zero level of a volume of signed distances."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from backend.geometry.cube_loops import CubeLoops, cube_loops, edge_start
from backend.geometry.signed_distance import Volume

STARTS = tuple(edge_start(edge) for edge in range(12))
NOT_AT_END = 1e-3
"""Share of a grid edge that vertices keep from its ends: faces around a sample of value 0 would
have no area."""


def marching_cubes(volume: Volume) -> tuple[Float[Tensor, "V 3"], Int[Tensor, "F 3"]]:
    """Return the closed surface at which a volume turns from negative (inside) to positive.

    Each cube's surface fills the loops along which the level crosses its faces. Whatever the values
    are, every edge has two faces, which run along it in opposite directions, and the faces at a
    vertex are one fan: cubes agree on the faces they share, and no diagonal of a loop lies on
    such a face, because loops that come to a face twice are filled from a vertex in their middle.
    The surface is capped where it meets the border of the volume.

    Returns:
        Vertices in the frame of the volume's origin, metres, and faces; both are empty if nothing
        is inside.
    """
    values = torch.nn.functional.pad(volume.values.detach(), (1,) * 6, value=volume.voxel_m)
    shape, values = values.shape, values.flatten()
    corner = _crossed_cubes((values < 0).view(shape))[:, None] + _steps_to_corners(shape, values)
    loops = cube_loops(values[corner])
    is_crossed = loops.onwards != torch.arange(12, device=values.device)
    edge = 3 * corner[:, STARTS] + torch.arange(12, device=values.device) // 4
    crossed, numbers = edge[is_crossed].unique(return_inverse=True)
    vertex = torch.zeros_like(edge)
    vertex[is_crossed] = numbers
    points = _crossings(crossed, values, shape)
    points, faces = _filled(points, vertex, is_crossed, loops)
    return points * volume.voxel_m + volume.origin, faces


def _steps_to_corners(shape: Sequence[int], like: Tensor) -> Int[Tensor, " 8"]:
    """Return what is added to the number of a cube's first sample for each of its corners."""
    strides = torch.tensor([shape[1] * shape[2], shape[2], 1], device=like.device)
    return torch.cartesian_prod(*[torch.arange(2, device=like.device)] * 3) @ strides


def _crossed_cubes(inside: Bool[Tensor, "X Y Z"]) -> Int[Tensor, " N"]:
    """Return the number of the first sample of each cube whose corners are on both sides."""
    count = inside.to(torch.uint8)
    for axis, length in enumerate(inside.shape):
        count = count.narrow(axis, 0, length - 1) + count.narrow(axis, 1, length - 1)
    cubes = torch.nonzero((count > 0) & (count < 8))
    return (cubes[:, 0] * inside.shape[1] + cubes[:, 1]) * inside.shape[2] + cubes[:, 2]


def _crossings(
    edges: Int[Tensor, " E"], values: Float[Tensor, " M"], shape: Sequence[int]
) -> Float[Tensor, "E 3"]:
    """Return where the level crosses edges of the grid, in voxels from the volume's origin."""
    start, axis = edges // 3, edges % 3
    steps = torch.tensor([shape[1] * shape[2], shape[2], 1], device=edges.device)
    here, there = values[start].double(), values[start + steps[axis]].double()
    share = (here / (here - there)).clamp(NOT_AT_END, 1 - NOT_AT_END)
    index = torch.stack([start // steps[0], start // steps[1] % shape[1], start % shape[2]], 1)
    along = torch.nn.functional.one_hot(axis, 3) * share[:, None]
    # One sample was added at the border.
    return (index - 1 + along).to(values)


def _filled(
    points: Float[Tensor, "E 3"],
    vertex: Int[Tensor, "N 12"],
    is_crossed: Bool[Tensor, "N 12"],
    loops: CubeLoops,
) -> tuple[Float[Tensor, "V 3"], Int[Tensor, "F 3"]]:
    """Fill loops by fans from their least edge, or from a vertex in their middle."""
    following = vertex.gather(1, loops.onwards)
    edge = torch.arange(12, device=vertex.device)
    is_fan = is_crossed & ~loops.comes_twice
    is_fan &= (edge != loops.loop) & (loops.onwards != loops.loop)
    fans = torch.stack([vertex.gather(1, loops.loop), following, vertex], -1)[is_fan]
    is_star = is_crossed & loops.comes_twice
    cube = torch.arange(len(vertex), device=vertex.device)[:, None]
    middles, middle = (12 * cube + loops.loop)[is_star].unique(return_inverse=True)
    stars = torch.stack([len(points) + middle, following[is_star], vertex[is_star]], -1)
    sums = points.new_zeros(len(middles), 3).index_add(0, middle, points[vertex[is_star]])
    centres = sums / middle.bincount(minlength=len(middles))[:, None]
    return torch.cat([points, centres]), torch.cat([fans, stars])


def largest_component(
    vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"]
) -> tuple[Float[Tensor, "W 3"], Int[Tensor, "G 3"]]:
    """Return the connected piece of a mesh that has the most faces, without unused vertices."""
    component = face_components(faces, len(vertices))
    if len(component) == 0:
        return vertices[:0], faces
    kept = faces[component == component.bincount().argmax()]
    used, renumbered = kept.unique(return_inverse=True)
    return vertices[used], renumbered.reshape(-1, 3)


def face_components(faces: Int[Tensor, "F 3"], vertex_count: int) -> Int[Tensor, " F"]:
    """Return for each face the number of the connected piece it belongs to."""
    corners = faces.cpu().numpy()
    rows, columns = corners[:, [0, 1]].T
    more_rows, more_columns = corners[:, [1, 2]].T
    ends = (np.concatenate([rows, more_rows]), np.concatenate([columns, more_columns]))
    ones = np.ones(len(ends[0]), dtype=np.int8)
    graph = coo_array((ones, ends), shape=(vertex_count, vertex_count))
    _, labels = connected_components(graph, directed=False)
    return torch.from_numpy(labels[corners[:, 0]].astype(np.int64)).to(faces.device)
