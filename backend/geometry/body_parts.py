"""Which part of the body a vertex belongs to, told by its bone weights."""

from enum import IntEnum

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

PELVIS, LEFT_HIP, RIGHT_HIP, NECK, HEAD = 0, 1, 2, 12, 15
EYES = (23, 24)
FACE_JOINTS = (22, 23, 24)
"""Jaw and eyes."""


class Part(IntEnum):
    """Parts whose surface has one look, as far as one can say without seeing it."""

    FACE = 0
    SKULL = 1
    NECK = 2
    TORSO = 3
    LEFT_ARM = 4
    RIGHT_ARM = 5
    LEFT_HAND = 6
    RIGHT_HAND = 7
    LEFT_LEG = 8
    RIGHT_LEG = 9
    LEFT_FOOT = 10
    RIGHT_FOOT = 11


_LEFT = {16: Part.LEFT_ARM, 18: Part.LEFT_ARM, 20: Part.LEFT_HAND, 1: Part.LEFT_LEG}
_LEFT |= {4: Part.LEFT_LEG, 7: Part.LEFT_FOOT, 10: Part.LEFT_FOOT}
_RIGHT = {joint + 1: Part(part + 1) for joint, part in _LEFT.items()}
_FINGERS = {joint: Part.LEFT_HAND if joint < 40 else Part.RIGHT_HAND for joint in range(25, 55)}
_CENTRE = {NECK: Part.NECK, HEAD: Part.SKULL} | dict.fromkeys(FACE_JOINTS, Part.FACE)
PART_OF_JOINT = np.array(
    [(_LEFT | _RIGHT | _FINGERS | _CENTRE).get(joint, Part.TORSO) for joint in range(55)],
    dtype=np.int64,
)
"""Of SMPL-X's 55 joints. A collar belongs to the torso."""
FACE_COSINE = 0.2
"""Skin of the head is face if its normal is within 78° of where the face looks."""


def part_of_weights(weights: Float[np.ndarray, "N J"]) -> Int[np.ndarray, " N"]:
    """Return the part with the largest sum of weights; the head counts as skull."""
    sums = np.zeros((len(weights), len(Part)), dtype=weights.dtype)
    for part in Part:
        sums[:, part] = weights[:, np.equal(PART_OF_JOINT, part)].sum(1)
    return sums.argmax(1)


def part_of_vertices(
    vertices: Float[np.ndarray, "V 3"],
    normals: Float[np.ndarray, "V 3"],
    weights: Float[np.ndarray, "V J"],
) -> Int[np.ndarray, " V"]:
    """Return the part of each vertex of a posed body, with the face apart from the skull.

    The face looks from the middle of the head to the middle of jaw and eyes.
    """
    part = part_of_weights(weights)
    is_head = (part == Part.SKULL) | (part == Part.FACE)
    marks = weights[:, FACE_JOINTS].sum(1)
    if not is_head.any() or marks.sum() < 1e-6:
        return part
    centre = vertices[is_head].mean(0)
    forward = (marks[:, None] * vertices).sum(0) / marks.sum() - centre
    forward /= np.linalg.norm(forward) + 1e-9
    looks = (normals @ forward > FACE_COSINE) & ((vertices - centre) @ forward > 0)
    return np.where(is_head, np.where(looks, int(Part.FACE), int(Part.SKULL)), part)


def used_vertices(faces: Int[Tensor, "F 3"], count: int) -> Bool[Tensor, " V"]:
    """Tell which of `count` vertices a face uses."""
    used = torch.zeros(count, dtype=torch.bool, device=faces.device)
    used[faces.long().flatten()] = True
    return used
