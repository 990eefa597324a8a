from dataclasses import replace

import pytest
import torch

from backend.body.landmark_targets import (
    BONES,
    LANDMARK_OF_KEYPOINT,
    TRUNK_BONES,
    USED_KEYPOINTS,
    LandmarkTargets,
    StandingGate,
    direction_cost,
    hand_direction_cost,
    keypoint_cost,
    landmark_targets,
    limb_error_px,
    world_translation,
)
from backend.types import Camera, Landmarks

K = len(USED_KEYPOINTS)
CAMERA = Camera(
    intrinsics=torch.tensor([[1000.0, 0, 300], [0, 1000, 500], [0, 0, 1]]), width=600, height=1000
)
ROWS = {"shoulder": -0.5, "hip": 0.0, "knee": 0.45, "ankle": 0.9, "elbow": -0.2, "wrist": 0.05}
ROWS |= {"eye": -0.8, "ear": -0.78, "heel": 0.95, "big_toe": 0.97}


def standing(tilt: float = 0.0) -> Landmarks:
    """A person 4 m away, straight up and down, the head `tilt` m per m nearer than the feet."""
    world = torch.zeros(33, 3)
    for name, landmark in LANDMARK_OF_KEYPOINT.items():
        side, _, part = name.partition("_")
        x = {"left": 0.15, "right": -0.15}.get(side, 0.0)
        y = ROWS.get(part, -0.8)
        forward = 0.1 if "toe" in name or name == "nose" else 0.0
        world[landmark] = torch.tensor([x, y, tilt * y - forward])
    seen = (world + torch.tensor([0, 0, 4.0])) @ CAMERA.intrinsics.T
    return Landmarks(
        points_px=seen[:, :2] / seen[:, 2:],
        visibility=torch.ones(33),
        world_m=world,
        left_hand_px=None,
        right_hand_px=None,
        face_px=None,
    )


def targets_of(landmarks: Landmarks) -> LandmarkTargets:
    return landmark_targets([landmarks], [CAMERA], StandingGate())


def test_a_person_who_stands_is_turned_upright() -> None:
    targets = targets_of(standing(tilt=0.3))
    assert targets.is_standing.all()
    left = [USED_KEYPOINTS.index(f"left_{part}") for part in ("ankle", "shoulder")]
    assert targets.world_m[0, left, 2].diff().abs() < 1e-5


def test_a_person_upside_down_does_not_stand() -> None:
    upright = standing(tilt=0.3)
    flipped = replace(upright, points_px=torch.tensor([600.0, 1000]) - upright.points_px)
    targets = targets_of(flipped)
    assert not targets.is_standing.any()
    assert torch.equal(targets.world_m[0], flipped.world_m[list(LANDMARK_OF_KEYPOINT.values())])


def test_a_bent_knee_is_not_standing_unless_it_is_hidden() -> None:
    bent = standing()
    bent.world_m[27, 1:] = torch.tensor([0.45, 0.45])
    assert not targets_of(bent).is_standing.any()
    bent.visibility[25:33] = 0.1
    assert targets_of(bent).is_standing.all()


def test_weights_are_visibility_squared_and_zero_outside_the_photo() -> None:
    landmarks = standing()
    landmarks.visibility[15] = 0.5
    landmarks.points_px[16, 0] = -5
    weights = targets_of(landmarks).weights[0]
    assert weights[USED_KEYPOINTS.index("left_wrist")] == 0.25
    assert weights[USED_KEYPOINTS.index("right_wrist")] == 0


def test_bones_out_of_the_photo_have_no_weight_but_the_trunk_keeps_a_little() -> None:
    landmarks = standing()
    landmarks.points_px[:] += 5000
    weights = targets_of(landmarks).direction_weights[0]
    assert weights[len(TRUNK_BONES) :].max() == 0
    assert weights[: len(TRUNK_BONES)].min() > 0


def test_world_translation_finds_the_distance() -> None:
    found = world_translation(targets_of(standing()), CAMERA.intrinsics[None])
    assert torch.allclose(found, torch.tensor([[0.0, 0.0, 4.0]]), atol=1e-3)


def test_a_body_on_its_landmarks_costs_nothing() -> None:
    targets = targets_of(standing())
    ones, unit = torch.ones(K), torch.ones(1)
    assert keypoint_cost(targets.points_px, targets, ones, unit, scale=6.0) == 0
    cost = direction_cost(targets.world_m, targets, torch.ones(len(BONES)))
    assert cost.item() == pytest.approx(0, abs=1e-5)


def test_opposite_bones_cost_two_each() -> None:
    targets = targets_of(standing())
    cost = direction_cost(-targets.world_m, targets, torch.ones(len(BONES)))
    assert cost.item() == pytest.approx(2 * len(BONES), rel=1e-4)


def test_the_limb_error_looks_at_visible_limbs_only() -> None:
    landmarks = standing()
    landmarks.visibility[15] = 0.1
    targets = targets_of(landmarks)
    seen = targets.points_px.clone()
    seen[0, USED_KEYPOINTS.index("left_wrist")] += 500
    seen[0, USED_KEYPOINTS.index("nose")] += 500
    seen[0, USED_KEYPOINTS.index("left_knee"), 0] += 11
    assert limb_error_px(seen, targets).item() == pytest.approx(1.0)


def test_hands_that_were_not_found_cost_nothing() -> None:
    targets = targets_of(standing())
    assert hand_direction_cost(torch.randn(1, 2, 16, 3), targets) == 0


def test_a_hand_along_its_landmarks_costs_nothing() -> None:
    hand = torch.randn(21, 3, generator=torch.Generator().manual_seed(0))
    targets = targets_of(replace(standing(), left_hand_px=hand))
    assert targets.is_hand_seen.tolist() == [[True, False]]
    rows = [0, 1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15, 17, 18, 19]
    joints = torch.stack([hand[rows], torch.zeros(16, 3)])[None] * 0.01
    assert hand_direction_cost(joints, targets).item() == pytest.approx(0, abs=1e-5)
