"""All scans and the body template -> one surface in the bind pose, by signed distances.

CanonicalFusion, eqs 8 and 9: a point of the bind pose is carried into each photo's pose by the
weights of the nearest canonicalised vertex *of that scan*, its signed distance is taken to the
*posed* surface (which has no holes), and scans count only near what they observed; everywhere else
the template counts. Where the paper switches, we blend, so that no step is left at the border.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.geometry.blending import smoothstep
from backend.geometry.focus import Focus, magnified, restored
from backend.geometry.grid import (
    Grid,
    coarsened,
    grid_around,
    refined,
    sample_positions,
    samples_near,
)
from backend.geometry.isosurface import face_components, largest_component, marching_cubes
from backend.geometry.nearest import mean_of_nearest, nearest_vertices
from backend.geometry.observer import Observer, ObserverRules
from backend.geometry.pockets import pocket_distance
from backend.geometry.remesh import decimate
from backend.geometry.signed_distance import SurfaceQuery, Volume
from backend.geometry.smoothness import fill_attributes, smooth_attributes
from backend.geometry.solids import enclosed, solid_part
from backend.report import Report, part_of, reported
from backend.types import Scan, SkinnedMesh

BODY_AREA_M2 = 2.2
"""Of a clothed adult."""
STAGE = "fuse"
_DONE = {
    "observers": 0.02,
    "template": 0.05,
    "pockets": 0.09,
    "scans": 0.43,
    "carved": 0.945,
    "decimated": 0.985,
}
"""Share of the time, at the end of each part (four photos on two CPU cores)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FuseSettings:
    """How scans and template become one surface."""

    voxel_m: float = 0.005
    observe: ObserverRules = field(default_factory=ObserverRules)
    max_samples: int = 30_000_000
    """Of the grid; at most ten float arrays of this size are held at once (1.2 GB)."""
    reference_quality: float = 2.0
    """Of the scan that lies closest to the template: the reference frame of the paper."""
    pocket_m: float = 0.15
    """Air between cloth and template up to this depth behind an observed surface is filled: the
    surface is the outside of a closed solid, not a shell as thick as the reach."""
    pocket_cosine: float = 0.75
    """Only straight behind the surface (41°); beside its border, under an arm, air stays air."""
    pocket_stride: int = 4
    """Pockets are found on every so many samples of the grid."""
    face_budget: int = 50_000
    max_edge: float = 3.3
    """Longest edge in units of √(area / faces); an even mesh has 1.5."""
    head_joint: int = 15
    head_radius_m: float = 0.13
    head_times: float = 2.8
    """Edges at the head are this many times shorter: people look at faces first, and the colours of
    a face hang on its vertices."""
    weight_smoothing: int = 10
    """Rounds of averaging bone weights with the neighbours on the final surface."""
    least_share: float = 0.05
    """Influence from which the scans give a vertex its colour."""
    chunk: int = 200_000
    """Points per query; bounds the memory of their 55 weights (44 MB)."""
    arm_offset_m: tuple[float, float] = (0.035, 0.06)
    """What follows shoulders and elbows loses its influence between these distances from the
    template: no sleeve is as wide, but a strip of the trunk taken for the arm beside it is."""
    carve_margin_m: tuple[float, float] = (0.005, 0.02)
    """Distance outside the person in a photo from which, and at which fully, a sample is air: a
    fitted pose is off by about as much."""
    carve_depth_m: float = 0.015
    """The template loses at most this much: a wrong pose must not cost a limb."""
    foot_joints: tuple[int, ...] = (7, 8, 10, 11)
    foot_depth_m: float = 0.04
    """The same for what follows ankles and feet: the template's bare toes stick out of shoes."""


def fuse(
    scans: Sequence[Scan], template: SkinnedMesh, settings: FuseSettings, *, report: Report
) -> SkinnedMesh:
    """Return one closed, manifold surface in the bind pose with bone weights and colours.

    Args:
        scans: At least one.
        template: The fitted body in the bind pose; closed.
        settings: See there.
        report: Called with the share of the work done, about once a second.
    """
    seeing = part_of(report, 0.0, _DONE["observers"])
    observers = _observers(scans, template, settings, report=seeing)
    seen = torch.cat([observer.trusted_bind for observer in observers])
    grid = grid_around(
        torch.cat([template.vertices[template.faces.flatten()], seen]),
        2 * settings.observe.reach_m,
        settings.voxel_m,
        settings.max_samples,
    )
    volume = _integrate(observers, grid, template, settings=settings, report=report)
    report(STAGE, _DONE["carved"])
    solid = solid_part(volume.view(grid.shape))
    inner = Volume(values=solid, origin=grid.origin, voxel_m=grid.voxel_m)
    vertices, faces = marching_cubes(inner)
    focus = _head(template, settings)
    simpler = decimate(
        magnified(vertices, focus),
        faces,
        settings.face_budget,
        max_edge_m=settings.max_edge * (BODY_AREA_M2 / settings.face_budget) ** 0.5,
    )
    # Decimation takes thin necks apart.
    vertices, faces = largest_component(*simpler)
    vertices = restored(vertices, focus)
    report(STAGE, _DONE["decimated"])
    return _attach(vertices, faces, observers=observers, template=template, settings=settings)


def _head(template: SkinnedMesh, settings: FuseSettings) -> Focus:
    on_head = template.vertices[template.weights[:, settings.head_joint] > 0.5]
    return Focus(
        centre=(on_head.amin(0) + on_head.amax(0)) / 2,
        radius_m=settings.head_radius_m,
        times=settings.head_times,
    )


def _observers(
    scans: Sequence[Scan], template: SkinnedMesh, settings: FuseSettings, *, report: Report
) -> list[Observer]:
    """One observer per scan; the scan closest to the template is the reference frame (paper)."""
    body = SurfaceQuery(template.vertices, template.faces)
    scans = [_without_stray_arms(scan, body, settings) for scan in scans]
    offsets = [chamfer_to_template(scan, template) for scan in reported(scans, STAGE, report)]
    reference = offsets.index(min(offsets))
    return [
        Observer(scan, settings.reference_quality if k == reference else 1.0, settings.observe)
        for k, scan in enumerate(scans)
    ]


def _without_stray_arms(scan: Scan, body: SurfaceQuery, settings: FuseSettings) -> Scan:
    start, end = settings.arm_offset_m
    distance = body.closest_points(scan.bind_vertices, end).distance
    on_arm = scan.posed.mesh.weights[:, list(settings.observe.arm_joints)].sum(1)
    stray = smoothstep(distance, start, end) * smoothstep(on_arm, 0.3, 0.7)
    return replace(scan, confidence=scan.confidence * (1 - stray))


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
    reach, vertices, faces = settings.observe.reach_m, template.vertices, template.faces
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
    """Unite the template with what lies straight behind the scans' surfaces of trunk and legs."""
    coarse = coarsened(grid, settings.pocket_stride)
    distance = pocket_distance(
        sample_positions(coarse, torch.arange(coarse.size, device=volume.device)),
        torch.cat([observer.trusted_bind[observer.is_wide] for observer in observers]),
        torch.cat([observer.trusted_normals[observer.is_wide] for observer in observers]),
        max_distance_m=settings.pocket_m,
        min_cosine=settings.pocket_cosine,
    )
    pocket = refined(distance, coarse, grid, settings.pocket_stride)
    return torch.minimum(volume, pocket.clamp(-settings.observe.reach_m, settings.observe.reach_m))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    """What all scans together say about M samples; added to in place, scan by scan."""

    total: Float[Tensor, " M"]
    """Σ_p q_p o_p S_p: q the quality of scan p, o its influence, S its signed distance."""
    share: Float[Tensor, " M"]
    """Σ_p q_p o_p"""
    left: Float[Tensor, " M"]
    """Π_p (1 − o_p): what the template keeps."""

    def add(
        self,
        samples: Int[Tensor, " N"],
        distance: Float[Tensor, " N"],
        influence: Float[Tensor, " N"],
        quality: Float[Tensor, " N"],
    ) -> None:
        """Take in one scan's word on some samples."""
        self.total[samples] += quality * influence * distance
        self.share[samples] += quality * influence
        self.left[samples] *= 1 - influence

    def fused(self, template: Float[Tensor, " M"]) -> Float[Tensor, " M"]:
        """S = (1 − left) Σ q o S / Σ q o + left S_T (eq 9, with a blend for its switch)."""
        mean = self.total / self.share.clamp(min=1e-9)
        blend = (1 - self.left) * mean + self.left * template
        return torch.where(self.share > 0, blend, template)


def _integrate(
    observers: Sequence[Observer],
    grid: Grid,
    template: SkinnedMesh,
    *,
    settings: FuseSettings,
    report: Report,
) -> Float[Tensor, " M"]:
    """Signed distances of all scans and the template at the samples of the grid."""
    body = _template_volume(template, grid, settings)
    report(STAGE, _DONE["template"])
    base = _fill_pockets(observers, grid, body, settings)
    evidence = _Evidence(
        total=torch.zeros_like(base), share=torch.zeros_like(base), left=torch.ones_like(base)
    )
    scanning = part_of(report, _DONE["pockets"], _DONE["scans"])
    for k, observer in enumerate(reported(observers, STAGE, scanning)):
        parts = observer.samples(grid).split(settings.chunk)
        inner = part_of(scanning, k / len(observers), (k + 1) / len(observers))
        for part in reported(parts, STAGE, inner):
            seen = observer.observe(sample_positions(grid, part))
            evidence.add(part, seen.distance, seen.influence, seen.quality)
    solid = (evidence.fused(base) < 0) & (body > -settings.foot_depth_m)
    carving = part_of(report, _DONE["scans"], _DONE["carved"])
    parts = torch.nonzero(solid)[:, 0].split(settings.chunk)
    for k, part in enumerate(parts):
        shell = _shell(part, sample_positions(grid, part), body, template, settings=settings)
        inner = part_of(carving, k / len(parts), (k + 1) / len(parts))
        for observer in reported(observers, STAGE, inner):
            _carve(evidence, shell, observer, settings)
    return evidence.fused(base)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shell:
    """Solid samples outside the template or just below its surface."""

    samples: Int[Tensor, " N"]
    points: Float[Tensor, "N 3"]
    may_go: Float[Tensor, " N"]
    """0 from the depth in the template down to which nothing is taken away, rising to 1."""
    is_at_body: Bool[Tensor, " N"]
    weights: Float[Tensor, "N J"]
    """The template's, of those at the body."""


def _shell(
    samples: Int[Tensor, " N"],
    points: Float[Tensor, "N 3"],
    body: Float[Tensor, " M"],
    template: SkinnedMesh,
    *,
    settings: FuseSettings,
) -> _Shell:
    nearest = nearest_vertices(points, template.vertices, 1, settings.observe.carve_reach_m)
    weights = template.weights[nearest.index[:, 0]]
    on_foot = weights[:, list(settings.foot_joints)].sum(1)
    depth = settings.carve_depth_m * (1 - on_foot) + settings.foot_depth_m * on_foot
    return _Shell(
        samples=samples,
        points=points,
        may_go=smoothstep(body[samples] / depth, -1.0, -1 / 3),
        is_at_body=nearest.found[:, 0],
        weights=weights,
    )


def _carve(evidence: _Evidence, shell: _Shell, observer: Observer, settings: FuseSettings) -> None:
    """Add a scan's word that samples are air: in its photo they lie outside the person."""
    outside, weights = observer.outside(shell.points)
    agreement = 1 - (shell.weights - weights).abs().sum(1) / 2
    # Far from the template there is nothing to agree with.
    agreement = torch.where(shell.is_at_body, agreement, 1.0)
    influence = (
        smoothstep(outside, *settings.carve_margin_m)
        * smoothstep(agreement, *settings.observe.agreement)
        * shell.may_go
        * (1 - weights[:, list(settings.observe.template_joints)].sum(1))
    )
    quality = torch.full_like(influence, observer.rating)
    evidence.add(shell.samples, outside.clamp(max=settings.observe.reach_m), influence, quality)


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
        seen = observer.observe(vertices)
        pull = seen.quality * seen.influence
        weights += pull[:, None] * seen.weights
        colours += pull[:, None] * seen.colours
        share, left = share + pull, left * (1 - seen.influence)
    scale = share.clamp(min=1e-9)[:, None]
    nearest = nearest_vertices(vertices, template.vertices, settings.observe.neighbours, torch.inf)
    body = mean_of_nearest(nearest, template.weights)
    weights = (1 - left)[:, None] * weights / scale + left[:, None] * body
    weights = smooth_attributes(weights, faces, settings.weight_smoothing, 0.5)
    return SkinnedMesh(
        vertices=vertices,
        faces=faces,
        weights=weights / weights.sum(1, keepdim=True),
        colours=fill_attributes(colours / scale, share > settings.least_share, faces, vertices),
    )
