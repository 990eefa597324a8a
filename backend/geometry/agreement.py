"""Scans of one person are moved onto each other in the bind pose before they are averaged.

Each is carried there by its own weights and pose, and where these are wrong by a centimetre, the
mean of several signed distances has no zero at all on cloth thinner than that. CanonicalFusion
fuses what disagrees; we let all scans move smoothly to the mean of their surfaces first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from backend.geometry.nearest import interpolate_at, nearest_vertices
from backend.geometry.normals import vertex_normals
from backend.geometry.observer import Observer
from backend.geometry.signed_distance import SurfaceQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementRules:
    """How scans are moved onto each other."""

    rounds: int = 2
    """0: they stay where they are."""
    reach_m: float = 0.04
    """Surfaces farther apart are not the same."""
    min_cosine: float = 0.5
    """Between normals of the same surface."""
    radius_m: float = 0.03
    """What lies closer together moves together: detail stays."""
    least_support: float = 0.25
    """Share of the samples around a vertex that must know where to go; fewer move it less."""
    samples: int = 20_000
    """Of each scan; their movement is carried over to all vertices."""
    neighbours: int = 16
    """Samples around each vertex."""


def agreed(observers: Sequence[Observer], rules: AgreementRules) -> list[Observer]:
    """Return the observers of all scans, each moved to the mean of their surfaces.

    Args:
        observers: Any number; one alone stays.
        rules: See there.
    """
    moved = list(observers)
    for _ in range(rules.rounds if len(moved) > 1 else 0):
        moved = _brought_closer(moved, rules)
    return moved


@dataclass(frozen=True, slots=True, kw_only=True)
class _Samples:
    """Some vertices of a scan in the bind pose, and sums over the surfaces of all scans there."""

    vertices: Float[Tensor, "S 3"]
    normals: Float[Tensor, "S 3"]
    pull: Float[Tensor, " S"]
    """Σ_q t_q: the weight of all scans here; the own one from the start."""
    ahead: Float[Tensor, " S"]
    """Σ_q t_q n · (c_q − x), c_q the closest point of scan q; borders pull along the surface."""
    own: Float[Tensor, " S"]


def _brought_closer(observers: Sequence[Observer], rules: AgreementRules) -> list[Observer]:
    samples = [_samples(observer, rules.samples) for observer in observers]
    for number, other in enumerate(observers):
        surface = SurfaceQuery(other.bind, other.faces)
        normals = vertex_normals(other.bind, other.faces)
        values = torch.cat([other.bind, normals, other.weight[:, None]], 1)
        for mine in (one for k, one in enumerate(samples) if k != number):
            closest = surface.closest_points(mine.vertices, rules.reach_m)
            place, normal, weight = interpolate_at(closest, other.faces, values).split((3, 3, 1), 1)
            cosine = torch.cosine_similarity(normal, mine.normals)
            pull = weight[:, 0] * (closest.found & (cosine > rules.min_cosine))
            mine.pull.add_(pull)
            ahead = ((place - mine.vertices) * mine.normals).sum(1)
            mine.ahead.add_(pull * ahead)
    return [
        observer.moved(_shift(observer.bind, mine, rules))
        for observer, mine in zip(observers, samples, strict=True)
    ]


def _samples(observer: Observer, count: int) -> _Samples:
    trusted = torch.nonzero(observer.is_trusted)[:, 0]
    index = trusted[:: -(-len(trusted) // count) or 1]
    vertices = observer.bind[index]
    own = observer.weight[index]
    return _Samples(
        vertices=vertices,
        normals=vertex_normals(observer.bind, observer.faces)[index],
        pull=own.clone(),
        ahead=torch.zeros_like(own),
        own=own,
    )


def _shift(
    vertices: Float[Tensor, "V 3"], samples: _Samples, rules: AgreementRules
) -> Float[Tensor, "V 3"]:
    """Return how far each vertex moves: the mean of the samples around it that know."""
    if len(samples.vertices) == 0:
        return torch.zeros_like(vertices)
    knows = (samples.pull > samples.own).float()[:, None]
    offset = (samples.ahead / samples.pull.clamp(min=1e-9))[:, None] * samples.normals
    near = nearest_vertices(vertices, samples.vertices, rules.neighbours, 4 * rules.radius_m)
    share = torch.exp(-((near.distance / rules.radius_m) ** 2)) * near.found
    share = share / share.sum(1, keepdim=True).clamp(min=1e-9)
    total = torch.einsum("vk,vkc->vc", share, torch.cat([offset * knows, knows], 1)[near.index])
    return total[:, :3] / total[:, 3:].clamp(min=rules.least_support)
