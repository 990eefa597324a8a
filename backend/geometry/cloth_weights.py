"""Bone weights for the surface of a dressed person, from the body beneath and a rigged skirt.

Close to the skin, cloth moves with the skin beneath it. Loose cloth does not: between the legs it
hangs from both. There the weights are a mean of the body's and of a rigged skirt's, the nearer the
more (Shepard 1968), so that nothing jumps from one leg to the other.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.geometry.blending import smoothstep
from backend.geometry.body_parts import EYES, HEAD, part_of_vertices, used_vertices
from backend.geometry.normals import vertex_normals
from backend.geometry.scene import BodySamples
from backend.geometry.skin_transfer import nearest_weights
from backend.types import SkinnedMesh

ARMS = (16, 17, 18, 19, 20, 21, *range(25, 55))
LEFT_LEG, RIGHT_LEG = (1, 4, 7, 10), (2, 5, 8, 11)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClothWeightRules:
    """How cloth takes weights."""

    neighbours: int = 8
    """Points of the skin that are blended where cloth lies close to it."""
    normal_scale_m: float = 0.02
    """Distance that counts as much as 60° between normals: the palm on a hip is far from the hip.
    """
    loose_m: tuple[float, float] = (0.015, 0.04)
    """From the skin: cloth nearer than the first is tight, beyond the second loose."""
    power: float = 12.0
    """Of the inverse distance in the mean that loose cloth takes."""
    skirt_share: float = 0.3
    """Of a square metre of the skirt, against one of skin."""
    cell_m: float = 0.02
    """What loose cloth takes its mean of is gathered in cells of this size."""
    worn_m: tuple[float, float] = (0.03, 0.06)
    """The skirt counts at heights where something is worn this close to the ways that lead outwards
    from its middle, before or behind: trousers are open there."""
    flare_m: float = 0.3
    """Length of these ways: so far a worn skirt may stand out from the rigged one."""
    row_m: float = 0.04
    """Height of the skirt's rows."""
    chunk: int = 4_000
    """Points at once; bounds the memory of their distances (70 MB)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dummy:
    """A body in some pose, on which cloth hangs."""

    body: SkinnedMesh
    """In that pose."""
    skirt_faces: Int[Tensor, "G 3"]
    """Of a rigged skirt on the body's vertices; may be empty."""
    bind_height: Float[Tensor, " V"]
    """Of the body's vertices in the bind pose, metres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sources:
    """What loose cloth takes the mean of."""

    points: Float[Tensor, "S 3"]
    areas: Float[Tensor, " S"]
    weights: Float[Tensor, "S J"]


def cloth_weights(
    points: Float[Tensor, "N 3"],
    normals: Float[Tensor, "N 3"],
    dummy: Dummy,
    rules: ClothWeightRules,
) -> Float[Tensor, "N J"]:
    """Return bone weights for points of a dressed person's surface; rows sum to 1.

    Args:
        points: All of the surface (what is worn is told from them), metres, in the dummy's frame.
        normals: Unit, outwards.
        dummy: In the same pose.
        rules: See there.
    """
    close, distance = nearest_weights(
        body_samples(dummy.body),
        points.double().cpu().numpy(),
        normals.double().cpu().numpy(),
        count=rules.neighbours,
        normal_scale_m=rules.normal_scale_m,
    )
    tight = torch.from_numpy(close).to(points)
    share = smoothstep(torch.from_numpy(distance).to(points), *rules.loose_m)
    # A wide sleeve is no skirt: beside the trunk it would hang from both.
    share = (share * (1 - smoothstep(tight[:, list(ARMS)].sum(1), 0.3, 0.7)))[:, None]
    loose = _mean_of_sources(points, _sources(points, dummy, rules), rules)
    return (1 - share) * tight + share * loose


def body_samples(body: SkinnedMesh) -> BodySamples:
    """Return the vertices of a posed body's skin; lids and the skin around them follow the head."""
    normals = vertex_normals(body.vertices, body.faces).double().cpu().numpy()
    points, weights = (x.double().cpu().numpy() for x in (body.vertices, body.weights))
    part = part_of_vertices(points, normals, weights)
    weights[:, HEAD] += weights[:, EYES].sum(1)
    weights[:, EYES] = 0
    used = used_vertices(body.faces, len(points)).cpu().numpy()
    return BodySamples(
        points=points[used],
        normals=normals[used],
        weights=weights[used],
        part=part[used],
        eyes=points.mean(0),
    )


def _mean_of_sources(
    points: Float[Tensor, "N 3"], sources: _Sources, rules: ClothWeightRules
) -> Float[Tensor, "N J"]:
    """w(x) = Σ_s A_s w_s |x − x_s|^−p / Σ_s A_s |x − x_s|^−p    (Shepard 1968)."""
    means = []
    for some in points.split(rules.chunk):
        squared = torch.cdist(some, sources.points).square() + 1e-8
        nearness = (squared / squared.amin(1, keepdim=True)).pow(-rules.power / 2) * sources.areas
        means.append(nearness @ sources.weights / nearness.sum(1, keepdim=True))
    return torch.cat(means)


def _sources(points: Float[Tensor, "N 3"], dummy: Dummy, rules: ClothWeightRules) -> _Sources:
    """Gather the skin of all but the arms, and the skirt as far as one is worn."""
    body = dummy.body
    skin = vertex_areas(body.vertices, body.faces)
    skin = torch.where(body.weights[:, list(ARMS)].sum(1) > 0.5, 0.0, skin)
    parts = [_gathered(body, skin, rules.cell_m)]
    if len(dummy.skirt_faces):
        skirt = vertex_areas(body.vertices, dummy.skirt_faces) * worn_share(points, dummy, rules)
        parts.append(_gathered(body, rules.skirt_share * skirt, rules.cell_m))
    return _Sources(
        points=torch.cat([part.points for part in parts]),
        areas=torch.cat([part.areas for part in parts]),
        weights=torch.cat([part.weights for part in parts]),
    )


def _gathered(body: SkinnedMesh, areas: Float[Tensor, " V"], cell_m: float) -> _Sources:
    """One source per cell of space: the means of the vertices in it, weighted by area."""
    used = areas > 0
    area, points, weights = areas[used], body.vertices[used], body.weights[used]
    _, cell = (points / cell_m).floor().long().unique(dim=0, return_inverse=True)
    count = int(cell.max()) + 1 if len(cell) else 0

    def summed(values: Float[Tensor, "U C"]) -> Float[Tensor, "S C"]:
        return values.new_zeros(count, values.shape[1]).index_add_(0, cell, values * area[:, None])

    total = summed(torch.ones_like(points[:, :1]))
    return _Sources(
        points=summed(points) / total, areas=total[:, 0], weights=summed(weights) / total
    )


def worn_share(
    points: Float[Tensor, "N 3"], dummy: Dummy, rules: ClothWeightRules
) -> Float[Tensor, " V"]:
    """Return how far a skirt is worn at the height of each of the dummy's vertices, 0 to 1.

    A skirt hangs from the waist: what is open at one height is not worn below it.
    """
    used = used_vertices(dummy.skirt_faces, len(dummy.bind_height))
    height, weights = dummy.bind_height, dummy.body.weights
    row = ((height[used].amax() - height) / rules.row_m).floor().long().clamp(min=0)
    middle = used & _is_between_legs(weights)
    outwards = vertex_normals(dummy.body.vertices, dummy.skirt_faces)[middle]
    near = torch.zeros_like(height)
    distance = _distance_to_rays(points, dummy.body.vertices[middle], outwards, rules)
    near[middle] = 1 - smoothstep(distance, *rules.worn_m)
    rows = int(row[used].amax()) + 1
    is_front = _is_front(dummy, used)
    sides = [_row_means(near, row, middle & side, rows) for side in (is_front, ~is_front)]
    worn = torch.fmax(*sides)
    # A row without a point between the legs is like the next one above that has some; at the waist
    # a skirt is always worn.
    said = torch.where(worn.isnan(), 0, torch.arange(rows, device=worn.device)).cummax(0).values
    worn = worn.nan_to_num(1.0)[said]
    worn = torch.nn.functional.max_pool1d(worn[None], 3, stride=1, padding=1)[0]  # pleats, slits
    return worn.cummin(0).values[row.clamp(max=rows - 1)]


def _distance_to_rays(
    points: Float[Tensor, "N 3"],
    starts: Float[Tensor, "R 3"],
    directions: Float[Tensor, "R 3"],
    rules: ClothWeightRules,
) -> Float[Tensor, " R"]:
    """Return how close any of the points lies to each ray, which ends after `flare_m`."""
    closest = []
    for some in points.split(rules.chunk):
        along = directions @ some.T - (directions * starts).sum(1, keepdim=True)  # (R, N)
        foot = along.clamp(min=0, max=rules.flare_m)
        squared = torch.cdist(starts, some).square() - foot * (2 * along - foot)
        closest.append(squared.amin(1))
    return torch.stack(closest).amin(0).clamp(min=0).sqrt()


def _is_between_legs(weights: Float[Tensor, "V J"]) -> Bool[Tensor, " V"]:
    left, right = (weights[:, list(leg)].sum(1) for leg in (LEFT_LEG, RIGHT_LEG))
    both = left + right
    return (both > 0.3) & ((left - right).abs() < 0.5 * both)


def _is_front(dummy: Dummy, used: Bool[Tensor, " V"]) -> Bool[Tensor, " V"]:
    """Tell which vertices of the skirt look forwards: away from its back, by their normals."""
    normals = vertex_normals(dummy.body.vertices, dummy.skirt_faces)
    middle = used & _is_between_legs(dummy.body.weights)
    mean = normals[middle]
    axis = torch.linalg.svd(mean - mean.mean(0), full_matrices=False).Vh[0]
    return normals @ axis > 0


def _row_means(
    values: Float[Tensor, " V"], row: Int[Tensor, " V"], chosen: Bool[Tensor, " V"], rows: int
) -> Float[Tensor, " R"]:
    """Return the mean of the chosen values in each row; not a number where there is none."""
    total = values.new_zeros(rows).index_add_(0, row[chosen], values[chosen])
    return total / row[chosen].bincount(minlength=rows)


def vertex_areas(vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"]) -> Float[Tensor, " V"]:
    """Return a third of the area of each vertex's faces, square metres."""
    corners = vertices[faces.long()]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    third = torch.linalg.cross(first, second).norm(dim=1) / 6
    areas = torch.zeros_like(vertices[:, 0])
    return areas.index_add_(0, faces.long().flatten(), third.repeat_interleave(3))
