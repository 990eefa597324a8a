"""Rough rounds for the poses, then a fine one."""

from dataclasses import replace

import pytest
import torch

from backend import rounds
from backend.geometry.cloth_weights import Dummy
from backend.progress import Stopwatch
from backend.settings import Quality, Settings, for_quality
from backend.types import Camera, Landmarks, Poses, SkinnedMesh, View

POSES = Poses(
    joints=torch.zeros(1, 3),
    parents=(-1,),
    rotations=torch.eye(3)[None, None],
    camera_from_body=torch.eye(4)[None],
)
MESH = SkinnedMesh(
    vertices=torch.zeros(3, 3),
    faces=torch.tensor([[0, 1, 2]]),
    weights=torch.ones(3, 1),
    colours=torch.zeros(3, 3),
)
VIEW = View(
    name="photo",
    color=torch.zeros(2, 2, 3),
    mask=torch.ones(2, 2),
    camera=Camera(intrinsics=torch.eye(3), width=2, height=2),
    landmarks=Landmarks(
        points_px=torch.zeros(33, 2),
        visibility=torch.ones(33),
        world_m=torch.zeros(33, 3),
        left_hand_px=None,
        right_hand_px=None,
        face_px=None,
    ),
)
DUMMY = Dummy(body=MESH, skirt_faces=MESH.faces[:0], bind_height=torch.zeros(3))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings of all rounds, none of which is made: each shifts the person by a metre."""
    found: list[Settings] = []

    def shift(
        views: list[View], poses: Poses, _dummy: Dummy, settings: Settings, *, watch: Stopwatch
    ) -> rounds.Surfaced:
        found.append(settings)
        list(watch.each("fuse", "ab"))
        moved = replace(poses, camera_from_body=poses.camera_from_body + torch.eye(4))
        return rounds.Surfaced(mesh=MESH, poses=moved, views=views)

    monkeypatch.setattr(rounds, "_round", shift)
    return found


def run(count: int, settings: Settings) -> tuple[rounds.Surfaced, list[tuple[str, float]]]:
    """What comes of so many views, and what was told."""
    told: list[tuple[str, float]] = []
    watch = Stopwatch(lambda stage, fraction: told.append((stage, fraction)))
    return rounds.surfaced([VIEW] * count, POSES, DUMMY, settings, watch=watch), told


def test_photos_are_brought_to_agree_on_a_coarse_surface(made: list[Settings]) -> None:
    settings = for_quality("standard")
    run(2, settings)
    assert [one.fuse for one in made] == [settings.coarse_fuse, settings.fuse]
    assert [one.refine for one in made] == [settings.rough_refine, settings.refine]


def test_each_round_starts_from_the_poses_of_the_last(made: list[Settings]) -> None:
    found, _ = run(2, replace(for_quality("standard"), rough_rounds=2))
    assert len(made) == 3
    assert torch.equal(found.poses.camera_from_body[0], 4 * torch.eye(4))


@pytest.mark.parametrize(("count", "quality"), [(1, "standard"), (4, "draft")])
def test_one_photo_and_a_draft_need_no_rough_round(
    made: list[Settings], count: int, quality: Quality
) -> None:
    run(count, for_quality(quality))
    assert len(made) == 1


@pytest.mark.usefixtures("made")
def test_rough_rounds_report_as_one_stage_that_never_falls_back() -> None:
    _, told = run(2, replace(for_quality("standard"), rough_rounds=3))
    aligned = [fraction for stage, fraction in told if stage == "align"]
    inner = [fraction for fraction in aligned if 0 < fraction < 1]
    assert inner == sorted(inner)
    assert len(inner) > 3
    assert {stage for stage, _ in told} == {"align", "fuse"}
