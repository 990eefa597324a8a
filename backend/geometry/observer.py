"""What one scan says about points of the bind pose: how far they are from its surface, or air.

CanonicalFusion, eq 8: a point is carried into the photo's pose by the weights of the nearest
canonicalised vertices of that scan, and measured against the *posed* surface, which has no holes.
"""

from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.geometry.blending import smoothstep
from backend.geometry.grid import Grid, sample_positions, samples_near
from backend.geometry.nearest import interpolate_at, mean_of_nearest, nearest_vertices
from backend.geometry.normals import vertex_normals
from backend.geometry.signed_distance import SurfaceQuery
from backend.geometry.skinning import blended_matrices, pose
from backend.types import Scan

WRISTS_AND_FINGERS = (20, 21, *range(25, 55))


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserverRules:
    """How far the word of a scan goes."""

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
    neighbours: int = 4
    """Canonicalised vertices whose weights a point takes."""
    template_joints: tuple[int, ...] = WRISTS_AND_FINGERS
    """What follows these joints stays the template's: fingers are finer than what photos of whole
    people show (the paper's thresholds have the same effect on hands)."""
    arm_joints: tuple[int, ...] = (16, 17, 18, 19)
    carve_reach_m: float = 0.08
    """A scan can tell air from person up to this distance from its vertices."""


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

    def __init__(self, scan: Scan, rating: float, rules: ObserverRules) -> None:
        of_template = scan.posed.mesh.weights[:, list(rules.template_joints)].sum(1)
        trusted = (scan.confidence > 0) & (of_template < 0.5)
        self.scan = scan
        self.rating = rating
        self._rules = rules
        self.trusted_bind = scan.bind_vertices[trusted]
        self._trusted_weights = scan.posed.mesh.weights[trusted]
        self.is_wide = self._trusted_weights[:, list(rules.arm_joints)].sum(1) < 0.5
        self._surface = SurfaceQuery(scan.posed.mesh.vertices, scan.posed.mesh.faces)
        self._normals = vertex_normals(scan.posed.mesh.vertices, scan.posed.mesh.faces)
        # n' = B^-T n for v' = B v, so the normal in the bind pose is Bᵀ n'.
        turn = blended_matrices(self._trusted_weights, scan.camera_from_bind)[:, :3, :3]
        turned = torch.einsum("vij,vi->vj", turn, self._normals[trusted])
        self.trusted_normals = torch.nn.functional.normalize(turned, dim=-1)

    def outside(
        self, points: Float[Tensor, "N 3"]
    ) -> tuple[Float[Tensor, " N"], Float[Tensor, "N J"]]:
        """Return how far points lie outside the posed person (metres, 0 inside), and their weights.

        Points out of reach of the scan count as inside.
        """
        rules, mesh = self._rules, self.scan.posed.mesh
        reach = rules.carve_reach_m
        nearest = nearest_vertices(points, self.trusted_bind, rules.neighbours, reach)
        weights = mean_of_nearest(nearest, self._trusted_weights)
        posed = pose(points, weights, self.scan.camera_from_bind)
        closest = self._surface.closest_points(posed, reach)
        at = partial(interpolate_at, closest, mesh.faces)
        outward = ((posed - at(mesh.vertices)) * at(self._normals)).sum(1)
        is_outside = nearest.found[:, 0] & closest.found & (outward > 0)
        return torch.where(is_outside, closest.distance, 0.0), weights

    def samples(self, grid: Grid) -> Int[Tensor, " M"]:
        """Return the samples of a grid within reach of the canonicalised vertices."""
        reach = self._rules.reach_m
        boxes = samples_near(grid, self.trusted_bind, reach)
        points = sample_positions(grid, boxes)
        return boxes[nearest_vertices(points, self.trusted_bind, 1, reach).found[:, 0]]

    def observe(self, points: Float[Tensor, "N 3"]) -> Observation:
        """Carry points into the photo's pose and measure them against the posed surface (eq 8).

        Args:
            points: Bind pose, body frame, metres.
        """
        rules, mesh = self._rules, self.scan.posed.mesh
        reach = rules.reach_m
        nearest = nearest_vertices(points, self.trusted_bind, rules.neighbours, reach)
        weights = mean_of_nearest(nearest, self._trusted_weights)
        posed = pose(points, weights, self.scan.camera_from_bind)
        closest = self._surface.closest_points(posed, 2 * reach)
        at = partial(interpolate_at, closest, mesh.faces)
        outward = ((posed - at(mesh.vertices)) * at(self._normals)).sum(1)
        agreement = 1 - (at(mesh.weights) - weights).abs().sum(1) / 2
        is_front = at(self.scan.posed.is_front.float()[:, None])[:, 0]
        influence = (
            at(self.scan.confidence[:, None])[:, 0]
            * smoothstep(agreement, *rules.agreement)
            * (1 - smoothstep(nearest.distance[:, 0] / reach, rules.fade_start, 1.0))
            * (1 - weights[:, list(rules.template_joints)].sum(1))
        )
        return Observation(
            distance=torch.where(outward < 0, -1, 1) * closest.distance.clamp(max=reach),
            influence=torch.where(nearest.found[:, 0] & closest.found, influence, 0.0),
            quality=self.rating * (is_front + (1 - is_front) * rules.back_quality),
            weights=weights,
            colours=at(mesh.colours),
        )
