"""Layers of clothing kept in their order: what lies under a garment is hidden or pushed below it.

Skin that shows, and every layer of cloth, is compared with the layers above it in the bind pose.
Well inside a garment it is left out; near the garment's edge it is pushed below and takes over the
garment's bone weights, so that it stays below in every pose. The outermost surface is not touched.
Brows are the other way round: they are lifted off the skin.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.geometry.nearest import interpolate_at, nearest_vertices
from backend.geometry.normals import vertex_normals
from backend.geometry.signed_distance import ClosestPoints, SurfaceQuery
from backend.synthesis.parts import Part
from backend.synthesis.shelter import is_sheltered
from backend.synthesis.textures import OPAQUE, is_cut, read_texture

COVERING = ("top", "bottom", "dress", "shoes", "hat")
"""Parts that hide what is below them; hair and brows are cards that do not."""
COVERED = (*COVERING, "skin", "hair")


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSettings:
    """What counts as covered, metres."""

    hidden_reach_m: float = 0.10
    """Below a garment by no more than this and away from its edge: left out."""
    kept_edge_m: float = 0.03
    """What stays of the lower layer within a garment's edge, so that no gap shows there."""
    outside_m: float = 0.015
    """The lower layer may pierce a garment by this much and is still its lower layer."""
    close_m: float = 0.02
    """Nearer than this below a garment, it moves with the garment."""
    clearance_m: float = 0.003
    """Least distance below a garment."""
    facing: float = 0.2
    """Least cosine between the normals of both layers."""
    upright: float = 0.7
    """Least cosine between the garment's normal and the way to it: beyond an edge it is small."""
    touching_m: float = 0.002
    """Nearer than this, the way to a garment has no direction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftSettings:
    """How brows stand off the skin, metres."""

    clearance_m: float = 0.0005
    """Least height above the skin; brows are made of 5 mm long faces, which sag 0.1 mm."""
    deepest_m: float = 0.005
    """What lies deeper below the skin is meant to; the files' own brows reach 1.7 mm."""
    rounds: int = 3
    """In folds the way out of one face may end in another."""


AT_EDGE = 1e-3
"""Share of the third corner below which a point lies on an edge."""
DEFAULT = LayerSettings()
CLOTH_OVER_CLOTH = LayerSettings(facing=-1.0)
"""Buttons, seams and inner sheets face anywhere."""
HAT_OVER_HAIR = LayerSettings(outside_m=0.05, kept_edge_m=0.008, facing=-1.0)
"""Hair stands off the head and its cards face anywhere."""
LIFT = LiftSettings()
OF_INNER = {"skin": DEFAULT, "hair": HAT_OVER_HAIR}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """Where V vertices lie below a garment."""

    is_covered: Bool[Tensor, " V"]
    gap_m: Float[Tensor, " V"]
    """How far below it; negative where they pierce it."""
    edge_m: Float[Tensor, " V"]
    """Distance of the covering point from the garment's edge."""
    normals: Float[Tensor, "V 3"]
    """Outward, of the garment."""
    weights: Float[Tensor, "V J"]
    """Of the garment at the covering point."""


def layered(parts: Sequence[Part], layers: Sequence[int]) -> tuple[Part, ...]:
    """Return parts of which nothing pierces a part of a higher layer; same order.

    Args:
        parts: In one bind pose.
        layers: Of each part; equal ones leave each other alone.
    """
    done: dict[int, Part] = {}
    shown: dict[int, Part] = {}
    for i in sorted(range(len(parts)), key=lambda i: -layers[i]):
        above = [done[j] for j in done if layers[j] > layers[i] and parts[j].part in COVERING]
        done[i], shown[i] = _below(parts[i], above) if parts[i].part in COVERED else (parts[i],) * 2
    return tuple(shown[i] for i in range(len(parts)))


def _below(part: Part, above: Sequence[Part]) -> tuple[Part, Part]:
    """Return a part pushed below others; and the same without what they hide."""
    if not above:
        return part, part
    hidden = torch.zeros(len(part.vertices), dtype=torch.bool, device=part.vertices.device)
    for outer in above:
        settings = OF_INNER.get(part.part, CLOTH_OVER_CLOTH)
        cover = cover_of(part, outer, settings)
        is_inside = cover.edge_m > settings.kept_edge_m
        below = cover.is_covered & is_inside & (cover.gap_m < settings.hidden_reach_m)
        part = pushed_below(part, cover, settings)
        hidden |= _unseen(part, outer, below) if part.part == "skin" else below
    return part, without(part, hidden)


def _unseen(part: Part, outer: Part, below: Bool[Tensor, " V"]) -> Bool[Tensor, " V"]:
    """Return the vertices below a garment less those that one sees through its openings.

    A lapel has no rim where the cloth is folded: the skin between two of them is not below either.
    """
    normals = vertex_normals(part.vertices, part.faces)[below]
    faces = outer.faces[_is_opaque(outer)]
    unseen = below.clone()
    unseen[below] = is_sheltered(part.vertices[below], normals, outer.vertices, faces)
    return unseen


def cover_of(inner: Part, outer: Part, settings: LayerSettings = DEFAULT) -> Cover:
    """Return where a part lies below a garment; beyond the garment's edges nothing does."""
    faces = outer.faces[_is_opaque(outer)]
    query = SurfaceQuery(outer.vertices, faces)
    closest = query.closest_points(inner.vertices, settings.hidden_reach_m)
    points = interpolate_at(closest, faces, outer.vertices)
    normals = _face_normals(closest, faces, outer.vertices)
    facing = (normals * vertex_normals(inner.vertices, inner.faces)).sum(1)
    gap_m = ((points - inner.vertices) * normals).sum(1)
    rim = rim_edges(outer.vertices, faces)
    at_rim = (closest.barycentric.roll(1, 1) < AT_EDGE) & rim[closest.face.clamp_min(0)]
    is_edge = _touched(faces, rim, len(outer.vertices))
    at_end = interpolate_at(closest, faces, is_edge.to(points)[:, None])[:, 0]
    at_end = (at_end > 1 - AT_EDGE) & (closest.barycentric.amax(1) > 1 - AT_EDGE)
    at_edge = at_rim.any(dim=1) | at_end
    edge_m = nearest_vertices(points, outer.vertices[is_edge], 1, 10.0).distance[:, 0]
    is_above = gap_m.abs() > settings.upright * closest.distance - settings.touching_m
    is_covered = closest.found & ~at_edge & is_above & (facing > settings.facing)
    return Cover(
        is_covered=is_covered & (gap_m > -settings.outside_m),
        gap_m=gap_m,
        edge_m=edge_m,
        normals=normals,
        weights=interpolate_at(closest, faces, outer.weights),
    )


def pushed_below(part: Part, cover: Cover, settings: LayerSettings = DEFAULT) -> Part:
    """Return a part that lies below the garment and moves with it where it is close to it."""
    is_close = (cover.is_covered & (cover.gap_m < settings.close_m))[:, None]
    depth_m = (settings.clearance_m - cover.gap_m).clamp_min(0.0)[:, None]
    return replace(
        part,
        vertices=torch.where(is_close, part.vertices - depth_m * cover.normals, part.vertices),
        weights=torch.where(is_close, cover.weights, part.weights),
    )


def lifted(card: Part, skin: Part, settings: LiftSettings = LIFT) -> Part:
    """Return brows that lie above the skin and, where they lie on it, move with it.

    Args:
        card: Hair on the face; what stands off it stays.
        skin: In the same bind pose.
        settings: How far above.
    """
    query = SurfaceQuery(skin.vertices, skin.faces)
    for _ in range(settings.rounds):
        closest = query.closest_points(card.vertices, settings.deepest_m)
        points = interpolate_at(closest, skin.faces, skin.vertices)
        normals = _face_normals(closest, skin.faces, skin.vertices)
        height_m = ((card.vertices - points) * normals).sum(1)
        is_low = (closest.found & (height_m < settings.clearance_m))[:, None]
        rise = (settings.clearance_m - height_m)[:, None] * normals
        weights = interpolate_at(closest, skin.faces, skin.weights)
        card = replace(
            card,
            vertices=torch.where(is_low, card.vertices + rise, card.vertices),
            weights=torch.where(is_low, weights, card.weights),
        )
    return card


def without(part: Part, hidden: Bool[Tensor, " V"]) -> Part:
    """Return a part without the faces all of whose corners are hidden, and without loose ends."""
    kept = ~hidden[part.faces].all(dim=1)
    ids, faces = part.faces[kept].unique(return_inverse=True)
    return replace(
        part,
        vertices=part.vertices[ids],
        faces=faces,
        weights=part.weights[ids],
        corner_uv=part.corner_uv[kept],
    )


def _face_normals(
    closest: ClosestPoints, faces: Int[Tensor, "F 3"], vertices: Float[Tensor, "V 3"]
) -> Float[Tensor, "N 3"]:
    """Return unit normals of the faces on which the closest points lie."""
    corners = vertices[faces[closest.face.clamp_min(0)]]
    across = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return torch.nn.functional.normalize(across, dim=1)


def rim_edges(vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"]) -> Bool[Tensor, "F 3"]:
    """Tell which edges k to k + 1 belong to one face only; seams of doubled vertices do not."""
    _, welded = (vertices * 1e5).round().unique(dim=0, return_inverse=True)
    corners = welded[faces]
    edges = torch.stack([corners, corners.roll(-1, 1)], dim=2).flatten(0, 1)  # (3F, 2)
    _, edge, count = edges.sort(dim=1).values.unique(dim=0, return_inverse=True, return_counts=True)
    return (count[edge] == 1).view(-1, 3)


def _touched(
    faces: Int[Tensor, "F 3"], rim: Bool[Tensor, "F 3"], vertex_count: int
) -> Bool[Tensor, " V"]:
    """Tell which vertices are ends of such edges."""
    is_edge = torch.zeros(vertex_count, dtype=torch.bool, device=faces.device)
    is_edge[faces[rim]] = True
    is_edge[faces.roll(-1, 1)[rim]] = True
    return is_edge


def _is_opaque(part: Part) -> Bool[Tensor, " F"]:
    """Tell which faces are cloth throughout: nothing under lace may be left out."""
    texture = read_texture(part.texture)
    if not is_cut(texture, part.corner_uv):
        return torch.ones(len(part.faces), dtype=torch.bool, device=part.faces.device)
    points = torch.cat([part.corner_uv, part.corner_uv.mean(1, keepdim=True)], dim=1)  # (F, 4, 2)
    size = points.new_tensor([texture.width, texture.height])
    up = torch.stack([points[..., 0], 1 - points[..., 1]], -1)
    column, row = ((up * size).floor().long() % size.long()).unbind(-1)
    alpha = texture.texels.to(row.device)[row * texture.width + column, 3]
    return (alpha >= OPAQUE * 255).all(dim=1)
