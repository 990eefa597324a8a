"""Surfaces and poses are recovered from maps of a two-bone limb, whose truth is known."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
import trimesh
from torch import Tensor

from backend.body.kinematics import bones_of, matrix_from_axis_angle
from backend.geometry.skinning import pose
from backend.render.rasterizer import mask_iou, rasterize
from backend.render.view_losses import ImageWeights
from backend.stages.reconstruct import ReconstructSettings, reconstruct
from backend.stages.refine import PAPER, Evidence, Refined, RefineSettings, refine
from backend.types import Camera, Poses, SkinnedMesh, SurfaceMaps
from shared.errors import Cancelled

SIZE_PX = 160
CAMERA = Camera(
    intrinsics=torch.tensor([[300.0, 0, 80], [0, 300.0, 80], [0, 0, 1]]),
    width=SIZE_PX,
    height=SIZE_PX,
)
YAWS = (0.0, 1.2, 2.4, 3.8)
QUICK = RefineSettings(pose_steps=15, coarse_steps=10, fine_steps=10)
TRUE_RAD, GIVEN_RAD = [0.3, 0.1, 0.5, 0.0], [0.4, 0.0, 0.4, 0.1]

COLOURED = replace(QUICK, images=ImageWeights(colour=1.0), colour_rate=0.04)


def limb(radius_m: float = 0.12) -> SkinnedMesh:
    """An egg 1.2 m tall around the origin; its upper half follows joint 1."""
    ball = trimesh.creation.icosphere(2)
    vertices = torch.tensor(ball.vertices).float() * torch.tensor([radius_m, 0.6, radius_m])
    upper = torch.sigmoid(vertices[:, 1] / 0.04)
    return SkinnedMesh(
        vertices=vertices,
        faces=torch.tensor(ball.faces),
        weights=torch.stack([1 - upper, upper], 1),
        colours=torch.full_like(vertices, 0.5),
    )


def standing(bends_rad: Sequence[float]) -> Poses:
    """One photo per bend of joint 1, from all around, 3 m away."""
    turns = torch.zeros(len(bends_rad), 2, 3)
    turns[:, 1, 2] = torch.tensor(bends_rad)
    yaws = torch.zeros(len(bends_rad), 3)
    yaws[:, 1] = torch.tensor(YAWS[: len(bends_rad)])
    camera_from_body = torch.eye(4).repeat(len(bends_rad), 1, 1)
    camera_from_body[:, :3, :3] = torch.diag(torch.tensor([1.0, -1, -1])) @ matrix_from_axis_angle(
        yaws
    )
    camera_from_body[:, 2, 3] = 3.0
    return Poses(
        joints=torch.tensor([[0.0, -0.3, 0.0], [0.0, 0.0, 0.0]]),
        parents=(-1, 0),
        rotations=matrix_from_axis_angle(turns),
        camera_from_body=camera_from_body,
    )


def perfect(mesh: SkinnedMesh, bones: Tensor) -> SurfaceMaps:
    """What a perfect predictor would say of a mesh."""
    posed = pose(mesh.vertices, mesh.weights, bones)
    layers = [rasterize(posed, mesh.faces, CAMERA, side) for side in ("nearest", "farthest")]
    mask = layers[0].mask
    return SurfaceMaps(
        camera=CAMERA,
        camera_from_crop_px=torch.eye(3),
        level=mask.float(),
        depth=torch.stack([layer.depth for layer in layers]),
        weights=mesh.weights.new_full((2, int(mask.sum()), 2), 0.5),
        colour=torch.full((2, SIZE_PX, SIZE_PX, 3), 0.8),
    )


def photographed(mesh: SkinnedMesh, poses: Poses) -> list[Evidence]:
    maps = [perfect(mesh, bones) for bones in bones_of(poses)]
    size = (SIZE_PX, SIZE_PX)
    return [
        Evidence(
            maps=one,
            surface=reconstruct(one, ReconstructSettings(), photo_size=size),
            camera=CAMERA,
        )
        for one in maps
    ]


def refined(
    mesh: SkinnedMesh, photos: list[Evidence], poses: Poses, settings: RefineSettings = QUICK
) -> Refined:
    return refine(mesh, photos, poses, settings, report=lambda _stage, _fraction: None)


def bends(poses: Poses) -> Tensor:
    """Of joint 1 about z, radians."""
    return torch.atan2(poses.rotations[:, 1, 1, 0], poses.rotations[:, 1, 0, 0])


def overlaps(found: Refined, photos: list[Evidence]) -> Tensor:
    """Intersection over union in each photo, seen by the corrected cameras."""
    mesh = found.mesh
    posed = pose(mesh.vertices, mesh.weights, bones_of(found.poses))
    return torch.tensor(
        [
            mask_iou(rasterize(seen, mesh.faces, camera).mask, one.maps.level > 0.5)
            for seen, camera, one in zip(posed, found.cameras, photos, strict=True)
        ]
    )


@pytest.fixture(scope="module")
def nested() -> SkinnedMesh:
    """A limb that is too thin, and inside it another, which nobody can see."""
    outer = limb(0.11)
    inner = replace(outer, vertices=0.5 * outer.vertices)
    return SkinnedMesh(
        vertices=torch.cat([outer.vertices, inner.vertices]),
        faces=torch.cat([outer.faces, inner.faces + len(outer.vertices)]),
        weights=torch.cat([outer.weights, inner.weights]),
        colours=torch.cat([outer.colours, inner.colours]),
    )


@pytest.fixture(scope="module")
def result(nested: SkinnedMesh) -> Refined:
    """Of four photos whose given bends are wrong, but right in the mean."""
    photos = photographed(limb(), standing(TRUE_RAD))
    return refined(nested, photos, standing(GIVEN_RAD), COLOURED)


def test_bends_that_differ_between_photos_are_recovered(result: Refined) -> None:
    error = (bends(result.poses) - torch.tensor(TRUE_RAD)).abs()
    assert float(error.max()) < 0.04  # 0.1 before


def test_a_thin_surface_grows_to_the_true_one(result: Refined) -> None:
    count = len(limb().vertices)
    belt = limb().vertices[:, 1].abs() < 0.3
    error = (result.mesh.vertices[:count] - limb().vertices)[belt].norm(dim=1)
    assert float(error.mean()) < 0.004  # 0.009 before


def test_what_no_photo_sees_stays(result: Refined, nested: SkinnedMesh) -> None:
    hidden = len(limb().vertices)
    moved = (result.mesh.vertices - nested.vertices).norm(dim=1)
    assert float(moved[hidden:].mean()) < 0.1 * float(moved[:hidden].mean())


def test_colours_follow_the_photos_where_asked(result: Refined) -> None:
    seen = limb().vertices[:, 2] > 0.08
    colours = result.mesh.colours[: len(seen)][seen]
    assert float((colours - 0.8).abs().mean()) < 0.1  # 0.3 before


@pytest.mark.slow
def test_what_is_common_to_all_photos_becomes_shape() -> None:
    true, given = standing([0.3, 0.1, 0.5, 0.2]), standing([0.2, 0.0, 0.4, 0.1])
    photos = photographed(limb(), true)
    result = refined(limb(), photos, given)
    assert abs(float((bends(result.poses) - bends(given)).mean())) < 0.03
    assert torch.equal(result.poses.joints, given.joints)
    top = result.mesh.vertices[:, 1].argmax()
    assert float(result.mesh.vertices[top, 0]) < -0.004  # as a turn about z by more than 0 does


def test_one_photo_keeps_its_pose() -> None:
    photos = photographed(limb(), standing([0.2]))
    result = refined(limb(), photos, standing([0.0]))
    assert abs(float(bends(result.poses)[0])) < 0.05


@pytest.mark.slow
def test_roots_off_by_centimetres_are_recovered() -> None:
    poses = standing([0.3, 0.1, 0.5, 0.0])
    offset = torch.tensor([[0.03, 0, 0], [0, -0.03, 0], [-0.02, 0.01, 0], [0, 0.02, 0]])
    moved = poses.camera_from_body.clone()
    moved[:, :3, 3] += offset
    result = refined(limb(), photographed(limb(), poses), replace(poses, camera_from_body=moved))
    left = result.poses.camera_from_body[:, :2, 3] - poses.camera_from_body[:, :2, 3]
    assert float(left.norm(dim=1).max()) < 0.008


@pytest.mark.slow
def test_a_contradicting_mask_costs_no_photo_its_overlap() -> None:
    poses = standing([0.0, 0.0])
    photos = photographed(limb(), poses)
    level = photos[1].maps.level.roll(12, dims=1)
    photos[1] = replace(photos[1], maps=replace(photos[1].maps, level=level))
    wild = replace(QUICK, surface=replace(QUICK.surface, rate_m=0.01, offset_weight=0.0))
    cameras = tuple(one.camera for one in photos)
    before = overlaps(Refined(mesh=limb(), poses=poses, cameras=cameras), photos)
    after = overlaps(refined(limb(), photos, poses, wild), photos)
    assert float((after - before).min()) > -0.0101


@pytest.mark.slow
def test_corrections_are_bounded() -> None:
    poses = standing([0.0, 0.0, 0.0])
    photos = photographed(limb(), standing([1.5, -1.5, 0.0]))
    result = refined(limb(), photos, poses)
    shift = (result.poses.camera_from_body - poses.camera_from_body)[:, :3, 3]
    assert float(bends(result.poses).abs().max()) < 0.31
    assert float((result.mesh.vertices - limb().vertices).norm(dim=1).max()) < 0.0301
    assert float(shift.norm(dim=1).max()) < 0.05 + 0.3 * 0.3  # the root turns about the pelvis


@pytest.mark.slow
def test_stiff_parts_stay_near_the_given_surface() -> None:
    poses = standing([0.3, 0.1, 0.5, 0.0])
    photos, start = photographed(limb(), poses), limb(0.105)
    stiff = refined(start, photos, poses, replace(QUICK, stiff_joints=(1,)))
    moved = (stiff.mesh.vertices - start.vertices).norm(dim=1)
    belt = start.vertices[:, 1].abs() > 0.15
    upper, lower = (moved[belt & (start.vertices[:, 1] * side > 0)].mean() for side in (1, -1))
    assert float(upper) < 0.5 * float(lower)


@pytest.mark.slow
def test_the_papers_schedule_runs() -> None:
    poses = standing([0.0, 0.2])
    photos = photographed(limb(), poses)
    result = refined(limb(0.11), photos, poses, replace(PAPER, fine_steps=20))
    assert float(overlaps(result, photos).min()) > 0.9


@pytest.mark.slow
def test_more_photos_than_views_a_step_are_all_heard() -> None:
    settings = replace(QUICK, views_per_step=2, pixels_at_once=1)
    result = refined(
        limb(), photographed(limb(), standing(TRUE_RAD)), standing(GIVEN_RAD), settings
    )
    assert float((bends(result.poses) - torch.tensor(TRUE_RAD)).abs().max()) < 0.06


def test_it_can_be_cancelled_in_any_step() -> None:
    told, poses = [], standing([0.0])

    def stop(_stage: str, fraction: float) -> None:
        told.append(fraction)
        if len(told) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        refine(limb(), photographed(limb(), poses), poses, QUICK, report=stop)
    assert told == [0, 1 / 35, 2 / 35]
