"""One look of MediaPipe Holistic at a person; turning, placing and merging looks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from backend.geometry.boxes import Box, put_back
from backend.geometry.pose_points import MIRRORED, WRISTS, body_size_px


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A result of Holistic, in pixels of the photo or in shares of the crop's sides."""

    points: Float[np.ndarray, "33 3"]
    """x, y, visibility."""
    world: Float[np.ndarray, "33 3"]
    mask: Float[np.ndarray, "H W"]
    hands: tuple[Float[np.ndarray, "21 3"] | None, ...]
    """The person's left and right one."""
    face: Float[np.ndarray, "478 2"] | None


def mirrored(one: Look) -> Look:
    """The same look, not mirrored; the face is left out (its points have no mirror table)."""
    turn, shift = np.array([-1, 1, 1]), np.array([1, 0, 0])
    left, right = (None if hand is None else hand * turn + shift for hand in one.hands)
    return Look(
        points=one.points[MIRRORED] * turn + shift,
        world=one.world[MIRRORED] * turn,
        mask=one.mask[:, ::-1],
        hands=(right, left),
        face=None,
    )


def placed(one: Look, box: Box, size: tuple[int, int]) -> Look:
    """A look in shares of a box, in pixels of the photo."""
    left, top, width, height = box
    move = np.array([left, top, 0])
    return Look(
        points=one.points * [width, height, 1] + move,
        world=one.world,
        mask=put_back(one.mask, box, size),
        hands=tuple(
            None if hand is None else hand * [width, height, width] + move for hand in one.hands
        ),
        face=None if one.face is None else one.face * [width, height] + move[:2],
    )


def agreeing(passes: Sequence[Look], agreement: float) -> list[Look]:
    """The passes near the one in their middle; sides taken for each other fall out here."""
    points = np.stack([one.points[:, :2] for one in passes])
    distance = np.linalg.norm(points[:, None] - points[None], axis=-1).mean(axis=-1)
    middle = int(np.median(distance, axis=1).argmin())
    limit = agreement * body_size_px(points[middle])
    return [one for one, gap in zip(passes, distance[middle], strict=True) if gap <= limit]


def merged(passes: Sequence[Look], hand_gate: float) -> Look:
    """The median of the passes; hands away from their wrists are left out."""
    points = np.median([one.points for one in passes], axis=0)
    gate_px = hand_gate * body_size_px(points[:, :2])
    faces = [one.face for one in passes if one.face is not None]
    return Look(
        points=points,
        world=np.median([one.world for one in passes], axis=0),
        mask=passes[0].mask,
        hands=tuple(
            _hand([one.hands[side] for one in passes], points[wrist, :2], gate_px)
            for side, wrist in enumerate(WRISTS)
        ),
        face=np.median(faces, axis=0) if faces else None,
    )


def _hand(
    hands: Sequence[Float[np.ndarray, "21 3"] | None], wrist: Float[np.ndarray, " 2"], gate: float
) -> Float[np.ndarray, "21 3"] | None:
    """The median of one side's hands if at least half the passes saw it at that wrist."""
    seen = [
        hand for hand in hands if hand is not None and np.linalg.norm(hand[0, :2] - wrist) <= gate
    ]
    return np.median(seen, axis=0) if seen and 2 * len(seen) >= len(hands) else None
