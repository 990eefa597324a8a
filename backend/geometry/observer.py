"""What one scan says about points of the bind pose: how far they are from its surface, or air.

CanonicalFusion, eq 8: a point is carried into the photo's pose by the weights of the closest point
of that scan's canonicalised surface, and measured against the *posed* surface, which has no holes.
"""

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.geometry.affine_rows import affine_rows, carried, shifted_rows
from backend.geometry.blending import smoothstep
from backend.geometry.evidence import Evidence, no_evidence
from backend.geometry.nearest import interpolate_at
from backend.geometry.normals import vertex_normals
from backend.geometry.pose_spread import pose_spread, softened_weights
from backend.geometry.signed_distance import ClosestPoints, SurfaceQuery
from backend.types import Scan

WRISTS_AND_FINGERS = (20, 21, *range(25, 55))


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserverRules:
    """How far the word of a scan goes."""

    reach_m: float = 0.02
    """τ of eq 9: a scan counts up to this distance from its canonicalised surface; also the
    distance at which all signed distances are cut off."""
    fade_start: float = 0.5
    """Share of `reach_m` from which a scan's influence fades."""
    detour_m: tuple[float, float] = (0.015, 0.04)
    """How much farther a point may be from a surface in the bind pose than in the photo's: beyond,
    that surface belongs to another part of the body, which it touched in the photo. Between full
    and no influence."""
    back_quality: float = 0.3
    """Of the side a photo does not show, against 1 of the side it shows."""
    spread_m: float = 0.01
    """A scan counts half where the bones that may be right move a point this far apart: wrong
    weights do the least harm in a pose close to the bind pose."""
    softening_m: float = 0.03
    """Bones within about this distance may be right."""
    template_joints: tuple[int, ...] = WRISTS_AND_FINGERS
    """What follows these joints stays the template's: fingers are finer than what photos of whole
    people show (the paper's thresholds have the same effect on hands)."""
    arm_joints: tuple[int, ...] = (16, 17, 18, 19)
    carve_reach_m: float = 0.15
    """A scan can tell air from person up to this distance from its surface."""

    def shown(self, is_front: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
        """Return the quality of points: of the side that the photo shows 1, of the other less."""
        return is_front + (1 - is_front) * self.back_quality


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one scan says about the M of some points of the bind pose that are in its reach."""

    at: Int[Tensor, " M"]
    """Which ones these are."""
    distance: Float[Tensor, " M"]
    """Signed, metres, positive outside, cut off at the reach."""
    influence: Float[Tensor, " M"]
    """0 to 1: how far the scan replaces the template here."""
    quality: Float[Tensor, " M"]
    """Against the other scans."""
    here: ClosestPoints
    """On the scan's canonicalised surface; faces are numbered as in `Witness.faces`."""
    there: ClosestPoints
    """On its posed surface."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Where a scan sees points of the bind pose."""

    distance: Float[Tensor, " N"]
    """To the posed person, metres; 0 inside, and out of the scan's reach."""
    posed: Float[Tensor, "N 3"]
    """In the photo's pose."""
    of_template: Float[Tensor, " N"]
    """Share of bones that stay the template's."""
    spread: Float[Tensor, " N"]
    """How far apart the bones that may be right move the points, metres."""

    def share(self, margin_m: tuple[float, float]) -> Float[Tensor, " N"]:
        """Return how surely points are air: from which distance on, and from which for sure.

        Where other bones may be right, the photo shows the point elsewhere: by so much farther
        from the person it must lie.
        """
        return smoothstep(self.distance - self.spread, *margin_m)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSurface:
    """Part of a scan in the bind pose, body frame, metres."""

    vertices: Float[Tensor, "V 3"]
    normals: Float[Tensor, "V 3"]
    confidence: Float[Tensor, " V"]


class Observer:
    """A scan and what is to be known of it for good: little, however fine the scan."""

    def __init__(self, scan: Scan, rating: float, rules: ObserverRules) -> None:
        mesh = scan.posed.mesh
        self.scan = scan
        self.rating = rating
        self.rules = rules
        self.spread = _spread(scan, rules.softening_m)
        """How far apart the bones that may be right move each vertex, metres."""
        self.of_template = mesh.weights[:, list(rules.template_joints)].sum(1)
        """Share of bones that stay the template's."""
        self.is_trusted = (scan.confidence > 0) & (self.of_template < 0.5)
        self.shift = torch.zeros_like(scan.bind_vertices)
        """Metres in the bind pose, by which the scan is moved to agree with the others."""

    def moved(self, shift: Float[Tensor, "V 3"]) -> "Observer":
        """Return the observer of the same scan, moved so far in the bind pose."""
        other = copy(self)
        other.shift = self.shift + shift
        return other

    @property
    def bind(self) -> Float[Tensor, "V 3"]:
        """Where the scan's vertices lie in the bind pose, metres."""
        return self.scan.bind_vertices + self.shift

    @property
    def faces(self) -> Int[Tensor, "F 3"]:
        """Those that are trusted in the bind pose."""
        faces = self.scan.posed.mesh.faces
        return faces[self.is_trusted[faces].all(1)]

    @property
    def trust(self) -> Float[Tensor, " V"]:
        """s₀² / (s₀² + s²), s the spread of the bones that may be right."""
        return 1 / (1 + (self.spread / self.rules.spread_m).square())

    @property
    def weight(self) -> Float[Tensor, " V"]:
        """Of each vertex against those of other scans."""
        shown = self.rules.shown(self.scan.posed.is_front.to(self.spread))
        return self.rating * shown * self.trust * self.scan.confidence

    @property
    def corners(self) -> Float[Tensor, "C 3"]:
        """Of the box around what is trusted in the bind pose; none if nothing is."""
        found = self.bind[self.is_trusted]
        return torch.stack([found.amin(0), found.amax(0)]) if len(found) else found

    def trunk_and_legs(self) -> OpenSurface:
        """Return what is trusted of trunk, legs and head."""
        mesh, scan = self.scan.posed.mesh, self.scan
        on_arm = mesh.weights[:, list(self.rules.arm_joints)].sum(1)
        wide = torch.nonzero(self.is_trusted & (on_arm < 0.5))[:, 0]
        # n' = B^-T n for v' = B v, so the normal in the bind pose is Bᵀ n'.
        turns = affine_rows(mesh.weights[wide], scan.camera_from_bind).unflatten(1, (3, 4))[..., :3]
        turned = torch.einsum("vij,vi->vj", turns, vertex_normals(mesh.vertices, mesh.faces)[wide])
        return OpenSurface(
            vertices=self.bind[wide],
            normals=torch.nn.functional.normalize(turned, dim=-1),
            confidence=scan.confidence[wide],
        )


class Witness:
    """Answers for points of the bind pose what one scan saw there.

    Owns search trees, which take as much memory as the scan: keep it no longer than it is asked.
    """

    def __init__(self, observer: Observer) -> None:
        scan, rules = observer.scan, observer.rules
        mesh = scan.posed.mesh
        self.scan = scan
        self.rating = observer.rating
        self._rules = rules
        self.faces = observer.faces
        self._surface = SurfaceQuery(mesh.vertices, mesh.faces)
        self._canonical = SurfaceQuery(observer.bind, self.faces)
        normals = vertex_normals(mesh.vertices, mesh.faces)
        rows = shifted_rows(affine_rows(mesh.weights, scan.camera_from_bind), observer.shift)
        shares = torch.stack([observer.of_template, observer.spread, observer.trust], 1)
        self._of_bind = torch.cat([rows, shares], 1)
        front = scan.posed.is_front[:, None]
        self._of_surface = torch.cat(
            [mesh.vertices, normals, observer.bind, scan.confidence[:, None], front], 1
        )

    def outside(self, points: Float[Tensor, "N 3"]) -> Outside:
        """Return how far points lie outside the posed person."""
        reach = self._rules.carve_reach_m
        here = self._canonical.closest_points(points, reach)
        posed, (of_template, spread, _) = self._carried(points, here)
        distance = self._surface.signed_distance(posed, reach)
        is_outside = here.found & (distance > 0) & (distance < reach)
        return Outside(
            distance=torch.where(is_outside, distance, 0.0),
            posed=posed,
            of_template=of_template,
            spread=spread,
        )

    def observe(self, points: Float[Tensor, "N 3"]) -> Observation:
        """Carry points into the photo's pose and measure them against the posed surface (eq 8).

        Args:
            points: Bind pose, body frame, metres.
        """
        rules = self._rules
        at, here = _found(self._canonical.closest_points(points, rules.reach_m))
        points = points[at]
        posed, (of_template, _, trust) = self._carried(points, here)
        there = self._surface.closest_points(posed, 2 * rules.reach_m)
        found = interpolate_at(there, self.scan.posed.mesh.faces, self._of_surface)
        surface, normal, bind = found[:, :9].split(3, dim=1)
        detour = (points - bind).norm(dim=1) - there.distance
        influence = (
            found[:, 9]
            * (1 - smoothstep(detour, *rules.detour_m))
            * (1 - smoothstep(here.distance / rules.reach_m, rules.fade_start, 1.0))
            * (1 - of_template)
        )
        side = torch.where(((posed - surface) * normal).sum(1) < 0, -1, 1)
        return Observation(
            at=at,
            distance=side * there.distance.clamp(max=rules.reach_m),
            influence=torch.where(there.found, influence, 0.0),
            quality=self.rating * trust * rules.shown(found[:, 10]),
            here=here,
            there=there,
        )

    def _carried(
        self, points: Float[Tensor, "N 3"], here: ClosestPoints
    ) -> tuple[Float[Tensor, "N 3"], Float[Tensor, "3 N"]]:
        """Return points in the photo's pose; their share of the template's bones, spread, trust."""
        found = interpolate_at(here, self.faces, self._of_bind)
        return carried(points, found[:, :12]), found[:, 12:].T


class Witnesses:
    """Gives the witnesses of all observers, one after the other, as often as one likes."""

    def __init__(self, observers: Sequence[Observer], most_vertices: int) -> None:
        self._observers = observers
        total = sum(len(observer.scan.bind_vertices) for observer in observers)
        self._kept = [Witness(one) for one in observers] if total <= most_vertices else None

    def __len__(self) -> int:
        return len(self._observers)

    def __iter__(self) -> Iterator[Witness]:
        """Trees of many or fine scans are built anew each time: only one scan's are held."""
        return iter(self._kept) if self._kept is not None else map(Witness, self._observers)

    def evidence_at(
        self, points: Float[Tensor, "N 3"], chunk: int, report: Callable[[float], None] | None
    ) -> Evidence:
        """Return what all say about points of the bind pose.

        Args:
            points: Body frame, metres.
            chunk: So many are asked for at once; bounds the memory.
            report: Told the share that is done, 0 to 1.
        """
        evidence = no_evidence(points[:, 0])
        for number, witness in enumerate(self):
            if report is not None:
                report(number / len(self))
            for start in range(0, len(points), chunk):
                seen = witness.observe(points[start : start + chunk])
                evidence.add(seen.distance, seen.influence, seen.quality, seen.at + start)
        return evidence


def _found(closest: ClosestPoints) -> tuple[Int[Tensor, " M"], ClosestPoints]:
    at = torch.nonzero(closest.found)[:, 0]
    parts = (closest.distance[at], closest.face[at], closest.barycentric[at])
    return at, ClosestPoints(distance=parts[0], face=parts[1], barycentric=parts[2])


def _spread(scan: Scan, softening_m: float) -> Float[Tensor, " V"]:
    mesh = scan.posed.mesh
    soft = softened_weights(mesh.weights, mesh.vertices, softening_m)
    return pose_spread(scan.bind_vertices, soft, scan.camera_from_bind)
