"""What MediaPipe's landmarks ask of a body: where its keypoints are seen, where its bones point.

P photos, K keypoints of the body, D bones, 2 hands (left, right) of 16 joints.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.geometry.placement import translation_before_camera, untilted
from backend.geometry.robust import geman_mcclure
from backend.types import Camera, Landmarks

LANDMARK_OF_KEYPOINT = {
    "nose": 0, "left_eye": 2, "right_eye": 5, "left_ear": 7, "right_ear": 8,
    "left_shoulder": 11, "right_shoulder": 12, "left_elbow": 13, "right_elbow": 14,
    "left_wrist": 15, "right_wrist": 16, "left_hip": 23, "right_hip": 24,
    "left_knee": 25, "right_knee": 26, "left_ankle": 27, "right_ankle": 28,
    "left_heel": 29, "right_heel": 30, "left_big_toe": 31, "right_big_toe": 32,
}  # fmt: skip
"""The landmark of MediaPipe's 33 that marks a keypoint of the body; it has no small toe."""

USED_KEYPOINTS = tuple(LANDMARK_OF_KEYPOINT)
LANDMARKS = tuple(LANDMARK_OF_KEYPOINT.values())
LIMBS = tuple(
    f"{side}_{part}"
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
)
"""The 12 joints that pose errors are measured on."""

_SIDES = ("left", "right")
TRUNK_BONES = (
    ("right_shoulder", "left_shoulder"), ("right_hip", "left_hip"),
    ("left_hip", "left_shoulder"), ("right_hip", "right_shoulder"),
)  # fmt: skip
ARM_BONES, LEG_BONES = (
    tuple((f"{side}_{start}", f"{side}_{end}") for start, end in pairwise(limb) for side in _SIDES)
    for limb in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))
)
FOOT_BONES = tuple((f"{side}_heel", f"{side}_big_toe") for side in _SIDES)
HEAD_BONES = tuple((f"{side}_ear", "nose") for side in _SIDES)
BONES = TRUNK_BONES + ARM_BONES + LEG_BONES + FOOT_BONES + HEAD_BONES
"""Pairs of keypoints whose direction in space is a target."""

_FINGERS = (("thumb", 1), ("index", 5), ("middle", 9), ("ring", 13), ("pinky", 17))
HAND_JOINTS = ("wrist", *(f"{name}{k}" for name, _ in _FINGERS for k in (1, 2, 3)))
"""Joints of one hand, without their side."""
HAND_LANDMARKS = (0, *(first + k for _, first in _FINGERS for k in range(3)))
"""The landmark of MediaPipe's 21 at each of `HAND_JOINTS`; fingertips have no joint."""
HAND_PARENTS = tuple(0 if k % 3 == 0 else k for k in range(15))
"""Row in `HAND_JOINTS` of the start of each of a hand's 15 bones; bone k ends at row k + 1."""

NEAREST_M = 0.3
"""Least distance of a person."""

STANDING_HEIGHT_M = 1.65
"""Of MediaPipe's world landmarks' average person; sets the unit of image errors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LandmarkTargets:
    """Targets of one batch of photos; rows of keypoints as `USED_KEYPOINTS`, bones as `BONES`."""

    points_px: Float[Tensor, "P K 2"]
    weights: Float[Tensor, "P K"]
    """Visibility²: hidden wrists are guessed 20 to 30 cm off. 0 outside the photo."""
    world_m: Float[Tensor, "P K 3"]
    """Camera axes; turned upright in photos where the person stands."""
    directions: Float[Tensor, "P D 3"]
    """Unit vectors, camera axes."""
    direction_weights: Float[Tensor, "P D"]
    hands_px: Float[Tensor, "P 2 16 2"]
    hand_directions: Float[Tensor, "P 2 15 3"]
    is_hand_seen: Bool[Tensor, "P 2"]
    is_standing: Bool[Tensor, " P"]
    is_leg_straight: Bool[Tensor, "P 2"]
    """Of the left and the right leg, where standing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingGate:
    """When a person counts as standing."""

    roll_rad: float = 0.35
    """Largest angle between the image's vertical and the line from the ankles to the shoulders."""
    knee_rad: float = 1.05
    """Largest flexion of a visible knee."""
    straight_knee_rad: float = 0.65
    """A knee of a standing person that the landmarks show below this is straight."""
    seen_weight: float = 0.25
    """Keypoints below (visibility 0.5) say nothing about the stance."""
    occluded_floor: float = 0.1
    """Least weight of a bone whose ends lie in the photo: the guess behind the trunk of a person
    seen from the side is better than none; also of the trunk's bones when they are cut off."""


def landmark_targets(
    landmarks: Sequence[Landmarks], cameras: Sequence[Camera], gate: StandingGate
) -> LandmarkTargets:
    """Return the targets that the landmarks of photos set for a body."""
    rows = list(LANDMARKS)
    points = torch.stack([entry.points_px[rows] for entry in landmarks])
    world = torch.stack([entry.world_m[rows] for entry in landmarks])
    sizes = points.new_tensor([[camera.width, camera.height] for camera in cameras])
    in_photo = ((points >= 0) & (points <= sizes[:, None])).all(-1)
    visibility = torch.stack([entry.visibility[rows] for entry in landmarks])
    weights = torch.where(in_photo, visibility.clamp(0, 1) ** 2, 0.0)
    flexion = _knee_flexion(world)
    is_standing = _is_standing(points, weights, flexion, gate)
    up = _up(world, weights, gate)
    world = torch.where(is_standing[:, None, None], untilted(world, up), world)
    start, end = bone_rows(USED_KEYPOINTS, world.device)
    hands, hand_directions, is_hand_seen = _hands(landmarks)
    return LandmarkTargets(
        points_px=points,
        weights=weights,
        world_m=world,
        directions=unit(world[:, end] - world[:, start]),
        direction_weights=_bone_weights(weights, in_photo, gate),
        hands_px=hands,
        hand_directions=hand_directions,
        is_hand_seen=is_hand_seen,
        is_standing=is_standing,
        is_leg_straight=is_standing[:, None] & (flexion < gate.straight_knee_rad),
    )


def unit(vectors: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
    """Return vectors of length 1 (0 stays 0)."""
    return vectors / vectors.norm(dim=-1, keepdim=True).clamp(min=1e-9)


def bone_rows(
    names: Sequence[str], device: torch.device
) -> tuple[Int[Tensor, " D"], Int[Tensor, " D"]]:
    """Return the rows of `BONES`' first and second ends among keypoints of these names."""
    order = list(names)
    ends = [[order.index(name) for name in bone] for bone in BONES]
    start, end = torch.tensor(ends, device=device).unbind(1)
    return start, end


def hand_joint_rows(joint_names: Sequence[str], device: torch.device) -> Int[Tensor, "2 16"]:
    """Return the rows of `HAND_JOINTS` of the left and the right hand among a body's joints."""
    order = list(joint_names)
    rows = [[order.index(f"{side}_{name}") for name in HAND_JOINTS] for side in _SIDES]
    return torch.tensor(rows, device=device)


def world_translation(
    targets: LandmarkTargets, intrinsics: Float[Tensor, "P 3 3"]
) -> Float[Tensor, "P 3"]:
    """Return where MediaPipe's world origin (between the hips) is before the camera, m.

    Depths below `NEAREST_M` are raised to it.

    Args:
        targets: World landmarks and where they are seen.
        intrinsics: Of the whole photos.
    """
    # a trace of weight for all, so that a photo of a mere hand still has a solution
    weights = targets.weights.clamp(min=0.01)
    found = translation_before_camera(targets.world_m, targets.points_px, weights, intrinsics)
    return torch.cat([found[:, :2], found[:, 2:].clamp(min=NEAREST_M)], dim=1)


def keypoint_shares(face: float, hip: float) -> Float[Tensor, " K"]:
    """Return the weights of `USED_KEYPOINTS`: 1, and less for the points of the face and hips."""
    shares = dict.fromkeys(USED_KEYPOINTS, 1.0)
    shares |= dict.fromkeys(("nose", "left_eye", "right_eye", "left_ear", "right_ear"), face)
    shares |= {"left_hip": hip, "right_hip": hip}
    return torch.tensor(list(shares.values()))


def bone_shares(arm: float, foot: float, head: float) -> Float[Tensor, " D"]:
    """Return the weights of `BONES`: 1, and less for arms, feet and head."""
    shares = dict.fromkeys(BONES, 1.0) | dict.fromkeys(ARM_BONES, arm)
    shares |= dict.fromkeys(FOOT_BONES, foot) | dict.fromkeys(HEAD_BONES, head)
    return torch.tensor(list(shares.values()))


def keypoint_cost(
    seen_px: Float[Tensor, "P K 2"],
    targets: LandmarkTargets,
    keypoint_weights: Float[Tensor, " K"],
    unit_px: Float[Tensor, " P"],
    *,
    scale: float,
) -> Float[Tensor, ""]:
    """Return Σ w_k v_k² ρ(|x_k - l_k| / u), ρ of Geman and McClure.

    Args:
        seen_px: Projected keypoints of the body.
        targets: The landmarks l and the squared visibility v².
        keypoint_weights: w, of each kind of keypoint.
        unit_px: u, 1 % of the person's standing height in each photo.
        scale: Of ρ, in units u.
    """
    error = (seen_px - targets.points_px) / unit_px[:, None, None]
    cost = geman_mcclure((error**2).sum(-1), scale)
    return (cost * targets.weights * keypoint_weights).sum()


def direction_cost(
    keypoints: Float[Tensor, "P K 3"],
    targets: LandmarkTargets,
    bone_weights: Float[Tensor, " D"],
) -> Float[Tensor, ""]:
    """Return Σ w_d v_d (1 - cos ∠(bone d, its direction)); keypoints in the camera frame."""
    start, end = bone_rows(USED_KEYPOINTS, keypoints.device)
    cosine = (unit(keypoints[:, end] - keypoints[:, start]) * targets.directions).sum(-1)
    return ((1 - cosine) * targets.direction_weights * bone_weights).sum()


def hand_point_cost(
    seen_px: Float[Tensor, "P 2 16 2"],
    targets: LandmarkTargets,
    unit_px: Float[Tensor, " P"],
    scale: float,
) -> Float[Tensor, ""]:
    """Return Σ ρ(|x - l| / u) over the joints of the hands that were found."""
    error = (seen_px - targets.hands_px) / unit_px[:, None, None, None]
    cost = geman_mcclure((error**2).sum(-1), scale)
    return (cost * targets.is_hand_seen[:, :, None]).sum()


def hand_direction_cost(
    joints: Float[Tensor, "P 2 16 3"], targets: LandmarkTargets
) -> Float[Tensor, ""]:
    """Return Σ (1 - cos) over the bones of the hands that were found.

    The landmarks alone cannot tell a hand bent towards the camera from one bent away; their z can.
    """
    bones = joints[:, :, 1:] - joints[:, :, list(HAND_PARENTS)]
    cosine = (unit(bones) * targets.hand_directions).sum(-1)
    return ((1 - cosine) * targets.is_hand_seen[:, :, None]).sum()


def lines_up(
    keypoints: Float[Tensor, "P K 3"], pelvis: Float[Tensor, "P 3"]
) -> Float[Tensor, "P 2 3"]:
    """Return the vectors from ankles and from pelvis to the middle of the shoulders."""
    top = _middle(keypoints, "shoulder")
    return torch.stack([top - _middle(keypoints, "ankle"), top - pelvis], dim=1)


def limb_error_px(
    seen_px: Float[Tensor, "P K 2"], targets: LandmarkTargets, least_weight: float = 0.25
) -> Float[Tensor, " P"]:
    """Return the mean distance of visible limb joints to their landmarks, px; 0 if none is."""
    rows = [_row(name) for name in LIMBS]
    is_seen = (targets.weights[:, rows] > least_weight).to(seen_px.dtype)
    error = (seen_px[:, rows] - targets.points_px[:, rows]).norm(dim=-1)
    return (error * is_seen).sum(1) / is_seen.sum(1).clamp(min=1)


def _row(name: str) -> int:
    return USED_KEYPOINTS.index(name)


def _middle(points: Float[Tensor, "P K C"], part: str) -> Float[Tensor, "P C"]:
    return (points[:, _row(f"left_{part}")] + points[:, _row(f"right_{part}")]) / 2


def _knee_flexion(world: Float[Tensor, "P K 3"]) -> Float[Tensor, "P 2"]:
    """Angles between thigh and shin, left and right."""
    hip, knee, ankle = (
        world[:, [_row(f"{side}_{part}") for side in _SIDES]] for part in ("hip", "knee", "ankle")
    )
    cosine = (unit(knee - hip) * unit(ankle - knee)).sum(-1)
    return torch.acos(cosine.clamp(-1, 1))


def _base_is_ankles(weights: Float[Tensor, "P K"], gate: StandingGate) -> Bool[Tensor, " P"]:
    return _middle(weights[..., None], "ankle")[:, 0] > gate.seen_weight


def _up(
    points: Float[Tensor, "P K C"], weights: Float[Tensor, "P K"], gate: StandingGate
) -> Float[Tensor, "P C"]:
    """From the ankles, or the hips of half bodies, to the shoulders."""
    has_ankles = _base_is_ankles(weights, gate)[:, None]
    base = torch.where(has_ankles, _middle(points, "ankle"), _middle(points, "hip"))
    return _middle(points, "shoulder") - base


def _is_standing(
    points: Float[Tensor, "P K 2"],
    weights: Float[Tensor, "P K"],
    knee_flexion: Float[Tensor, "P 2"],
    gate: StandingGate,
) -> Bool[Tensor, " P"]:
    up = _up(points, weights, gate)
    roll = torch.atan2(up[:, 0].abs(), -up[:, 1])
    is_seen = weights[:, [_row("left_knee"), _row("right_knee")]] > gate.seen_weight
    is_bent = ((knee_flexion > gate.knee_rad) & is_seen).any(1)
    return (roll < gate.roll_rad) & ~is_bent


def _bone_weights(
    weights: Float[Tensor, "P K"], in_photo: Bool[Tensor, "P K"], gate: StandingGate
) -> Float[Tensor, "P D"]:
    """The lesser weight of a bone's ends, not below the floor where a guess is worth something."""
    start, end = bone_rows(USED_KEYPOINTS, weights.device)
    has_floor = in_photo[:, start] & in_photo[:, end]
    has_floor[:, : len(TRUNK_BONES)] = True
    floor = torch.where(has_floor, gate.occluded_floor, 0.0)
    return torch.minimum(weights[:, start], weights[:, end]).maximum(floor)


def _hands(
    landmarks: Sequence[Landmarks],
) -> tuple[Float[Tensor, "P 2 16 2"], Float[Tensor, "P 2 15 3"], Bool[Tensor, "P 2"]]:
    found = [[entry.left_hand_px, entry.right_hand_px] for entry in landmarks]
    empty = landmarks[0].points_px.new_zeros(21, 3)
    points = torch.stack([torch.stack([empty if h is None else h for h in p]) for p in found])
    joints = points[:, :, list(HAND_LANDMARKS)]
    directions = unit(joints[:, :, 1:] - joints[:, :, list(HAND_PARENTS)])
    is_seen = torch.tensor([[h is not None for h in p] for p in found], device=points.device)
    return joints[..., :2], directions, is_seen
