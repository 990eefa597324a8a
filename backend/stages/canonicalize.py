"""Posed surface -> bind pose: inverse linear blend skinning (CanonicalFusion, eq 7)."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.geometry.blending import smoothstep
from backend.geometry.nearest import nearest_vertices
from backend.geometry.skinning import determinants, unpose
from backend.types import PosedSurface, Scan


@dataclass(frozen=True, slots=True, kw_only=True)
class CanonicalizeSettings:
    """Which points of a posed surface are trusted in the bind pose."""

    min_determinant: float = 0.3
    """Of the blended matrix; below it the skin is folded and its inverse amplifies every error
    (1/cos(φ/2) between two bones at an angle φ)."""
    max_stretch: float = 3.0
    """An edge that grows by more than this on the way to the bind pose joins two parts of the body
    that only touched in the photo."""
    short_edge_m: float = 0.004
    """Shorter edges count as this long, since the ratio of tiny lengths says nothing."""
    fade_m: float = 0.015
    """Confidence rises from 0 to 1 over this distance from what was not observed."""


def canonicalize(
    surface: PosedSurface,
    camera_from_bind: Float[Tensor, "J 4 4"],
    settings: CanonicalizeSettings,
) -> Scan:
    """Return the surface with its vertices carried into the bind pose.

    Every vertex is moved by the inverse of its *blended* matrix, (Σ_j w_j G_j)⁻¹, which undoes
    forward skinning exactly; the blend of inverses, Σ_j w_j G_j⁻¹, does not.

    Args:
        surface: In the camera frame of its photo.
        camera_from_bind: Bone matrices of the photo.
        settings: See there.
    """
    mesh = surface.mesh
    bind_vertices = unpose(mesh.vertices, mesh.weights, camera_from_bind)
    volume = determinants(mesh.weights, camera_from_bind)
    is_trusted = surface.is_observed & (volume > settings.min_determinant)
    stretched = is_stretched(mesh.vertices, bind_vertices, mesh.faces, settings)
    is_trusted[mesh.faces[stretched].flatten()] = False
    return Scan(
        posed=surface,
        camera_from_bind=camera_from_bind,
        bind_vertices=bind_vertices,
        confidence=_fade(mesh.vertices, is_trusted, settings.fade_m),
    )


def is_stretched(
    posed: Float[Tensor, "V 3"],
    bind: Float[Tensor, "V 3"],
    faces: Int[Tensor, "F 3"],
    settings: CanonicalizeSettings,
) -> Bool[Tensor, " F"]:
    """Tell which faces have an edge that grows by more than `max_stretch` in the bind pose."""

    def edge_lengths(vertices: Float[Tensor, "V 3"]) -> Float[Tensor, "F 3"]:
        corners = vertices[faces]
        return (corners - corners.roll(1, dims=1)).norm(dim=-1)

    before = edge_lengths(posed).clamp(min=settings.short_edge_m)
    return (edge_lengths(bind) > settings.max_stretch * before).any(1)


def _fade(
    vertices: Float[Tensor, "V 3"], is_trusted: Bool[Tensor, " V"], fade_m: float
) -> Float[Tensor, " V"]:
    """0 where not trusted, rising smoothly to 1 at `fade_m` from the nearest such vertex."""
    if bool(is_trusted.all()):
        return torch.ones_like(vertices[:, 0])
    nearest = nearest_vertices(vertices, vertices[~is_trusted], 1, fade_m)
    return smoothstep(nearest.distance[:, 0], 0.0, fade_m)
