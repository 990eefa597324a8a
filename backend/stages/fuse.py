"""All scans and the body template -> one surface in the bind pose, by signed distances.

CanonicalFusion, eqs 8 and 9: a point of the bind pose is carried into each photo's pose by the
weights of the nearest canonicalised vertex *of that scan*, its signed distance is taken to the
*posed* surface (which has no holes), and scans count only near what they observed; everywhere else
the template counts. Where the paper switches, we blend, so that no step is left at the border.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.geometry.blending import smoothstep
from backend.geometry.grid import (
    Grid,
    coarsened,
    grid_around,
    refined,
    sample_positions,
    samples_near,
)
from backend.geometry.isosurface import face_components, largest_component, marching_cubes
from backend.geometry.nearest import interpolate_at, mean_of_nearest, nearest_vertices
from backend.geometry.normals import vertex_normals
from backend.geometry.pockets import pocket_distance
from backend.geometry.remesh import decimate
from backend.geometry.signed_distance import SurfaceQuery, Volume
from backend.geometry.skinning import blended_matrices, pose
from backend.geometry.smoothness import fill_attributes, smooth_attributes
from backend.geometry.solids import enclosed, solid_part
from backend.types import Report, Scan, SkinnedMesh

BODY_AREA_M2 = 2.2
"""Of a clothed adult."""
WRISTS_AND_FINGERS = (20, 21, *range(25, 55))


@dataclass(frozen=True, slots=True, kw_only=True)
class FuseSettings:
    """How scans and template become one surface."""

    voxel_m: float = 0.005
    max_samples: int = 30_000_000
    """Of the grid; four float arrays of this size are held (480 MB at most)."""
    reach_m: float = 0.02
    """τ of eq 9: a scan counts up to this distance from its canonicalised vertices; also the
    distance at which all signed distances are cut off."""
    fade_start: float = 0.5
    """Share of `reach_m` from which a scan's influence fades."""
    agreement: tuple[float, float] = (0.35, 0.65)
    """Share of common bone weights between a point and the posed surface closest to it below which
    that surface belongs to another part of the body (0 influence), and from which it is its own."""
    back_quality: float = 0.3
    """Of the side a photo does not show, against 1 of the side it shows."""
    reference_quality: float = 2.0
    """Of the scan that lies closest to the template: the reference frame of the paper."""
    pocket_m: float = 0.15
    """Air between cloth and template up to this depth behind an observed surface is filled: the
    surface is the outside of a closed solid, not a shell as thick as the reach."""
    pocket_cosine: float = 0.75
    """Only straight behind the surface (41°); beside its border, under an arm, air stays air."""
    pocket_stride: int = 4
    """Pockets are found on every so many samples of the grid."""
    neighbours: int = 4
    """Canonicalised vertices whose weights a point takes."""
    template_joints: tuple[int, ...] = WRISTS_AND_FINGERS
    """What follows these joints stays the template's: fingers are finer than what photos of whole
    people show (the paper's thresholds have the same effect on hands)."""
    face_budget: int = 50_000
    max_edge: float = 2.6
    """Longest edge in units of √(area / faces); an even mesh has 1.5."""
    weight_smoothing: int = 10
    """Rounds of averaging bone weights with the neighbours on the final surface."""
    least_share: float = 0.05
    """Influence from which the scans give a vertex its colour."""
    chunk: int = 200_000
    """Points per query; bounds the memory of their 55 weights (44 MB)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one scan says about N points of the bind pose."""

    distance: Float[Tensor, " N"]
    """Signed, metres, positive outside, cut off at the reach."""
    influence: Float[Tensor, " N"]
    """0 to 1: how far the scan replaces the template here."""
    quality: Float[Tensor, " N"]
    """Against the other scans."""
    weights: Float[Tensor, "N J"]
    colours: Float[Tensor, "N 3"]


class Observer:
    """Answers for points of the bind pose what one scan saw there; owns its spatial indices."""

    def __init__(self, scan: Scan, rating: float, template_joints: tuple[int, ...]) -> None:
        of_template = scan.posed.mesh.weights[:, list(template_joints)].sum(1)
        trusted = (scan.confidence > 0) & (of_template < 0.5)
        self.scan = scan
        self.rating = rating
        self.trusted_bind = scan.bind_vertices[trusted]
        self._trusted_weights = scan.posed.mesh.weights[trusted]
        self._surface = SurfaceQuery(scan.posed.mesh.vertices, scan.posed.mesh.faces)
        self._normals = vertex_normals(scan.posed.mesh.vertices, scan.posed.mesh.faces)
        # n' = B^-T n for v' = B v, so the normal in the bind pose is Bᵀ n'.
        turn = blended_matrices(self._trusted_weights, scan.camera_from_bind)[:, :3, :3]
        turned = torch.einsum("vij,vi->vj", turn, self._normals[trusted])
        self.trusted_normals = torch.nn.functional.normalize(turned, dim=-1)

    def samples(self, grid: Grid, reach_m: float) -> Int[Tensor, " M"]:
        """Return the samples of a grid within reach of the canonicalised vertices."""
        boxes = samples_near(grid, self.trusted_bind, reach_m)
        points = sample_positions(grid, boxes)
        return boxes[nearest_vertices(points, self.trusted_bind, 1, reach_m).found[:, 0]]

    def observe(self, points: Float[Tensor, "N 3"], settings: FuseSettings) -> Observation:
        """Carry points into the photo's pose and measure them against the posed surface (eq 8).

        Args:
            points: Bind pose, body frame, metres.
            settings: See there.
        """
        reach, mesh = settings.reach_m, self.scan.posed.mesh
        nearest = nearest_vertices(points, self.trusted_bind, settings.neighbours, reach)
        weights = mean_of_nearest(nearest, self._trusted_weights)
        posed = pose(points, weights, self.scan.camera_from_bind)
        closest = self._surface.closest_points(posed, 2 * reach)
        at = partial(interpolate_at, closest, mesh.faces)
        outward = ((posed - at(mesh.vertices)) * at(self._normals)).sum(1)
        agreement = 1 - (at(mesh.weights) - weights).abs().sum(1) / 2
        is_front = at(self.scan.posed.is_front.float()[:, None])[:, 0]
        influence = (
            at(self.scan.confidence[:, None])[:, 0]
            * smoothstep(agreement, *settings.agreement)
            * (1 - smoothstep(nearest.distance[:, 0] / reach, settings.fade_start, 1.0))
            * (1 - weights[:, list(settings.template_joints)].sum(1))
        )
        return Observation(
            distance=torch.where(outward < 0, -1, 1) * closest.distance.clamp(max=reach),
            influence=torch.where(nearest.found[:, 0] & closest.found, influence, 0.0),
            quality=self.rating * (is_front + (1 - is_front) * settings.back_quality),
            weights=weights,
            colours=at(mesh.colours),
        )


def fuse(
    scans: Sequence[Scan], template: SkinnedMesh, settings: FuseSettings, *, report: Report
) -> SkinnedMesh:
    """Return one closed, manifold surface in the bind pose with bone weights and colours.

    Args:
        scans: At least one.
        template: The fitted body in the bind pose; closed.
        settings: See there.
        report: Called per scan.
    """
    observers = _observers(scans, template, settings)
    seen = torch.cat([observer.trusted_bind for observer in observers])
    grid = grid_around(
        torch.cat([template.vertices[template.faces.flatten()], seen]),
        2 * settings.reach_m,
        settings.voxel_m,
        settings.max_samples,
    )
    volume = _integrate(
        observers,
        grid,
        _fill_pockets(observers, grid, _template_volume(template, grid, settings), settings),
        settings=settings,
        report=report,
    )
    solid = solid_part(volume.view(grid.shape))
    surface = marching_cubes(Volume(values=solid, origin=grid.origin, voxel_m=grid.voxel_m))
    # Parts that touch at a corner of a voxel only are one solid, but two surfaces.
    vertices, faces = decimate(
        *largest_component(*surface),
        settings.face_budget,
        max_edge_m=settings.max_edge * (BODY_AREA_M2 / settings.face_budget) ** 0.5,
    )
    return _attach(vertices, faces, observers=observers, template=template, settings=settings)


def _observers(
    scans: Sequence[Scan], template: SkinnedMesh, settings: FuseSettings
) -> list[Observer]:
    """One observer per scan; the scan closest to the template is the reference frame (paper)."""
    reference = min(range(len(scans)), key=lambda k: chamfer_to_template(scans[k], template))
    return [
        Observer(
            scan, settings.reference_quality if k == reference else 1.0, settings.template_joints
        )
        for k, scan in enumerate(scans)
    ]


def chamfer_to_template(scan: Scan, template: SkinnedMesh) -> float:
    """Mean distance (metres) of a scan's vertices to the template's and back, in the bind pose."""
    scanned = scan.bind_vertices[scan.confidence > 0]
    body = template.vertices[torch.unique(template.faces)]
    if not len(scanned):
        return float("inf")
    there = nearest_vertices(scanned, body, 1, torch.inf).distance.mean()
    return float(there + nearest_vertices(body, scanned, 1, torch.inf).distance.mean())


def _template_volume(
    template: SkinnedMesh, grid: Grid, settings: FuseSettings
) -> Float[Tensor, " M"]:
    """Signed distances to the template at all samples, cut off at the reach.

    The template's closed components (skin, eyes) are united, whichever lies inside the other.
    """
    reach, vertices, faces = settings.reach_m, template.vertices, template.faces
    component = face_components(faces, len(vertices))
    parts = [SurfaceQuery(vertices, faces[component == k]) for k in torch.unique(component)]
    volume = torch.full((grid.size,), torch.nan, device=vertices.device)
    for samples in samples_near(grid, vertices[torch.unique(faces)], reach).split(settings.chunk):
        points = sample_positions(grid, samples)
        distance = torch.stack([part.signed_distance(points, reach) for part in parts]).amin(0)
        volume[samples] = torch.where(distance < reach, distance, torch.nan)
    unknown = volume.isnan()
    inside = enclosed(unknown.view(grid.shape)).flatten()
    return torch.where(unknown, torch.where(inside, -reach, reach), volume)


def _fill_pockets(
    observers: Sequence[Observer],
    grid: Grid,
    volume: Float[Tensor, " M"],
    settings: FuseSettings,
) -> Float[Tensor, " M"]:
    """Unite the template with what lies straight behind the scans' surfaces."""
    coarse = coarsened(grid, settings.pocket_stride)
    distance = pocket_distance(
        sample_positions(coarse, torch.arange(coarse.size, device=volume.device)),
        torch.cat([observer.trusted_bind for observer in observers]),
        torch.cat([observer.trusted_normals for observer in observers]),
        max_distance_m=settings.pocket_m,
        min_cosine=settings.pocket_cosine,
    )
    pocket = refined(distance, coarse, grid, settings.pocket_stride)
    return torch.minimum(volume, pocket.clamp(-settings.reach_m, settings.reach_m))


def _integrate(
    observers: Sequence[Observer],
    grid: Grid,
    template_volume: Float[Tensor, " M"],
    *,
    settings: FuseSettings,
    report: Report,
) -> Float[Tensor, " M"]:
    """Replace the template's signed distances by the scans' mean, as far as they observed (eq 9).

    S = α Σ_p q_p o_p S_p / Σ_p q_p o_p + (1 − α) S_T with α = 1 − Π_p (1 − o_p): o the influence,
    q the quality of scan p at that sample.
    """
    total, share, left = (torch.zeros_like(template_volume) for _ in range(3))
    left += 1
    for k, observer in enumerate(observers):
        report("fuse", k / len(observers))
        for part in observer.samples(grid, settings.reach_m).split(settings.chunk):
            seen = observer.observe(sample_positions(grid, part), settings)
            total[part] += seen.quality * seen.influence * seen.distance
            share[part] += seen.quality * seen.influence
            left[part] *= 1 - seen.influence
    mean = total / share.clamp(min=1e-9)
    return torch.where(share > 0, (1 - left) * mean + left * template_volume, template_volume)


def _attach(
    vertices: Float[Tensor, "V 3"],
    faces: Int[Tensor, "F 3"],
    *,
    observers: Sequence[Observer],
    template: SkinnedMesh,
    settings: FuseSettings,
) -> SkinnedMesh:
    """Give the fused surface the scans' weights and colours; the template's weights elsewhere."""
    weights = torch.zeros(len(vertices), template.weights.shape[1], device=vertices.device)
    colours, share = torch.zeros_like(vertices), torch.zeros_like(vertices[:, 0])
    left = torch.ones_like(share)
    for observer in observers:
        seen = observer.observe(vertices, settings)
        pull = seen.quality * seen.influence
        weights += pull[:, None] * seen.weights
        colours += pull[:, None] * seen.colours
        share, left = share + pull, left * (1 - seen.influence)
    scale = share.clamp(min=1e-9)[:, None]
    nearest = nearest_vertices(vertices, template.vertices, settings.neighbours, torch.inf)
    body = mean_of_nearest(nearest, template.weights)
    weights = (1 - left)[:, None] * weights / scale + left[:, None] * body
    weights = smooth_attributes(weights, faces, settings.weight_smoothing, 0.5)
    return SkinnedMesh(
        vertices=vertices,
        faces=faces,
        weights=weights / weights.sum(1, keepdim=True),
        colours=fill_attributes(colours / scale, share > settings.least_share, faces, vertices),
    )
