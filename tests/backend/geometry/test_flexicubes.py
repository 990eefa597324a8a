import itertools

import pytest
import torch
from torch import Tensor

from backend.geometry.flexicubes import (
    CubeWeights,
    DualSurface,
    deviations,
    dual_surface,
    dual_vertices,
    flexicubes,
    free_weights,
    quad_centres,
    triangles,
    unit_weights,
)
from backend.geometry.flexicubes_tables import case_tables
from backend.geometry.remesh import is_manifold, is_watertight

Grid = tuple[Tensor, Tensor]


def box_of_cubes(side: int) -> Grid:
    """Points (double precision) and cubes of a block with `side` points along each axis."""
    steps = torch.arange(side)
    points = torch.cartesian_prod(steps, steps, steps)
    scale = torch.tensor([side * side, side, 1])
    low = (points[(points < side - 1).all(1)] * scale).sum(1)
    corners = torch.tensor([[i & 1, i >> 1 & 1, i >> 2] for i in range(8)])
    return points.double(), low[:, None] + corners @ scale


def surface_of(grid: Grid, sdf: Tensor) -> Grid:
    return flexicubes(grid[0], sdf, grid[1], unit_weights(len(grid[1]), sdf))


def volume_of(vertices: Tensor, faces: Tensor) -> float:
    a, b, c = vertices[faces].unbind(1)
    return float((torch.linalg.cross(a, b) * c).sum() / 6)


def random_weights(count: int, seed: int) -> CubeWeights:
    generator = torch.Generator().manual_seed(seed)
    return free_weights(torch.randn(count, 21, generator=generator, dtype=torch.float64))


def euler(vertices: Tensor, faces: Tensor) -> int:
    return len(vertices) - len(faces) // 2


def sphere_and_torus(side: int) -> tuple[Grid, Tensor, Tensor]:
    """A grid of 2 units, and the distances of a sphere of 0.7 and a torus of 0.6 and 0.25."""
    points, cubes = box_of_cubes(side)
    points = points * (2 / (side - 1)) - 1
    ring = points[:, :2].norm(dim=1) - 0.6
    torus = torch.stack([ring, points[:, 2]], 1).norm(dim=1) - 0.25
    return (points, cubes), points.norm(dim=1) - 0.7, torus


def blocks_of(grid: Grid, count: int) -> Grid:
    """Copies of a grid that have no point in common, 100 apart along x."""
    away = torch.arange(count)[:, None, None]
    points = grid[0] + away * torch.tensor([100.0, 0, 0]).double()
    return points.flatten(0, 1), (grid[1] + away * len(grid[0])).flatten(0, 1)


def test_every_case_inside_open_space_gives_a_closed_surface_around_its_inside() -> None:
    points, _ = grid = box_of_cubes(4)
    inner = ((points == 1) | (points == 2)).all(1).nonzero()[:, 0]
    sdf = torch.ones(255, 64).double()
    sdf[:, inner] = 1.0 - 2.0 * (torch.arange(1, 256)[:, None] >> torch.arange(8) & 1).double()
    vertices, faces = surface_of(blocks_of(grid, 255), sdf.flatten())
    assert is_watertight(faces)
    assert is_manifold(vertices, faces)
    a, b, c = vertices[faces].unbind(1)
    block = (a[:, 0] / 100).round().long()
    a, b, c = (corner - block[:, None] * torch.tensor([100.0, 0, 0]) for corner in (a, b, c))
    volume = torch.zeros(255).double().index_add(0, block, (torch.linalg.cross(a, b) * c).sum(1))
    assert volume.min() > 0


def doubtful_neighbours() -> list[tuple[float, ...]]:
    """Signs (x fastest) of 3 x 2 x 2 points whose two cubes both doubt the side between them."""
    side = case_tables().doubtful_side
    found = []
    for signs in itertools.product((False, True), repeat=12):
        rows = [signs[i : i + 3] for i in range(0, 12, 3)]
        first, second = (
            sum(row[i + at] << 2 * j + i for j, row in enumerate(rows) for i in range(2))
            for at in range(2)
        )
        if side[first] == 1 and side[second] == 0:
            found.append(tuple(-1.0 if sign else 1.0 for sign in signs))
    return found


def test_two_cubes_that_doubt_one_side_give_a_manifold_surface() -> None:
    grid = box_of_cubes(5)
    inner = [25 * x + 5 * y + z for z in (1, 2) for y in (1, 2) for x in (1, 2, 3)]
    pairs = doubtful_neighbours()
    assert len(pairs) == 18
    for signs in pairs:
        sdf = torch.ones(125, dtype=torch.float64)
        sdf[inner] = torch.tensor(signs).double()
        assert is_watertight(surface_of(grid, sdf)[1])


def test_a_doubtful_case_has_one_ambiguous_side() -> None:
    tables = case_tables()
    doubtful = tables.doubtful_side >= 0
    assert doubtful.sum() == 36
    assert (tables.count[0, doubtful] == 1).all()
    assert (tables.count[1, doubtful] == 2).all()


def test_a_case_and_its_complement_cross_the_same_edges() -> None:
    piece = case_tables().piece
    assert torch.equal(piece >= 0, piece.flip(1) >= 0)
    assert torch.equal(piece[0], piece[1].flip(0))


def test_random_signs_and_weights_give_a_closed_manifold_surface() -> None:
    seeds = 400
    grid = box_of_cubes(6)
    is_border = ((grid[0] == 0) | (grid[0] == 5)).any(1)
    generator = torch.Generator().manual_seed(0)
    sdf = torch.randn(seeds, len(grid[0]), generator=generator, dtype=torch.float64)
    sdf[:, is_border] = sdf[:, is_border].abs()
    points, cubes = blocks_of(grid, seeds)
    weights = random_weights(len(cubes), seed=1)
    vertices, faces = flexicubes(points, sdf.flatten(), cubes, weights)
    assert is_watertight(faces)
    assert is_manifold(vertices, faces)


@pytest.mark.parametrize(("number", "expected"), [(1, 2), (2, 0)])
def test_a_sphere_and_a_torus_have_their_euler_characteristic(number: int, expected: int) -> None:
    grid, *sdf = sphere_and_torus(24)
    assert euler(*surface_of(grid, sdf[number - 1])) == expected


def test_a_sphere_lies_where_it_should() -> None:
    grid, sphere, _ = sphere_and_torus(24)
    vertices, faces = surface_of(grid, sphere)
    voxel = 2 / 23
    # crossings of a chord lie inside by at most voxel^2 / 8 r, and so do their means
    assert (vertices.norm(dim=1) - 0.7).abs().max() < voxel**2 / 0.7 / 2
    assert abs(volume_of(vertices, faces) / (4 / 3 * torch.pi * 0.7**3) - 1) < 0.02


def test_a_torus_lies_where_it_should() -> None:
    grid, _, torus = sphere_and_torus(24)
    vertices, _ = surface_of(grid, torus)
    ring = vertices[:, :2].norm(dim=1) - 0.6
    tube = torch.stack([ring, vertices[:, 2]], 1).norm(dim=1)
    assert (tube - 0.25).abs().max() < (2 / 23) ** 2 / 0.25 / 2


def test_half_the_space_is_a_plane_at_its_height() -> None:
    points, cubes = box_of_cubes(5)
    vertices, faces = surface_of((points, cubes), points[:, 2] - 1.3)
    assert torch.allclose(vertices[:, 2], torch.tensor(1.3).double())
    assert (
        torch.linalg.cross(*(vertices[faces[:, [1, 2]]] - vertices[faces[:, :1]]).unbind(1))[
            :, 2
        ].min()
        > 0
    )


def scene(seed: int) -> tuple[Grid, Tensor, Tensor, DualSurface]:
    points, cubes = box_of_cubes(4)
    generator = torch.Generator().manual_seed(seed)
    sdf = torch.randn(64, generator=generator, dtype=torch.float64)
    values = 0.5 * torch.randn(27, 21, generator=generator, dtype=torch.float64)
    return (points, cubes), sdf + 0.3 * sdf.sign(), values, dual_surface(sdf, cubes)


def test_gradients_are_those_of_finite_differences() -> None:
    (points, cubes), sdf, values, surface = scene(3)

    def outputs(points: Tensor, sdf: Tensor, values: Tensor) -> tuple[Tensor, ...]:
        weights = free_weights(values)
        vertices, crossings = dual_vertices(points, sdf, weights, (cubes, surface))
        centres = quad_centres(vertices, weights.gamma, surface)
        return vertices, centres, deviations(vertices, crossings, surface)

    inputs = tuple(value.requires_grad_() for value in (points, sdf, values))
    assert torch.autograd.gradcheck(outputs, inputs, fast_mode=True)


def test_a_vertex_equally_far_from_its_crossings_deviates_by_nothing() -> None:
    points, cubes = box_of_cubes(4)
    sdf = torch.ones(64).double()
    sdf[21] = -1.0  # the corner of eight cubes: crossings at equal distances
    surface = dual_surface(sdf, cubes)
    weights = unit_weights(27, sdf)
    vertices, crossings = dual_vertices(points, sdf, weights, (cubes, surface))
    assert deviations(vertices, crossings, surface).max() < 1e-9
    crossings[0] += 0.3
    assert deviations(vertices, crossings, surface).max() > 0.05


def test_a_large_gamma_splits_faces_at_its_cube() -> None:
    *_, surface = scene(4)
    gamma = torch.ones(27).double()
    quad = surface.quads[0]
    gamma[surface.cube_of_vertex[quad[1]]] = 5.0
    first, second = triangles(surface, gamma)[:2]
    assert set(first.tolist()) & set(second.tolist()) == set(quad[[1, 3]].tolist())
    vertices = torch.eye(len(surface.cube_of_vertex), 3).double()
    assert torch.isfinite(quad_centres(vertices, gamma, surface)).all()


def test_no_crossing_gives_an_empty_mesh() -> None:
    grid = box_of_cubes(3)
    vertices, faces = surface_of(grid, torch.ones(27).double())
    assert vertices.shape == (0, 3)
    assert faces.shape == (0, 3)
