import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.geometry.boxes import box_around, cut, put_back, tiles
from backend.geometry.looks import Look, agreeing, merged, mirrored, placed
from backend.geometry.people import Person, each_once, head_gap_px, largest
from backend.geometry.pose_points import MIRRORED
from backend.photos import decode_photo
from backend.stages.landmarks import LandmarkDetector, parts_in_view
from backend.types import Landmarks
from shared.errors import NoPersonFound

PHOTOS = Path(__file__).parents[4] / "shared/data/photos"


def look(points: np.ndarray, *, wrist_gap: float = 0.0) -> Look:
    hand = np.zeros((21, 3))
    hand[:, :2] = points[15, :2] + [wrist_gap, 0.0]
    return Look(
        points=points,
        world=np.zeros((33, 3)),
        mask=np.zeros((10, 10), np.float32),
        hands=(hand, None),
        face=None,
    )


def standing(seed: int = 0) -> np.ndarray:
    """Points of a body 100 pixels high or so."""
    points = np.random.default_rng(seed).normal(50, 1, (33, 3))
    points[[11, 12], 1], points[[23, 24], 1] = 20, 50
    points[[25, 26], 1], points[[27, 28], 1] = 75, 100
    return points


def person(x: float, radius: float = 50.0, score: float = 0.9) -> Person:
    return Person(score=score, hips=np.array([x, 60.0]), head=np.array([x, 20.0]), radius=radius)


def seen(*rows: int) -> Landmarks:
    visibility = torch.zeros(33)
    visibility[list(rows)] = 1.0
    return Landmarks(
        points_px=torch.full((33, 2), 50.0),
        visibility=visibility,
        world_m=torch.zeros(33, 3),
        left_hand_px=None,
        right_hand_px=None,
        face_px=None,
    )


def test_tiles_cover_the_photo_and_overlap_by_half() -> None:
    boxes = tiles(100, 250, 60)
    assert all(x >= 0 and y >= 0 and x + w <= 100 and y + h <= 250 for x, y, w, h in boxes)
    starts = sorted({y for _, y, _, _ in boxes})
    assert starts[0] == 0
    assert starts[-1] == 190
    assert all(b - a <= 30 for a, b in pairwise(starts))


@pytest.mark.parametrize("box", [(-3, -2, 20, 30), (4, 4, 3, 3), (8, -5, 10, 10), (30, 30, 5, 5)])
def test_crop_put_back_is_the_photo_inside_the_box(box: tuple[int, int, int, int]) -> None:
    photo = np.random.default_rng(0).integers(1, 256, (12, 10, 3), np.uint8)
    crop = cut(photo, box)
    assert crop.shape == (box[3], box[2], 3)
    back = put_back(crop[..., 0].astype(np.float32), box, (12, 10))
    inside = put_back(np.ones((box[3], box[2]), np.float32), box, (12, 10)) > 0
    assert np.array_equal(back, np.where(inside, photo[..., 0], 0))
    assert inside.sum() == (crop[..., 0] > 0).sum()


def test_box_has_its_centre() -> None:
    assert box_around(np.array([10.0, 20.0]), 4.0, 6.0) == (6, 14, 8, 12)


def test_heads_on_one_spot_are_one_person() -> None:
    people = each_once([person(10, score=0.8), person(14), person(60)], same_radii=0.35)
    assert [one.hips[0] for one in people] == [14, 60]


def test_largest_person_needs_a_fair_score() -> None:
    people = [person(0, 40.0), person(50, 60.0, 0.8), person(90, 80.0, 0.5)]
    assert largest(people, least_share=0.8).radius == 60


def test_head_gap_is_zero_inside_the_mask() -> None:
    mask = np.zeros((40, 100), np.float32)
    mask[:, :30] = 1.0
    assert head_gap_px(person(20), mask) == 0.0
    assert head_gap_px(person(79.5), mask) == pytest.approx(50.0, abs=0.1)


def test_mirroring_twice_changes_nothing() -> None:
    one = look(standing())
    assert np.array_equal(np.array(MIRRORED)[MIRRORED], np.arange(33))
    assert np.allclose(mirrored(mirrored(one)).points, one.points)
    assert mirrored(one).hands[0] is None
    assert mirrored(one).hands[1] is not None


def test_shares_of_a_box_become_pixels_of_the_photo() -> None:
    one = look(np.full((33, 3), 0.5))
    moved = placed(one, (10, 20, 10, 10), (40, 40))
    assert moved.points[0].tolist() == [15.0, 25.0, 0.5]
    assert moved.hands[0] is not None
    assert moved.hands[0][0].tolist() == [15.0, 25.0, 0.0]


def test_look_with_sides_swapped_is_outvoted() -> None:
    good = [standing(seed) for seed in range(5)]
    bad = standing() + np.array([40.0, 0.0, 0.0])
    assert len(agreeing([look(points) for points in [*good, bad]], 0.10)) == 5


def test_merged_points_are_the_median() -> None:
    looks = [look(standing() + np.array([offset, 0.0, 0.0])) for offset in (-1.0, 0.0, 5.0)]
    assert np.allclose(merged(looks, 0.05).points, standing())


@pytest.mark.parametrize(("gap", "is_kept"), [(3.0, True), (9.0, False)])
def test_hand_away_from_its_wrist_is_dropped(gap: float, is_kept: bool) -> None:
    hand = merged([look(standing(), wrist_gap=gap)] * 3, hand_gate=0.05).hands[0]
    assert (hand is not None) == is_kept


def test_hand_seen_by_a_minority_is_dropped() -> None:
    looks = [look(standing()), *[look(standing(), wrist_gap=50.0)] * 2]
    assert merged(looks, hand_gate=0.05).hands == (None, None)


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        ((0, 11, 23, 25, 27), "whole body"),
        ((0, 11, 23, 25), "head to knees"),
        ((0, 11, 23), "upper body"),
        ((0, 11), "portrait"),
        ((0,), "portrait"),
        ((11, 23, 27), "shoulders to feet"),
        ((25, 27), "down to the feet, no head"),
    ],
)
def test_parts_in_view_are_named(rows: tuple[int, ...], parts: str) -> None:
    assert parts_in_view(seen(*rows), 100, 100) == parts


def test_landmarks_beyond_the_border_are_not_in_view() -> None:
    assert parts_in_view(seen(*range(33)), 40, 100) == "down to the chest, no head"


def test_picture_without_a_person_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    noise = torch.rand(300, 200, 3, generator=torch.Generator().manual_seed(0))
    sky = torch.linspace(0.4, 0.9, 300)[:, None, None].expand(300, 200, 3)
    with LandmarkDetector() as detector:
        for picture in (noise, sky, torch.zeros(64, 64, 3)):
            with pytest.raises(NoPersonFound, match=r"wall\.jpg: no person found\. Use a photo"):
                detector.find_landmarks("wall.jpg", picture)
    assert "feedback" not in capfd.readouterr().err  # native chatter
    os.write(2, b"still open")
    assert capfd.readouterr().err == "still open"


@pytest.fixture(scope="module")
def detector() -> Iterator[LandmarkDetector]:
    with LandmarkDetector() as shared:
        yield shared


def color(name: str) -> torch.Tensor:
    return decode_photo(name, (PHOTOS / name).read_bytes()).color


@pytest.mark.data
@pytest.mark.parametrize(
    "name",
    ["pifuhd/test.png", "sets/ipercore_akun/0048.jpg", "icon/923d65f767c85a42212cae13fba3750b.png"],
)
def test_one_person_is_counted_once(detector: LandmarkDetector, name: str) -> None:
    photo = color(name)
    detection = detector.find_landmarks(name, photo)
    assert detection.people == 1
    assert not detection.message
    assert detection.mask.shape == photo.shape[:2]
    assert detection.mask.max() > 0.9
    assert parts_in_view(detection.landmarks, photo.shape[1], photo.shape[0]) == "whole body"


@pytest.mark.data
@pytest.mark.parametrize("name", ["1.png", "2.jpg", "4.jpg"])
def test_group_is_counted_and_told(detector: LandmarkDetector, name: str) -> None:
    detection = detector.find_landmarks(name, color(f"econ/multi/{name}"))
    assert detection.people > 1
    assert "people" in detection.message


@pytest.mark.data
def test_sides_are_the_persons_own(detector: LandmarkDetector) -> None:
    landmarks = detector.find_landmarks("", color("sith/images/013.png")).landmarks
    assert landmarks.left_hand_px is not None
    assert landmarks.right_hand_px is not None
    assert landmarks.left_hand_px[0, 0] > landmarks.right_hand_px[0, 0]  # faces the camera
    assert landmarks.points_px[15, 0] > landmarks.points_px[16, 0]
    nose_m = landmarks.world_m[0]
    assert nose_m[2] < -0.05
    assert nose_m[1] < -0.4
