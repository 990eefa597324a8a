"""Distances between two surfaces, by pairs of closest points that are kept for some steps."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.geometry.normals import vertex_normals
from backend.geometry.robust import geman_mcclure
from backend.geometry.signed_distance import SurfaceQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Points on a moving mesh and where they should lie."""

    corners: Int[Tensor, "N 3"]
    """Vertices of the mesh."""
    shares: Float[Tensor, "N 3"]
    """Of the corners in the point."""
    target: Float[Tensor, "N 3"]
    """Metres, the frame of the posed mesh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRules:
    """Which closest points belong together."""

    count: int = 3000
    """Of points asked for on each of the two surfaces."""
    reach_m: float = 0.06
    """Closest points farther apart are no pair."""
    cosine: float = 0.5
    """Least between their normals (60°): skin must not be drawn to the other side of a limb."""


class FixedSurface:
    """Owns the search tree of a surface that attracts another."""

    def __init__(
        self,
        vertices: Float[Tensor, "V 3"],
        faces: Int[Tensor, "F 3"],
        is_observed: Bool[Tensor, " V"],
    ) -> None:
        """Build the tree.

        Args:
            vertices: Metres.
            faces: Triangles.
            is_observed: Only faces between such vertices attract.
        """
        self.mesh = _Mesh(vertices, faces[is_observed[faces.long()].all(1)])

    def pairs(
        self,
        vertices: Float[Tensor, "V 3"],
        faces: Int[Tensor, "F 3"],
        rules: PairRules,
        generator: torch.Generator,
    ) -> Pairs:
        """Return the closest points of a mesh and this surface, from samples of each.

        Args:
            vertices: Metres, of the mesh that moves.
            faces: Triangles.
            rules: See there.
            generator: Chooses the samples.
        """
        moving = _Mesh(vertices, faces)
        on_mesh = _some(moving.used, rules.count, generator)
        on_surface = _some(self.mesh.used, rules.count, generator)
        towards = _pairs_from(on_mesh, moving, self.mesh, rules)
        back = _pairs_from(on_surface, self.mesh, moving, rules)
        alone = torch.zeros_like(towards.shares)
        alone[:, 0] = 1
        given = self.mesh.vertices
        found = (given[towards.corners] * towards.shares[..., None]).sum(1)
        return Pairs(
            corners=torch.cat([on_mesh[towards.rows, None].expand(-1, 3), back.corners]),
            shares=torch.cat([alone, back.shares]),
            target=torch.cat([found, given[on_surface[back.rows]]]),
        )


class _Mesh:
    """Owns a mesh's search tree and normals."""

    def __init__(self, vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"]) -> None:
        self.vertices, self.faces = vertices, faces
        self.normals = vertex_normals(vertices, faces)
        self.query = SurfaceQuery(vertices, faces)
        is_used = torch.zeros_like(vertices[:, 0], dtype=torch.bool)
        is_used[faces.long().flatten()] = True
        self.used: Int[Tensor, " U"] = is_used.nonzero()[:, 0]


def chamfer_energy(
    vertices: Float[Tensor, "V 3"], pairs: Pairs, scale_m: float
) -> Float[Tensor, ""]:
    """Return the mean squared distance of pairs, in square metres, at most `scale_m`² each.

    The Chamfer term of CanonicalFusion, eq 11, with Geman and McClure's penalty; 0 without pairs.
    """
    points = (vertices[pairs.corners] * pairs.shares[..., None]).sum(1)
    squared = (points - pairs.target).square().sum(1)
    return geman_mcclure(squared, scale_m).sum() / max(len(squared), 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Points on a surface, closest to some of the points asked for."""

    rows: Int[Tensor, " N"]
    """Of the points asked for."""
    corners: Int[Tensor, "N 3"]
    shares: Float[Tensor, "N 3"]


def _pairs_from(asked: Int[Tensor, " Q"], source: _Mesh, other: _Mesh, rules: PairRules) -> _Found:
    closest = other.query.closest_points(source.vertices[asked], rules.reach_m)
    rows = closest.found.nonzero()[:, 0]
    corners = other.faces[closest.face[rows]].long()
    shares = closest.barycentric[rows].to(source.vertices)
    theirs = (other.normals[corners] * shares[..., None]).sum(1)
    agree = (source.normals[asked[rows]] * theirs).sum(1) > rules.cosine
    return _Found(rows=rows[agree], corners=corners[agree], shares=shares[agree])


def _some(allowed: Int[Tensor, " N"], count: int, generator: torch.Generator) -> Int[Tensor, " Q"]:
    order = torch.randperm(len(allowed), generator=generator)[:count]
    return allowed[order.to(allowed.device)]
