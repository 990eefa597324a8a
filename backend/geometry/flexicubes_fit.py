"""A closed mesh again as evenly sized triangles: FlexiCubes fitted to its surface."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.geometry.flexicubes import (
    CubeWeights,
    DualSurface,
    deviations,
    dual_surface,
    dual_vertices,
    free_weights,
    quad_centres,
    triangles,
)
from backend.geometry.nearest import interpolate_at
from backend.geometry.signed_distance import SurfaceQuery

BLOCK = 8
"""Cubes along a side of the blocks that are tried first."""
LAYER_STEPS = 10
"""At which the far side of a layer is looked for, within a voxel."""
LEAST = 0.01
"""Voxels; a distance of 0 could not grow."""
LAYER_SHARE = 0.4
"""Of a layer's thickness; half-way, where both its sides are closest, Warp's signs are wrong."""
FAR = 8.0
"""Voxels; beyond the band and all that happens in it."""
HALF_DIAGONAL = 0.5 * 3**0.5
"""Of a cube with sides of 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlexicubesSettings:
    """How FlexiCubes are fitted to a mesh."""

    voxel_m: float = 0.01
    """Side of a cube, metres; `voxel_for` gives it for a number of faces."""
    steps: int = 50
    """Of Adam; 100 come 7 % nearer."""
    learning_rate: float = 0.05
    """Of the logarithms of distances, and of the free numbers behind weights and grid points."""
    final_rate_share: float = 0.1
    """The rate falls to this share, by the same factor at each step."""
    deviation_weight: float = 0.02
    """Of L_dev, in voxels, beside the mean squared distance, in voxels squared."""
    band_voxels: float = 2.0
    """Cubes whose middles are nearer to the surface are there; from 1.72 on these are all the cubes
    around points that move into thin layers."""
    most_shift_voxels: float = 0.49
    """How far a grid point may move along each axis; below 0.5, so that cubes do not fold."""
    seed: int = 0
    """Of the points on faces that are compared with the mesh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CubeBand:
    """Cubes near a surface; lengths in voxels."""

    points: Float[Tensor, "P 3"]
    cubes: Int[Tensor, "C 8"]
    """Points at the corners; corner x + 2 y + 4 z of a cube lies at (x, y, z) of it."""


def voxel_for(vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"], face_count: int) -> float:
    """Return the side of a cube, metres, at which the surface gets about so many faces.

    A face with normal n crosses |n_x| + |n_y| + |n_z| grid edges for each square voxel of its area,
    and each crossed edge gives two faces. Detail that the voxels lose makes it a few per cent less.
    """
    a, b, c = vertices[faces].unbind(dim=1)
    crossed_area = 0.5 * float(torch.linalg.cross(b - a, c - a).abs().sum())
    return (2 * crossed_area / face_count) ** 0.5


def fit_flexicubes(
    vertices: Float[Tensor, "V 3"],
    faces: Int[Tensor, "F 3"],
    settings: FlexicubesSettings,
    *,
    report: Callable[[float], None],
) -> tuple[Float[Tensor, "W 3"], Int[Tensor, "G 3"]]:
    """Return a watertight mesh of evenly sized triangles on the surface of a closed one.

    Starts from the signed distances and moves distances, grid points and weights until vertices and
    faces lie on the surface and L_dev is small (Shen et al. 2023). Signs and so the parts are those
    of the start: of what is thinner than a voxel most stays, but a sheet may fray at its rim, and
    pieces that come off are for the caller to drop. So are values at vertices to be carried over,
    by closest points.

    Args:
        vertices: Metres.
        faces: A closed surface.
        settings: Also the side of a cube.
        report: Told the share that is done, 0 to 1, before each step.
    """
    lower = vertices.detach().amin(dim=0) - FAR * settings.voxel_m
    target = (vertices.detach() - lower).float() / settings.voxel_m
    fit = _Fit(target, faces, settings)
    for step in range(settings.steps):
        report(step / settings.steps)
        fit.improve()
    fitted, corners = fit.mesh()
    return lower + settings.voxel_m * fitted.to(vertices), corners


def cube_band(query: SurfaceQuery, upper: Float[Tensor, " 3"], reach: float) -> CubeBand:
    """Return the unit cubes whose middles are nearer than `reach` to the surface.

    Args:
        query: Of the surface, which lies between 0 and `upper`, farther from 0 than the reach.
        upper: In voxels.
        reach: At least half a diagonal of a cube, so that none that the surface meets is missing.
    """
    counts = ((upper + reach) / BLOCK).ceil().long()
    blocks = torch.cartesian_prod(*(torch.arange(int(n), device=upper.device) for n in counts))
    near = _near(query, BLOCK * (blocks + 0.5), reach + BLOCK * HALF_DIAGONAL)
    steps = torch.arange(BLOCK, device=upper.device)
    within = torch.cartesian_prod(steps, steps, steps)
    cells = (BLOCK * blocks[near, None] + within).flatten(0, 1)
    cells = cells[_near(query, cells + 0.5, reach)]
    return _joined(cells)


def _near(query: SurfaceQuery, points: Float[Tensor, "N 3"], reach: float) -> Bool[Tensor, " N"]:
    return query.closest_points(points, reach).found


def _joined(cells: Int[Tensor, "C 3"]) -> CubeBand:
    """Number the corners of cubes, each place once."""
    counts = cells.amax(dim=0) + 2
    offsets = torch.tensor([[i & 1, i >> 1 & 1, i >> 2] for i in range(8)], device=cells.device)
    places = (cells[:, None] + offsets).flatten(0, 1)
    keys = (places[:, 0] * counts[1] + places[:, 1]) * counts[2] + places[:, 2]
    found, corner = keys.unique(return_inverse=True)
    points = torch.stack(
        [found // (counts[1] * counts[2]), found // counts[2] % counts[1], found % counts[2]], 1
    )
    return CubeBand(points=points.float(), cubes=corner.view(-1, 8))


def into_thin_layers(
    mesh: tuple[Float[Tensor, "V 3"], Int[Tensor, "F 3"]],
    query: SurfaceQuery,
    points: Float[Tensor, "P 3"],
    most_shift: float,
) -> Float[Tensor, "P 3"]:
    """Return shifts that bring grid points into thin layers beside them.

    A layer, of matter or of air, that is thinner than a voxel may have no grid point in it and
    would be lost. A point moves straight through the closest point of the surface if the other side
    of the layer follows within a voxel, and if no coordinate has to change by more than
    `most_shift`; all others keep their places.

    Args:
        mesh: The surface, in voxels.
        query: Of the same surface.
        points: Of the grid.
        most_shift: In voxels.
    """
    shift = torch.zeros_like(points)
    closest = query.closest_points(points, 3**0.5 * most_shift)
    near = closest.found.nonzero()[:, 0]
    start = points[near]
    towards = interpolate_at(closest, mesh[1], mesh[0])[near] - start
    through = torch.nn.functional.normalize(towards, dim=1)
    depths = torch.arange(1, LAYER_STEPS + 1, device=points.device) / LAYER_STEPS
    probes = (start + towards)[:, None] + depths[:, None] * through[:, None]
    beyond = query.signed_distance(probes.flatten(0, 1), FAR).view(-1, LAYER_STEPS) < 0
    is_out = beyond == (query.signed_distance(start, FAR) < 0)[:, None]
    depth = LAYER_SHARE * depths[is_out.long().argmax(dim=1)]
    wanted = towards + depth[:, None] * through
    moves = is_out.any(dim=1) & (wanted.abs().amax(dim=1) < most_shift)
    shift[near[moves]] = wanted[moves]
    return shift


class _Fit:
    """Owns the numbers that are fitted, and their optimiser; lengths in voxels."""

    def __init__(
        self,
        vertices: Float[Tensor, "V 3"],
        faces: Int[Tensor, "F 3"],
        settings: FlexicubesSettings,
    ) -> None:
        self._vertices, self._faces, self._settings = vertices, faces, settings
        self._query = SurfaceQuery(vertices, faces)
        band = cube_band(self._query, vertices.amax(dim=0), settings.band_voxels)
        self._band = band
        most = settings.most_shift_voxels
        shift = into_thin_layers((vertices, faces), self._query, band.points, most)
        start = self._query.signed_distance(band.points + shift, FAR)
        self._start = torch.where(start < 0, start.clamp(max=-LEAST), start.clamp(min=LEAST))
        self._growth = torch.zeros_like(start, requires_grad=True)
        self._shift = (shift / most).atanh().requires_grad_()
        self._free = band.points.new_zeros(len(band.cubes), 21).requires_grad_()
        self._surface = dual_surface(self._start, band.cubes)
        self._optimizer = torch.optim.Adam(
            [self._growth, self._shift, self._free], lr=settings.learning_rate, fused=True
        )
        decay = settings.final_rate_share ** (1 / max(settings.steps, 1))
        self._schedule = torch.optim.lr_scheduler.ExponentialLR(self._optimizer, decay)
        self._generator = torch.Generator(band.points.device).manual_seed(settings.seed)

    def improve(self) -> None:
        """Take one step."""
        vertices, crossings, surface, weights = self._dual()
        samples = torch.cat([vertices, self._on_faces(vertices, surface, weights)])
        loss = self._squared_distance(samples)
        spread = deviations(vertices, crossings, surface).mean()
        self._optimizer.zero_grad(set_to_none=True)
        (loss + self._settings.deviation_weight * spread).backward()
        self._optimizer.step()
        self._schedule.step()

    def mesh(self) -> tuple[Float[Tensor, "D 3"], Int[Tensor, "F 3"]]:
        """Return the surface as it is."""
        with torch.no_grad():
            vertices, _, surface, weights = self._dual()
            return vertices, triangles(surface, weights.gamma)

    def _dual(
        self,
    ) -> tuple[Float[Tensor, "D 3"], Float[Tensor, "N 3"], DualSurface, CubeWeights]:
        # signs stay: the start has the right parts, and the pull of thick ones would drop thin ones
        sdf = self._start * self._growth.exp()
        points = self._band.points + self._settings.most_shift_voxels * self._shift.tanh()
        weights = free_weights(self._free)
        where = (self._band.cubes, self._surface)
        return *dual_vertices(points, sdf, weights, where), self._surface, weights

    def _on_faces(
        self, vertices: Float[Tensor, "D 3"], surface: DualSurface, weights: CubeWeights
    ) -> Float[Tensor, "Q 3"]:
        """Return a random point on one of the four triangles around each face's centre."""
        centres = quad_centres(vertices, weights.gamma, surface)
        count = len(surface.quads)
        side = torch.randint(4, (count, 1), generator=self._generator, device=centres.device)
        ends = surface.quads.gather(1, torch.cat([side, (side + 1) % 4], 1))
        first, second = torch.rand(2, count, 1, generator=self._generator, device=centres.device)
        first = first.sqrt()
        edge = torch.lerp(vertices[ends[:, 0]], vertices[ends[:, 1]], second)
        return torch.lerp(centres, edge, first)

    def _squared_distance(self, points: Float[Tensor, "N 3"]) -> Float[Tensor, ""]:
        closest = self._query.closest_points(points, FAR)
        target = interpolate_at(closest, self._faces, self._vertices)
        return (points - target).square().sum(dim=1).mean()
