"""The fusion of CanonicalFusion (Shin et al. 2024) as its paper and the older code have it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.geometry.nearest import nearest_vertices
from backend.geometry.signed_distance import SurfaceQuery
from backend.geometry.skinning import pose
from backend.types import Scan, SkinnedMesh

REGION_JOINTS: tuple[tuple[int, ...], ...] = (
    (12, 15, 22, 23, 24),
    (16, 17),
    (18, 19),
    (7, 8, 10, 11, 20, 21, *range(25, 55)),
)
"""Head and neck, upper arms, forearms, hands and feet; all else is the region before them, 0."""
TAU_M = (6 / 128, 10 / 128, 2 / 128, 1 / 128, 0.1 / 128)
"""τ of each region, and how far outside the template a scan counts."""
DEPTH_M = (2 / 128, 1 / 128, 1 / 128, 0.0, 0.1 / 128)
"""How far inside the template a scan of each region counts."""
FAR_M = 1.0
"""No part of a person is farther from a point that counts."""


def paper_distance(
    points: Float[Tensor, "N 3"],
    weights: Float[Tensor, "N J"],
    scan: Scan,
    surface: SurfaceQuery,
) -> Float[Tensor, " N"]:
    """Return S_p(x), the signed distance from where a photo's pose carries x to its posed surface.

    S_p(x) = sd((Σ_j w_j(x) G_pj) x, surface p)    CanonicalFusion (Shin et al. 2024), eq 8

    Args:
        points: Bind pose, body frame, metres.
        weights: Of the template's vertex nearest to each point.
        scan: Of photo p.
        surface: Of the scan's posed mesh.
    """
    return surface.signed_distance(pose(points, weights, scan.camera_from_bind), FAR_M)


def paper_fused(
    total: Float[Tensor, " N"], count: Float[Tensor, " N"], template: Float[Tensor, " N"]
) -> Float[Tensor, " N"]:
    """Return S(x): the mean over the scans with a vertex within τ of x, else the template's.

    S(x) = mean_p S_p(x) if min_v |x − v_p| < τ, else S_T(x)    CanonicalFusion, eq 9

    Args:
        total: Σ S_p(x) over the scans that are near.
        count: Of these.
        template: S_T(x).
    """
    return torch.where(count > 0, total / count.clamp(min=1), template)


@dataclass(frozen=True, slots=True)
class _Scanned:
    scan: Scan
    vertices: tuple[Float[Tensor, "_ 3"], ...]
    """Canonicalised, of each region."""


class PaperFusion:
    """Answers the fused signed distance at points of the bind pose."""

    def __init__(self, scans: Sequence[Scan], template: SkinnedMesh) -> None:
        self._template = template
        self._region = vertex_regions(template.weights)
        self._scanned = [self._scanned_of(scan) for scan in scans]

    def distance(
        self, points: Float[Tensor, "N 3"], template: Float[Tensor, " N"], chunk: int
    ) -> Float[Tensor, " N"]:
        """Return S(x) of eq 9.

        Args:
            points: Bind pose, body frame, metres.
            template: S_T(x), the signed distance to the template.
            chunk: So many are posed at once; bounds the memory.
        """
        nearest = nearest_vertices(points, self._template.vertices, 1, torch.inf).index[:, 0]
        total, count = torch.zeros_like(template), torch.zeros_like(template)
        for one in self._scanned:
            surface = SurfaceQuery(one.scan.posed.mesh.vertices, one.scan.posed.mesh.faces)
            near = torch.nonzero(_is_near(points, one.vertices, template))[:, 0]
            count[near] += 1
            for some in near.split(chunk):
                weights = self._template.weights[nearest[some]]
                total[some] += paper_distance(points[some], weights, one.scan, surface)
        return paper_fused(total, count, template)

    def _scanned_of(self, scan: Scan) -> _Scanned:
        vertices = scan.bind_vertices[scan.confidence > 0]
        nearest = nearest_vertices(vertices, self._template.vertices, 1, torch.inf).index[:, 0]
        region = self._region[nearest]
        return _Scanned(scan, tuple(vertices[region == k] for k in range(len(TAU_M))))


def _is_near(
    points: Float[Tensor, "N 3"],
    vertices: Sequence[Float[Tensor, "_ 3"]],
    template: Float[Tensor, " N"],
) -> Bool[Tensor, " N"]:
    """Tell which points have a vertex of a region within its τ, and lie in the region's band."""
    is_near = torch.zeros_like(template, dtype=torch.bool)
    for own, tau, depth in zip(vertices, TAU_M, DEPTH_M, strict=True):
        is_candidate = (template > -depth) & (template < tau)
        is_near |= is_candidate & nearest_vertices(points, own, 1, tau).found[:, 0]
    return is_near


def vertex_regions(weights: Float[Tensor, "V J"]) -> Int[Tensor, " V"]:
    """Return the region of each vertex, by the joint it follows most."""
    joint = weights.argmax(1)
    region = torch.zeros_like(joint)
    for k, joints in enumerate(REGION_JOINTS, start=1):
        region[torch.isin(joint, torch.tensor(joints, device=joint.device))] = k
    return region
