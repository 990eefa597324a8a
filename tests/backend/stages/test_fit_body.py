from dataclasses import replace

import pytest
import torch

from backend.body.anny55 import Anny55
from backend.body.kinematics import (
    camera_from_bind,
    matrix_from_axis_angle,
    moved_joints,
)
from backend.body.landmark_targets import LANDMARK_OF_KEYPOINT, StandingGate
from backend.body.priors import pose_prior
from backend.geometry.skinning import pose as skin
from backend.render.rasterizer import rasterize
from backend.stages.fit_body import FitBodySettings, fit_body
from backend.types import BindBody, BodyFit, Camera, Landmarks, View

LIMBS = [1, 2, 4, 5, 7, 8, 16, 17, 18, 19, 20, 21]
CAMERA = Camera(
    intrinsics=torch.tensor([[400.0, 0, 100], [0, 400, 150], [0, 0, 1]]), width=200, height=300
)
NOBODY_STANDS = StandingGate(roll_rad=0.0)
"""The true landmarks do not lean; the remedy for MediaPipe's would only disturb."""
QUICK = FitBodySettings(pose_steps=60, age_steps=30, outline_steps=20, gate=NOBODY_STANDS)
ARM_UP = {16: (0.0, 0.0, 1.6), 18: (0.0, -0.6, 0.3)}
STEP = {1: (-0.5, 0.0, 0.1), 4: (0.6, 0.0, 0.0), 17: (0.0, 0.6, 0.2)}


def bones_in_camera(
    body: Anny55, bind: BindBody, turned: dict[int, tuple[float, float, float]], yaw_rad: float
) -> torch.Tensor:
    """Bone matrices of a standing body 3.4 m before the camera with some joints turned further."""
    pose = pose_prior(body, bind.joints).mean.clone()
    for joint, vector in turned.items():
        pose[joint] += torch.tensor(vector)
    turn = matrix_from_axis_angle(torch.tensor([0.0, yaw_rad, 0.0]))
    placed = torch.eye(4)
    placed[:3, :3] = torch.diag(torch.tensor([1.0, -1.0, -1.0])) @ turn
    placed[:3, 3] = torch.tensor([0.0, 0.0, 3.4]) - placed[:3, :3] @ bind.joints[0]
    rotations = matrix_from_axis_angle(pose)
    return camera_from_bind(bind.joints, body.parents, rotations[None], placed[None])[0]


def view_of(body: Anny55, bind: BindBody, bones: torch.Tensor) -> View:
    """What a perfect detector would see."""
    vertices = skin(bind.vertices, body.weights, bones)
    keypoints = (vertices[body.keypoint_vertices] * body.keypoint_weights[..., None]).sum(1)
    world = torch.zeros(33, 3)
    for name, landmark in LANDMARK_OF_KEYPOINT.items():
        world[landmark] = keypoints[body.keypoint_names.index(name)]
    seen = world @ CAMERA.intrinsics.T
    landmarks = Landmarks(
        points_px=seen[:, :2] / seen[:, 2:].clamp(min=0.1),
        visibility=torch.ones(33),
        world_m=world - (world[23] + world[24]) / 2,
        left_hand_px=None,
        right_hand_px=None,
        face_px=None,
    )
    mask = rasterize(vertices, body.faces, CAMERA).mask.float()
    grey = torch.full((300, 200, 3), 0.5)
    return View(name="synthetic", color=grey, mask=mask, camera=CAMERA, landmarks=landmarks)


def fitted_joints(body: Anny55, fit: BodyFit) -> torch.Tensor:
    bones = camera_from_bind(fit.bind.joints, body.parents, fit.rotations, fit.camera_from_body)
    return moved_joints(fit.bind.joints, bones)


def aligned_error_m(found: torch.Tensor, truth: torch.Tensor) -> float:
    """Mean joint distance after the best similarity transform (PA-MPJPE)."""
    found, truth = found - found.mean(0), truth - truth.mean(0)
    left, size, right = torch.linalg.svd(found.T @ truth)
    size[2] *= torch.det(left @ right).sign()
    right[2] *= torch.det(left @ right).sign()
    scale = size.sum() / found.square().sum()
    return float((scale * found @ left @ right - truth).norm(dim=1).mean())


def ignore(_stage: str, _fraction: float) -> None:
    """A report that nobody reads."""


@pytest.fixture(scope="module")
def truth(body: Anny55, bind: BindBody) -> torch.Tensor:
    """Bone matrices: an arm raised, seen from the front; a step, seen from half behind."""
    poses = ((ARM_UP, 0.2), (STEP, 2.4))
    return torch.stack([bones_in_camera(body, bind, *pose) for pose in poses])


@pytest.fixture(scope="module")
def views(body: Anny55, bind: BindBody, truth: torch.Tensor) -> list[View]:
    return [view_of(body, bind, bones) for bones in truth]


@pytest.fixture(scope="module")
def fit(body: Anny55, views: list[View]) -> BodyFit:
    return fit_body(views, body, QUICK, report=ignore)


def test_a_known_pose_is_recovered(
    body: Anny55, bind: BindBody, fit: BodyFit, truth: torch.Tensor
) -> None:
    joints = moved_joints(bind.joints, truth)
    for found, true in zip(fitted_joints(body, fit), joints, strict=True):
        assert aligned_error_m(found[LIMBS], true[LIMBS]) < 0.025


def test_landmarks_are_met(fit: BodyFit) -> None:
    assert fit.landmark_error_percent.max() < 1.0


def test_the_person_stands_where_she_is(body: Anny55, fit: BodyFit) -> None:
    pelvis = fitted_joints(body, fit)[:, 0]
    assert torch.allclose(pelvis, torch.tensor([0.0, 0.0, 3.4]), atol=0.2)


def test_the_root_rotation_is_rigid_and_the_pelvis_turns_with_it(fit: BodyFit) -> None:
    rotation = fit.camera_from_body[:, :3, :3]
    assert torch.allclose(torch.det(rotation), torch.ones(2), atol=1e-5)
    assert torch.allclose(fit.rotations[:, 0], torch.eye(3).expand(2, 3, 3), atol=1e-6)


def test_the_bind_body_is_that_of_the_shape(body: Anny55, fit: BodyFit) -> None:
    assert torch.equal(fit.bind.joints, body.bind(fit.shape).joints)


def test_hidden_legs_hang_straight(body: Anny55, views: list[View]) -> None:
    landmarks = views[0].landmarks
    hidden = landmarks.visibility.clone()
    hidden[25:] = 0.0
    guessed = landmarks.points_px.clone()
    guessed[25:] += 1000
    half = replace(views[0], landmarks=replace(landmarks, visibility=hidden, points_px=guessed))
    few = replace(QUICK, gate=StandingGate(), age_steps=1, outline_steps=1)
    fit = fit_body([half], body, few, report=ignore)
    joints = fitted_joints(body, fit)[0]
    for hip, ankle in ((1, 7), (2, 8)):
        leg = joints[ankle] - joints[hip]
        assert leg[1] > 0.97 * leg.norm()


def test_progress_grows_from_0_to_1(body: Anny55, views: list[View]) -> None:
    seen: list[float] = []
    few = replace(QUICK, child_age=0.35, pose_steps=6, age_steps=1, outline_steps=1)
    fit_body(views[:1], body, few, report=lambda _, fraction: seen.append(fraction))
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0.0, 1.0)


def test_a_child_is_looked_for_on_request(body: Anny55, views: list[View]) -> None:
    few = replace(QUICK, child_age=0.35, child_margin=-9.0, pose_steps=6, age_steps=6)
    fit = fit_body(views[:1], body, replace(few, outline_steps=1), report=ignore)
    assert fit.shape[body.shape_names.index("age")] < 0.5


def test_giving_up_stops_the_fit(body: Anny55, views: list[View]) -> None:
    def give_up(_stage: str, _fraction: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_body(views[:1], body, QUICK, report=give_up)
