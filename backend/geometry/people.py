"""Results of a person detector: which are one person, which is the main one, which are limbs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A result of the detector; pixels of the photo."""

    score: float
    hips: Float[np.ndarray, " 2"]
    head: Float[np.ndarray, " 2"]
    radius: float
    """From the hips to a circle around the whole body: about half the height."""


def each_once(found: Iterable[Person], same_radii: float) -> list[Person]:
    """The people, the best scores first, without those whose head lies on a better one's.

    Args:
        found: In any order.
        same_radii: Two heads nearer than this, in radii of the larger body, are one person.
    """
    people: list[Person] = []
    for one in sorted(found, key=lambda person: -person.score):
        if all(_distance_radii(one, other) > same_radii for other in people):
            people.append(one)
    return people


def largest(people: Sequence[Person], least_share: float) -> Person:
    """The largest of those whose score is at least `least_share` of the best one."""
    least = least_share * max(one.score for one in people)
    return max((one for one in people if one.score >= least), key=lambda one: one.radius)


def head_gap_px(one: Person, mask: Float[np.ndarray, "H W"]) -> float:
    """How far a person's head lies outside a mask; 0 inside, infinite for an empty one."""
    rows, columns = np.nonzero(mask > 0.5)
    gaps = np.hypot(columns + 0.5 - one.head[0], rows + 0.5 - one.head[1])
    gap = float(gaps.min(initial=np.inf))
    return gap if gap > 1.0 else 0.0


def _distance_radii(one: Person, other: Person) -> float:
    return float(np.linalg.norm(one.head - other.head)) / max(one.radius, other.radius, 1.0)
