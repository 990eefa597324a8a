"""Surfaces, samples of them and distances between them: what all protocols share."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial import KDTree
from torch import Tensor

from backend.geometry.nearest import interpolate_at
from backend.geometry.signed_distance import ClosestPoints, SurfaceQuery

CM_PER_M = 100.0
EVERYWHERE_M = 1e4
"""No two surfaces that are compared are farther apart."""
LEAST_AREA_M2 = 1e-6
"""Rounding gives a face of two equal corners up to 1e-7 m²."""
EVEN_CANDIDATES = 3
"""Candidates for each point that is wanted, as in `trimesh.sample.sample_surface_even`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """A triangle mesh; metres."""

    vertices: Float[Tensor, "V 3"]
    faces: Int[Tensor, "F 3"]
    """Counter-clockwise seen from outside."""

    def __post_init__(self) -> None:
        """Check that there is a surface.

        Raises:
            ValueError: If it has no area, or a vertex is not finite.
        """
        if not bool(self.vertices.isfinite().all()):
            raise ValueError("a vertex of the surface is not finite")
        if not float(doubled_areas(self).sum()) > LEAST_AREA_M2:
            raise ValueError("the surface has no area")


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Points of a surface and where they are from."""

    points: Float[Tensor, "N 3"]
    face: Int[Tensor, " N"]


def sample_surface(surface: Surface, count: int, generator: torch.Generator) -> Samples:
    """Return points uniform by area.

    Args:
        surface: Where they lie.
        count: How many.
        generator: On the CPU, so that its seed gives the same points on every device.
    """
    share = doubled_areas(surface).cpu().double().cumsum(0)
    random = torch.rand((count, 3), generator=generator, dtype=torch.float64)
    face = torch.searchsorted(share, random[:, 0] * share[-1], right=True)
    face = face.clamp(max=len(share) - 1).to(surface.faces.device)
    points = torch.einsum(
        "nk,nkc->nc",
        _uniform_barycentric(random[:, 1:]).to(surface.vertices),
        surface.vertices[surface.faces[face].long()],
    )
    return Samples(points=points, face=face)


def sample_surface_even(surface: Surface, count: int, generator: torch.Generator) -> Samples:
    """Return at most `count` points of which no two are nearer than sqrt(area / (3 count)).

    Three times as many points uniform by area are taken in turn; one that is too near to an
    earlier kept one is left out. Fewer than asked for come back where the surface folds closely.
    """
    candidates = sample_surface(surface, EVEN_CANDIDATES * count, generator)
    area = float(doubled_areas(surface).sum()) / 2
    kept = _first_apart(candidates.points, (area / (EVEN_CANDIDATES * count)) ** 0.5)[:count]
    return Samples(points=candidates.points[kept], face=candidates.face[kept])


def closest_points(points: Float[Tensor, "N 3"], surface: Surface) -> ClosestPoints:
    """Return the closest point of the surface's triangles to each point."""
    return SurfaceQuery(surface.vertices, surface.faces).closest_points(points, EVERYWHERE_M)


def closest_positions(points: Float[Tensor, "N 3"], surface: Surface) -> Float[Tensor, "N 3"]:
    """Return where the closest points of the surface lie; metres."""
    return interpolate_at(closest_points(points, surface), surface.faces, surface.vertices)


def mean_distance_cm(points: Float[Tensor, "N 3"], surface: Surface) -> float:
    """Return the mean of the exact distances of points to a surface's triangles."""
    return CM_PER_M * float(closest_points(points, surface).distance.double().mean())


def face_normals(surface: Surface) -> Float[Tensor, "F 3"]:
    """Return unit normals, outwards where faces are counter-clockwise; 0 without area."""
    return torch.nn.functional.normalize(_cross(surface), dim=-1, eps=1e-18)


def doubled_areas(surface: Surface) -> Float[Tensor, " F"]:
    """Return twice the area of each face; m²."""
    return _cross(surface).norm(dim=-1)


def bounding_box(surface: Surface) -> tuple[Float[Tensor, " 3"], Float[Tensor, " 3"]]:
    """Return the lowest and the highest coordinates of the corners of faces."""
    corners = surface.vertices[surface.faces.long().flatten()]
    return corners.amin(0), corners.amax(0)


def _cross(surface: Surface) -> Float[Tensor, "F 3"]:
    a, b, c = surface.vertices[surface.faces.long()].unbind(1)
    return torch.linalg.cross(b - a, c - a)


def _uniform_barycentric(random: Float[Tensor, "N 2"]) -> Float[Tensor, "N 3"]:
    """Return shares uniform over a triangle.

    (1 - sqrt r, sqrt r (1 - s), s sqrt r)    Osada et al. 2002, section 4.2
    """
    root, s = random[:, 0].sqrt(), random[:, 1]
    return torch.stack([1 - root, root * (1 - s), root * s], 1)


def _first_apart(points: Float[Tensor, "N 3"], radius_m: float) -> Int[Tensor, " K"]:
    """Return the points that are farther than the radius from all earlier kept ones."""
    pairs = KDTree(points.cpu().numpy()).query_pairs(radius_m, output_type="ndarray")
    earlier, later = pairs.T  # the lower index comes first
    undecided = np.ones(len(points), dtype=bool)
    kept = np.zeros(len(points), dtype=bool)
    while undecided.any():
        waits = np.zeros(len(points), dtype=bool)
        waits[later[undecided[earlier]]] = True
        fresh = undecided & ~waits
        kept |= fresh
        undecided &= waits
        undecided[later[fresh[earlier]]] = False
    return torch.from_numpy(np.flatnonzero(kept)).to(points.device)
