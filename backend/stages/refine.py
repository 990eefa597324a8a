"""All photos together -> a better surface and better poses: CanonicalFusion, eqs 11 to 13.

One canonical mesh is posed into each photo by forward skinning, drawn with the photo's camera, and
compared with the photo's maps; the gradients move the mesh and, in each photo, all joints, the root
and the focal length. What turns alike in all photos is the canonical shape: bind joints never move,
and the mean correction over all photos is drawn to nothing.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.body.corrections import (
    Corrections,
    corrected,
    corrections_at,
    no_corrections,
    poses_at,
    seen_surface,
)
from backend.body.moving_poses import MovingPoses, PoseRules
from backend.geometry.blending import smoothstep
from backend.geometry.chamfer import FixedSurface, PairRules, Pairs, chamfer_energy
from backend.geometry.moving_surface import MovingSurface, SurfaceRules
from backend.render import targets as images
from backend.render.crop import body_boxes
from backend.render.fragments import Layer, Topology, mesh_topology
from backend.render.rasterizer import mask_iou, rasterize
from backend.render.view_losses import ImageWeights, view_losses
from backend.report import Report
from backend.types import Camera, PosedSurface, Poses, SkinnedMesh, SurfaceMaps

STAGE = "refine"
LAYERS: tuple[Layer, Layer] = ("nearest", "farthest")
"""Taken in turns: front and back."""
OUTLINE = 0.5
"""Level of masks at the outline."""
SHARES = (1.0, 0.5, 0.25, 0.0)
"""Of the surface's change that are tried until it harms no photo."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefineSettings:
    """How surface and poses are fitted to all photos."""

    pose_steps: int = 20
    """First, at half the resolution and without moving the surface, …"""
    coarse_steps: int = 50
    """… then with the surface, …"""
    fine_steps: int = 30
    """… and at last at the maps' own resolution."""
    slowest: float = 0.1
    """Share of all rates that is left in the last step."""
    stages: int = 1
    """The paper's: after each of so many equal parts the weights of eqs 12 and 13 grow fourfold and
    the vertices' rate falls to a quarter."""
    views_per_step: int = 8
    """Of more photos, each step sees the next so many."""
    pixels_at_once: int = 8 * 512 * 512
    """Views are rendered in groups of at most so many pixels: bounds the memory."""
    images: ImageWeights = field(default_factory=ImageWeights)
    surface: SurfaceRules = field(default_factory=SurfaceRules)
    poses: PoseRules = field(default_factory=PoseRules)
    chamfer_weight: float = 200.0
    """1 / m²"""
    chamfer_scale_m: float = 0.03
    """Pairs farther apart than this pull no harder."""
    pairs: PairRules = field(default_factory=PairRules)
    pairs_every: int = 20
    """Steps after which closest points are found anew."""
    max_slope: float = 3.0
    """Tangent beyond which a map's normals do not count (72°)."""
    inset_px: int = 2
    """Normals this near to the outline do not count."""
    stiff_joints: tuple[int, ...] = (15, 20, 21, 22, 23, 24, *range(25, 55))
    """What hangs on head, wrists and fingers keeps near to the given surface: it is finer than
    what photos of whole people show."""
    trust: tuple[float, float] = (0.2, 0.1)
    """A photo whose overlap with the surface is this far below the middle one's does not move the
    surface; from the second on it counts fully."""
    worst_loss: float = 0.01
    """Overlap with a photo's mask never falls by more."""
    border_px: float = 2.0
    """What is nearer to the photo's border is as unknown as what lies beyond it."""
    margin_px: int = 12
    """Around person and surface, what is rendered."""
    colour_rate: float = 0.01
    """Step of the vertices' colours, if `images` gives colours a weight."""
    seed: int = 0
    """Of the choice of points for closest pairs."""


PAPER = RefineSettings(
    pose_steps=0,
    coarse_steps=0,
    fine_steps=2000,
    slowest=1.0,
    stages=4,
    views_per_step=1,
    images=ImageWeights(normal=1.0, back_share=1.0, mask=2.0, colour=1.0),
    surface=SurfaceRules(
        rate_m=0.001,
        smoothing=0.0,
        stiffness=0.0,
        laplacian_weight=40.0,
        offset_weight=0.0,
        consistency_weight=0.1,
        stay_weight=0.0,
    ),
    chamfer_weight=0.001,
)
"""The authors' weights, rates and steps. Not theirs: the mesh keeps its faces where they remesh
(finer, after each quarter), a step draws one side of a view, masks are averaged over the person and
not over the image, colours are fitted along with the geometry, and all vertices share the scale of
their steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one photo says."""

    maps: SurfaceMaps
    surface: PosedSurface
    """Made from the maps."""
    camera: Camera
    """Of the whole photo."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refined:
    """The improved surface, and how it stands in each photo."""

    mesh: SkinnedMesh
    poses: Poses
    cameras: tuple[Camera, ...]
    """Of the whole photos."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Problem:
    """What stays the same."""

    mesh: SkinnedMesh
    topology: Topology
    photos: Sequence[Evidence]
    known: list[Bool[Tensor, "H W"]]
    """Which pixels of the crops lie on the photos."""
    poses: Poses


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """What is compared in one step."""

    views: Int[Tensor, " Q"]
    layer: Layer
    moves_surface: bool
    rate: float
    """Of all steps' sizes."""
    growth: float
    """Factor of the weights of eqs 12 and 13, and of the surface's slowness."""


def refine(
    mesh: SkinnedMesh,
    photos: Sequence[Evidence],
    poses: Poses,
    settings: RefineSettings,
    *,
    report: Report,
) -> Refined:
    """Return the surface, poses and cameras that explain all photos together.

    What no photo sees follows its neighbours. In no photo does the overlap of surface and mask
    fall by more than `worst_loss`. Memory: see `view_losses.memory_bytes`.

    Args:
        mesh: Bind pose.
        photos: In the order of the poses, at least one; their maps are all of one size.
        poses: Of the photos.
        settings: See there.
        report: Called in each step with the share of steps done.
    """
    problem = _Problem(
        mesh=mesh,
        topology=mesh_topology(mesh.faces),
        photos=photos,
        known=[images.on_photo(one.maps, one.camera, settings.border_px) for one in photos],
        poses=poses,
    )
    fit = _Fit(problem, settings)
    _optimise(problem, fit, settings, report)
    refined = _harmless(problem, fit, settings.worst_loss)
    report(STAGE, 1.0)
    return refined


def _optimise(problem: _Problem, fit: "_Fit", settings: RefineSettings, report: Report) -> None:
    """Move surface and poses, phase by phase."""
    full = _targets(problem, settings)
    half = images.halved(full)
    numbers = _steps(settings, len(problem.photos))
    for length, whole in zip(_lengths(settings), (half, half, full), strict=True):
        seen = fit.seen()
        points = torch.cat([seen, images.mask_corners(whole)], 1)
        targets = images.cut(whole, body_boxes(points, whole.cameras, settings.margin_px))
        trust = _trust(problem, seen, settings.trust)
        for step in range(length):
            now, done = next(numbers)
            report(STAGE, done)
            if step % settings.pairs_every == 0:
                fit.find_pairs()
            fit.move(now, targets, trust)


def _targets(problem: _Problem, settings: RefineSettings) -> images.Targets:
    rules = {"max_slope": settings.max_slope, "inset_px": settings.inset_px}
    photos = zip(problem.photos, problem.known, strict=True)
    return images.joined([images.targets_of(one.maps, known, **rules) for one, known in photos])


def _lengths(settings: RefineSettings) -> tuple[int, int, int]:
    return settings.pose_steps, settings.coarse_steps, settings.fine_steps


def _steps(settings: RefineSettings, photo_count: int) -> Iterator[tuple[_Step, float]]:
    """Give each step, and the share of steps before it."""
    total, at_once = sum(_lengths(settings)), min(settings.views_per_step, photo_count)
    rounds = math.ceil(photo_count / at_once)
    for step in range(total):
        done = step / total
        fading = settings.slowest + (1 - settings.slowest) * (1 + math.cos(math.pi * done)) / 2
        yield (
            _Step(
                views=(step * at_once + torch.arange(at_once)) % photo_count,
                layer=LAYERS[step // rounds % 2],
                moves_surface=step >= settings.pose_steps,
                rate=fading,
                growth=4.0 ** int(done * settings.stages),
            ),
            done,
        )


class _Fit:
    """Owns what is found, the optimisers' memories and the pairs of closest points."""

    def __init__(self, problem: _Problem, settings: RefineSettings) -> None:
        self._problem, self._settings = problem, settings
        mesh = problem.mesh
        stiff = [joint for joint in settings.stiff_joints if joint < mesh.weights.shape[1]]
        self.surface = MovingSurface(
            mesh.vertices, mesh.faces, mesh.weights[:, stiff].sum(1), settings.surface
        )
        self.poses = MovingPoses(problem.poses, settings.poses)
        self.colours = mesh.colours.clone().requires_grad_()
        self._colour_adam = torch.optim.Adam([self.colours])
        self._generator = torch.Generator().manual_seed(settings.seed)
        surfaces = [one.surface for one in problem.photos]
        self._attractors = [
            FixedSurface(one.mesh.vertices, one.mesh.faces, one.is_observed) for one in surfaces
        ]
        self._pairs: list[Pairs] = []

    @torch.no_grad()
    def seen(self) -> Float[Tensor, "P V 3"]:
        """Return the surface as the cameras see it now."""
        mesh, problem = self._problem.mesh, self._problem
        rest, corrections = self.surface.vertices[None], self.poses.corrections()
        return seen_surface(rest, mesh.weights, problem.poses, corrections)

    def find_pairs(self) -> None:
        """Find the closest points of the surface as it stands and each photo's own surface."""
        faces, rules = self._problem.mesh.faces, self._settings.pairs
        self._pairs = [
            attractor.pairs(vertices, faces, rules, self._generator)
            for vertices, attractor in zip(self.seen(), self._attractors, strict=True)
        ]

    def move(self, now: _Step, targets: images.Targets, trust: Float[Tensor, " P"]) -> None:
        """Take one step down the gradient of eq 11, summed up view group by view group."""
        pixels = targets.cameras.width * targets.cameras.height
        for views in now.views.split(max(1, self._settings.pixels_at_once // pixels)):
            share = self._photo_loss(now, images.chosen(targets, views), views, trust[views])
            (share / len(now.views)).backward()
        cost = self.poses.cost()
        if now.moves_surface:
            cost = cost + self.surface.cost(now.growth)
        cost.backward()
        self.poses.move(now.rate)
        self.surface.move(now.rate / now.growth)
        self._move_colours(now.rate)

    def _photo_loss(
        self,
        now: _Step,
        targets: images.Targets,
        views: Int[Tensor, " Q"],
        trust: Float[Tensor, " Q"],
    ) -> Float[Tensor, ""]:
        """Image and Chamfer terms of eq 11, summed over some views."""
        problem, settings = self._problem, self._settings
        rest = self.surface.vertices.detach()[None]
        if now.moves_surface:  # the surface feels a photo as far as that is trusted
            rest = rest + trust[:, None, None] * (self.surface.vertices - rest)
        poses = poses_at(problem.poses, views)
        corrections = corrections_at(self.poses.corrections(), views)
        seen = seen_surface(rest, problem.mesh.weights, poses, corrections)
        losses = view_losses(
            seen,
            self.colours,
            problem.topology,
            targets,
            layer=now.layer,
            weights=settings.images,
        )
        chamfer = [
            chamfer_energy(vertices, self._pairs[view], settings.chamfer_scale_m)
            for vertices, view in zip(seen, views.tolist(), strict=True)
        ]
        return losses.sum() + settings.chamfer_weight * torch.stack(chamfer).sum()

    @torch.no_grad()
    def _move_colours(self, rate: float) -> None:
        for group in self._colour_adam.param_groups:
            group["lr"] = self._settings.colour_rate * rate
        self._colour_adam.step()
        self._colour_adam.zero_grad()
        self.colours.clamp_(0, 1)


def _trust(
    problem: _Problem, seen: Float[Tensor, "P V 3"], limits: tuple[float, float]
) -> Float[Tensor, " P"]:
    """Return how far each photo may move the surface, 0 to 1, by its overlap with it."""
    overlaps = _overlaps(problem, seen)
    return smoothstep(overlaps - overlaps.median(), -limits[0], -limits[1])


def _overlaps(problem: _Problem, seen: Float[Tensor, "P V 3"]) -> Float[Tensor, " P"]:
    """Return intersection over union of the drawn surface and each photo's mask."""
    overlaps = []
    for vertices, one, known in zip(seen, problem.photos, problem.known, strict=True):
        drawn = rasterize(vertices, problem.mesh.faces, one.maps.camera).mask
        overlaps.append(mask_iou(drawn & known, (one.maps.level > OUTLINE) & known))
    return seen.new_tensor(overlaps)


@torch.no_grad()
def _harmless(problem: _Problem, fit: _Fit, worst_loss: float) -> Refined:
    """Return as much of the change as costs no photo more than `worst_loss` of its overlap.

    In each photo, the pose before and the one after are tried.
    """
    before, after = no_corrections(problem.poses), fit.poses.corrections()
    start, weights = problem.mesh.vertices, problem.mesh.weights

    def overlaps(vertices: Float[Tensor, "V 3"], how: Corrections) -> Float[Tensor, " P"]:
        return _overlaps(problem, seen_surface(vertices[None], weights, problem.poses, how))

    least = overlaps(start, before) - worst_loss
    vertices, old, new = start, least, least
    for share in SHARES:
        vertices = start + share * (fit.surface.vertices - start)
        old, new = overlaps(vertices, before), overlaps(vertices, after)
        if bool((torch.maximum(old, new) >= least).all()):
            break
    kept = (new > old).to(new)
    chosen = Corrections(
        turns=after.turns * kept[:, None, None],
        shifts=after.shifts * kept[:, None],
        log_focal=after.log_focal * kept,
    )
    mesh = replace(problem.mesh, vertices=vertices.detach(), colours=fit.colours.detach())
    return Refined(
        mesh=mesh,
        poses=corrected(problem.poses, chosen),
        cameras=_cameras(problem.photos, chosen.log_focal),
    )


def _cameras(photos: Sequence[Evidence], log_focal: Float[Tensor, " P"]) -> tuple[Camera, ...]:
    cameras = []
    for one, factor in zip(photos, log_focal.exp(), strict=True):
        intrinsics = one.camera.intrinsics.clone()
        intrinsics[[0, 1], [0, 1]] *= factor
        cameras.append(replace(one.camera, intrinsics=intrinsics))
    return tuple(cameras)
