"""What belongs to the head: hair, hats and glasses beside it, and the colours of its far side."""

import numpy as np
from jaxtyping import Bool, Float, Int

from backend.geometry.body_parts import Part
from backend.geometry.person_mask import back_project
from backend.geometry.pixel_graph import pixel_graph
from backend.geometry.scene import BodySamples, Scene
from backend.geometry.skin_transfer import belongs_to_head

HEAD_PARTS = (Part.FACE, Part.SKULL)


def neck_and_up(
    samples: BodySamples,
) -> tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]]:
    """Return the middle of the neck and the unit direction from there to the head, camera frame.

    Both are 0 for a body without head or neck.
    """
    is_head, is_neck = np.isin(samples.part, HEAD_PARTS), samples.part == Part.NECK
    if not (is_head.any() and is_neck.any()):
        return np.zeros(3), np.zeros(3)
    neck = samples.points[is_neck].mean(0)
    up = samples.points[is_head].mean(0) - neck
    return neck, up / np.maximum(np.linalg.norm(up), 1e-9)


def is_head_wear(
    scene: Scene,
    points: Float[np.ndarray, "H W 3"],
    *,
    reach_m: float,
    arm_handicap_m: float,
    hand_handicap_m: float,
) -> Bool[np.ndarray, " N"]:
    """Tell which of the person's pixels are hair, hat or glasses beside the head.

    They are reached from the head along the mask without crossing the body, lie above the neck,
    and are nearer to the head than to other parts.

    Args:
        scene: The person.
        points: The middle of the surface at each pixel, camera frame, metres.
        reach_m: Hair and hats are at most this far from the head.
        arm_handicap_m: Cloth on an arm is thin: pixels must be this much nearer to an arm.
        hand_handicap_m: The same of hands.
    """
    around, part = scene.around, scene.layers.part[0]
    beside = scene.mask & ~scene.layers.covered
    nearest = part[tuple(around.nearest)]
    touches = beside & (around.to_body < 1.5 * around.pixel_m)
    is_head = np.isin(nearest, HEAD_PARTS)
    handicap = np.zeros(len(Part))
    handicap[[Part.LEFT_ARM, Part.RIGHT_ARM]] = arm_handicap_m / around.pixel_m
    handicap[[Part.LEFT_HAND, Part.RIGHT_HAND]] = hand_handicap_m / around.pixel_m
    from_head = np.where(touches & is_head, 0, np.inf)[beside]
    from_others = np.where(touches & ~is_head, handicap[nearest], np.inf)[beside]
    found = np.zeros(part.shape, dtype=bool)
    found[beside] = belongs_to_head(
        pixel_graph(beside), from_head, from_others, reach_m / around.pixel_m
    )
    neck, up = neck_and_up(scene.samples)
    return (found & ((points - neck) @ up > 0))[scene.mask]


def shows_hair(
    scene: Scene, part: Int[np.ndarray, " N"], *, forehead_m: float, hair_m: float
) -> Bool[np.ndarray, " N"]:
    """Tell where the head's outline has the colour of its back: above the forehead, on hair.

    The outline of the cheeks is skin, the back of the head is not.

    Args:
        scene: The person.
        part: Of each pixel of the person.
        forehead_m: Height above the eyes from which the outline is not skin.
        hair_m: What lies this far outside the body is hair or hat, unless it is
            `forehead_m` below the eyes, where collars begin.
    """
    mask = scene.mask
    neck, up = neck_and_up(scene.samples)
    depth = scene.layers.depth.mean(0)[tuple(scene.around.nearest)]
    height = (back_project(depth, scene.intrinsics)[mask] - neck) @ up
    eyes = (scene.samples.eyes - neck) @ up
    beside = (scene.around.to_body[mask] > hair_m) & (height > eyes - forehead_m)
    hair = (height > eyes + forehead_m) | beside
    return (part == Part.SKULL) & hair
