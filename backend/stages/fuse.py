"""All scans and the body template -> one surface in the bind pose, by signed distances.

CanonicalFusion, eqs 8 and 9: a point of the bind pose is carried into each photo's pose by the
weights of the nearest canonicalised vertex *of that scan*, its signed distance is taken to the
*posed* surface (which has no holes), and scans count only near what they observed; everywhere else
the template counts. Where the paper switches, we blend, so that no step is left at the border.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.geometry.affine_rows import affine_rows, carried
from backend.geometry.agreement import AgreementRules, agreed
from backend.geometry.blending import smoothstep
from backend.geometry.body_parts import FACE_JOINTS
from backend.geometry.closed_parts import ClosedParts, mean_distances
from backend.geometry.evidence import Evidence, no_evidence
from backend.geometry.focus import focus_on, magnified, restored
from backend.geometry.grid import (
    Grid,
    coarsened,
    grid_around,
    interpolated,
    refined,
    sample_positions,
    samples_around,
)
from backend.geometry.isosurface import marching_cubes
from backend.geometry.nearest import interpolate_at
from backend.geometry.observer import Observer, ObserverRules, Witnesses
from backend.geometry.paper_fusion import PaperFusion
from backend.geometry.pockets import PocketRules, pockets_behind
from backend.geometry.reparametrisation import Way, reparametrised
from backend.geometry.settling import settled
from backend.geometry.signed_distance import Volume
from backend.geometry.smoothness import fill_attributes, smooth_attributes
from backend.geometry.solids import solid_part
from backend.report import Report, part_of, reported
from backend.types import Scan, SkinnedMesh

BODY_AREA_M2 = 2.2
"""Of a clothed adult."""
FAR_M = 10.0
"""Farther than any vertex from the template."""
STAGE = "fuse"
_DONE = {"observers": 0.1, "template": 0.15, "coarse": 0.4, "fine": 0.6}
_DONE |= {"decimated": 0.85, "settled": 0.93}
"""Share of the time, at the end of each part (four photos on two CPU cores)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FuseSettings:
    """How scans and template become one surface."""

    rule: Literal["blended", "paper"] = "blended"
    """`paper`: eqs 8 and 9 as published, with hard switches; see `PAPER`."""
    voxel_m: float = 0.005
    observe: ObserverRules = field(default_factory=ObserverRules)
    agreement: AgreementRules = field(default_factory=AgreementRules)
    max_samples: int = 30_000_000
    """Of the grid; at most four float arrays of this size are held at once (0.5 GB)."""
    coarse_stride: int = 2
    """All is measured on every so many samples first; on the others near the surface alone."""
    reference_quality: float = 2.0
    """Of the scan that lies closest to the template: the reference frame of the paper."""
    pockets: PocketRules = field(default_factory=PocketRules)
    thickening: float = 0.25
    """Voxels outside level 0 at which the surface is meshed: thin sheets would get holes."""
    settling_steps: int = 3
    """Newton steps of the final vertices onto the zero level, measured without a grid."""
    remesh: Way = "decimate"
    face_budget: int = 50_000
    max_edge: float = 3.3
    """In units of √(area / faces); an even mesh has 1.5."""
    face_joints: tuple[int, ...] = FACE_JOINTS
    face_radius_m: float = 0.08
    face_times: float = 5.0
    """Edges in the middle of the face are this many times shorter: people look at faces first."""
    weight_smoothing: int = 10
    """Rounds of averaging bone weights with the neighbours on the final surface."""
    least_share: float = 0.05
    """Influence from which the scans give a vertex its colour."""
    chunk: int = 200_000
    """Points per query; bounds the memory."""
    most_vertices: int = 2_000_000
    """Up to so many, the search trees of all scans are held at once (0.8 GB)."""
    arm_offset_m: tuple[float, float] = (0.035, 0.06)
    """Arms fade between these distances from the template: trunk taken for arm is farther off."""
    carve_margin_m: tuple[float, float] = (0.005, 0.02)
    """Outside the person in a photo: from here air, and surely. Fitted poses are off by as much."""
    carve_depth_m: float = 0.015
    """The template loses at most this much, and nothing of its hands: no pose may cost a limb."""
    carve_detour_m: tuple[float, float] = (0.03, 0.08)
    """A scan and the template must carry a sample to the same place in the photo."""
    foot_joints: tuple[int, ...] = (7, 8, 10, 11)
    foot_depth_m: float = 0.04
    """The same of feet: the template's bare toes stick out of shoes."""


PAPER = FuseSettings(rule="paper", settling_steps=0, thickening=0.0)
"""As published: hard switches at τ, the template's weights, no carving; 3.9 mm grids are theirs."""


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
    if settings.rule == "blended":
        observers = agreed(observers, settings.agreement)
    seen = torch.cat([observer.corners for observer in observers])
    grid = grid_around(
        torch.cat([template.vertices[template.faces.flatten()], seen]),
        2 * settings.observe.reach_m,
        settings.voxel_m,
        settings.max_samples,
    )
    known = _known(observers, grid, template, settings=settings, report=report)
    carving = part_of(report, _DONE["template"], _DONE["coarse"])
    coarse = _coarse_values(known, template, settings, report=carving)
    band = part_of(report, _DONE["coarse"], _DONE["fine"])
    values = _fused_volume(known, coarse, grid, settings=settings, report=band)
    # Thick enough for the grid, cloth comes out whole; the vertices then settle on the level 0.
    thick = solid_part(values - settings.thickening * grid.voxel_m)
    solid = Volume(values=thick, origin=grid.origin, voxel_m=grid.voxel_m)
    meshing = part_of(report, _DONE["fine"], _DONE["decimated"])
    vertices, faces = _simplified(*marching_cubes(solid), template, settings, report=meshing)
    report(STAGE, _DONE["decimated"])
    vertices = settled(
        vertices,
        faces,
        partial(_fused_at, known=known, settings=settings),
        steps=settings.settling_steps,
        longest_m=grid.voxel_m,
    )
    report(STAGE, _DONE["settled"])
    return _attach(vertices, faces, witnesses=known.witnesses, template=template, settings=settings)


def _simplified(
    vertices: Float[Tensor, "V 3"],
    faces: Int[Tensor, "F 3"],
    template: SkinnedMesh,
    settings: FuseSettings,
    *,
    report: Report,
) -> tuple[Float[Tensor, "W 3"], Int[Tensor, "G 3"]]:
    used = template.faces.flatten()
    is_face = template.weights[used][:, list(settings.face_joints)].sum(1) > 0.5
    face = template.vertices[used[is_face]]
    focus = focus_on(face, settings.face_radius_m, settings.face_times)
    vertices, faces = reparametrised(
        magnified(vertices, focus),
        faces,
        way=settings.remesh,
        face_budget=settings.face_budget,
        max_edge_m=settings.max_edge * (BODY_AREA_M2 / settings.face_budget) ** 0.5,
        report=partial(report, STAGE),
    )
    return restored(vertices, focus), faces


def _observers(
    scans: Sequence[Scan], template: SkinnedMesh, settings: FuseSettings, *, report: Report
) -> list[Observer]:
    """One per scan; the scan closest to the template is the reference frame (paper)."""
    body = ClosedParts(template.vertices, template.faces)
    scans = [_without_stray_arms(scan, body, settings) for scan in scans]
    bodies = template.vertices[torch.unique(template.faces)]
    offsets = [
        mean_distances(scan.bind_vertices[scan.confidence > 0], bodies)
        for scan in reported(scans, STAGE, report)
    ]
    reference = offsets.index(min(offsets))
    return [
        Observer(scan, settings.reference_quality if k == reference else 1.0, settings.observe)
        for k, scan in enumerate(scans)
    ]


def _without_stray_arms(scan: Scan, body: ClosedParts, settings: FuseSettings) -> Scan:
    start, end = settings.arm_offset_m
    distance = body.closest_points(scan.bind_vertices, end).distance
    on_arm = scan.posed.mesh.weights[:, list(settings.observe.arm_joints)].sum(1)
    stray = smoothstep(distance, start, end) * smoothstep(on_arm, 0.3, 0.7)
    return replace(scan, confidence=scan.confidence * (1 - stray))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """All that is asked for the fused distance at any point of the bind pose."""

    witnesses: Witnesses
    paper: PaperFusion | None
    """Used in place of the witnesses if there is one."""
    body: ClosedParts
    coarse: Grid
    volumes: Float[Tensor, "5 X Y Z"]
    """On the coarse grid: distance to the template, to pockets, and what carving adds."""


def _fused_at(
    points: Float[Tensor, "N 3"],
    known: _Known,
    settings: FuseSettings,
    report: Report | None = None,
) -> Float[Tensor, " N"]:
    """Return the fused signed distance, cut off at the reach, at any points."""
    reach, size = settings.observe.reach_m, settings.chunk
    base, *carved = torch.cat([_at_rest(some, known, reach) for some in points.split(size)], 1)
    if known.paper is not None:
        return known.paper.distance(points, base, size).clamp(-reach, reach)
    telling = partial(report, STAGE) if report else None
    seen = known.witnesses.evidence_at(points, size, telling)
    return seen.joined(Evidence(total=carved[0], share=carved[1], left=carved[2])).fused(base)


def _at_rest(points: Float[Tensor, "N 3"], known: _Known, reach_m: float) -> Float[Tensor, "4 N"]:
    """Return the distance to template and pockets, and what carving adds."""
    body, pockets, *carved = interpolated(known.volumes, known.coarse, points)
    near = known.body.signed_distance(points, reach_m)
    body = torch.where(near < reach_m, near, body)
    return torch.stack([torch.minimum(body, pockets), *carved])


def _known(
    observers: Sequence[Observer],
    grid: Grid,
    template: SkinnedMesh,
    *,
    settings: FuseSettings,
    report: Report,
) -> _Known:
    """Prepare the fused distance: template, pockets and carving on a coarser grid."""
    # A band of twice the reach must not fall between the samples.
    is_fine = settings.coarse_stride * grid.voxel_m > settings.observe.reach_m
    coarse = coarsened(grid, 1 if is_fine else settings.coarse_stride)
    body = ClosedParts(template.vertices, template.faces)
    distance = body.volume(coarse, settings.observe.reach_m)
    is_paper = settings.rule == "paper"
    pockets = torch.full_like(distance, settings.observe.reach_m)
    if not is_paper:
        seen = [observer.trunk_and_legs() for observer in observers]
        behind = pockets_behind(seen, body, coarse, settings.pockets)
        pockets = behind.clamp(-settings.observe.reach_m, settings.observe.reach_m)
    nothing = no_evidence(distance)
    layers = [distance, pockets, nothing.total, nothing.share, nothing.left]
    known = _Known(
        witnesses=Witnesses(observers, settings.most_vertices),
        paper=PaperFusion([one.scan for one in observers], template) if is_paper else None,
        body=body,
        coarse=coarse,
        volumes=torch.stack(layers).unflatten(1, coarse.shape),
    )
    report(STAGE, _DONE["template"])
    return known


def _coarse_values(
    known: _Known, template: SkinnedMesh, settings: FuseSettings, *, report: Report
) -> Float[Tensor, " M"]:
    """Return the fused distance at the samples of the coarse grid; carving enters `known` here."""
    samples = torch.arange(known.coarse.size, device=known.volumes.device)
    points = sample_positions(known.coarse, samples)
    if known.paper is not None:
        return _fused_at(points, known, settings)
    volumes = known.volumes.flatten(1)
    base = torch.minimum(volumes[0], volumes[1])
    telling = partial(part_of(report, 0.0, 0.5), STAGE)
    seen = known.witnesses.evidence_at(points, settings.chunk, telling)
    solid = (seen.fused(base) < 0).float().view(1, 1, *known.coarse.shape)
    # One layer more: between a solid sample and one that is not carved, a film would be left.
    grown = torch.nn.functional.max_pool3d(solid, 3, 1, 1).flatten() > 0
    some = torch.nonzero(grown & (volumes[0] > -settings.foot_depth_m))[:, 0]
    _carve(known, some, points[some], template, settings=settings, report=part_of(report, 0.5, 1.0))
    carved = Evidence(total=volumes[2], share=volumes[3], left=volumes[4])
    return seen.joined(carved).fused(base)


def _fused_volume(
    known: _Known,
    coarse: Float[Tensor, " M"],
    grid: Grid,
    *,
    settings: FuseSettings,
    report: Report,
) -> Float[Tensor, "X Y Z"]:
    """Return the fused distance on a grid: exact near the surface, elsewhere interpolated.

    Args:
        known: See there.
        coarse: The fused distance on the coarse grid.
        grid: The fine one.
        settings: Of the stage.
        report: Called as in `fuse`.
    """
    stride = round(known.coarse.voxel_m / grid.voxel_m)
    values = refined(coarse, known.coarse, grid, stride)
    if stride > 1:
        # No point of a cube is farther than 0.87 edges from its nearest corner.
        limit = min(1.1 * known.coarse.voxel_m, 0.99 * settings.observe.reach_m)
        near = samples_around(coarse.abs().view(known.coarse.shape) < limit, grid, stride)
        values[near] = _fused_at(sample_positions(grid, near), known, settings, report)
    return values.view(grid.shape)


def _carve(
    known: _Known,
    samples: Int[Tensor, " N"],
    points: Float[Tensor, "N 3"],
    template: SkinnedMesh,
    *,
    settings: FuseSettings,
    report: Report,
) -> None:
    """Add the scans' word that samples are air: in their photos they lie outside the person."""
    volumes = known.volumes.flatten(1)
    carved = Evidence(total=volumes[2], share=volumes[3], left=volumes[4])
    closest = known.body.closest_points(points, settings.observe.carve_reach_m)
    on_body = partial(interpolate_at, closest, template.faces)
    on_foot = on_body(template.weights[:, list(settings.foot_joints)]).sum(1)
    on_hand = on_body(template.weights[:, list(settings.observe.template_joints)]).sum(1)
    depth = settings.carve_depth_m * (1 - on_foot) + settings.foot_depth_m * on_foot
    may_go = smoothstep(volumes[0, samples] / depth, -1.0, -1 / 3) * (1 - on_hand)
    some = torch.nonzero(may_go > 0)[:, 0]
    for number, witness in enumerate(known.witnesses):
        report(STAGE, number / len(known.witnesses))
        rows = affine_rows(template.weights, witness.scan.camera_from_bind)
        place = carried(points, on_body(rows))
        for part in some.split(settings.chunk):
            outside = witness.outside(points[part])
            # Far from the template there is nothing to agree with.
            detour = (place[part] - outside.posed).norm(dim=1) * closest.found[part]
            influence = (
                outside.share(settings.carve_margin_m)
                * (1 - smoothstep(detour, *settings.carve_detour_m))
                * may_go[part]
                * (1 - outside.of_template)
            )
            distance = outside.distance.clamp(max=settings.observe.reach_m)
            quality = torch.full_like(distance, witness.rating)
            carved.add(distance, influence, quality, samples[part])


def _attach(
    vertices: Float[Tensor, "V 3"],
    faces: Int[Tensor, "F 3"],
    *,
    witnesses: Witnesses,
    template: SkinnedMesh,
    settings: FuseSettings,
) -> SkinnedMesh:
    """Give the fused surface the scans' weights and colours; the template's weights elsewhere."""
    weights = torch.zeros(len(vertices), template.weights.shape[1], device=vertices.device)
    colours, share = torch.zeros_like(vertices), torch.zeros_like(vertices[:, 0])
    left = torch.ones_like(share)
    for witness in witnesses:
        seen, mesh = witness.observe(vertices), witness.scan.posed.mesh
        pull = seen.quality * seen.influence
        weights[seen.at] += pull[:, None] * interpolate_at(seen.here, witness.faces, mesh.weights)
        colours[seen.at] += pull[:, None] * interpolate_at(seen.there, mesh.faces, mesh.colours)
        share[seen.at] += pull
        left[seen.at] *= 1 - seen.influence
    scale = share.clamp(min=1e-9)[:, None]
    nearest = ClosedParts(template.vertices, template.faces).closest_points(vertices, FAR_M)
    body = interpolate_at(nearest, template.faces, template.weights)
    weights = (1 - left)[:, None] * weights / scale + left[:, None] * body
    weights = smooth_attributes(weights, faces, settings.weight_smoothing, 0.5)
    return SkinnedMesh(
        vertices=vertices,
        faces=faces,
        weights=weights / weights.sum(1, keepdim=True),
        colours=fill_attributes(colours / scale, left < 1 - settings.least_share, faces, vertices),
    )
