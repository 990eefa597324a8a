"""Photos with landmarks and masks → one body shape, and its pose and place in each photo.

One shape for all photos, a pose, a root rotation and a translation for each, all found together by
Adam (Kingma and Ba 2015) as the least of the costs in `_landmark_costs` and `_outline_costs`; the
recipe is SMPLify-X's (Pavlakos et al. 2019) with directions of bones in space added.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.body import landmark_targets as marks
from backend.body import priors
from backend.body.kinematics import camera_from_bind, matrix_from_axis_angle, moved_joints
from backend.body.model import BodyModel
from backend.body.reduced import (
    ReducedBind,
    ReducedBody,
    bind_reduced,
    moved_keypoints,
    reduced_body,
    stature,
)
from backend.body.trunk import Trunk, trunk_depth, trunk_of
from backend.geometry.outline import Outlines, distance_outside, nearest, outlines
from backend.geometry.placement import best_rotation, project, translation_before_camera
from backend.geometry.robust import geman_mcclure
from backend.geometry.skinning import pose as skin
from backend.types import BodyFit, Report, View

STAGE = "fit_body"
REPORT_EVERY = 5
NEAREST_M = 0.3
"""Least distance of a person to start from."""
ROOT_KEYPOINTS = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
ARM_JOINTS = (
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_middle1",
    "right_middle1",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FitBodySettings:
    """Weights and steps of the fit, found on 29 photos of real people.

    Image errors are in units u = 1 % of a standing person's height in the photo. A weight w without
    unit of its own multiplies a cost whose unit the term's docstring gives.
    """

    gate: marks.StandingGate = field(default_factory=marks.StandingGate)
    trial_steps: int = 60
    """From each starting age, after which the better one goes on."""
    landmark_steps: int = 40
    """After the trial, still without the outline, which would draw limbs to the wrong edge."""
    outline_steps: int = 50
    child_age: float | None = 0.35
    """Second start of the age (0.33 = child). A kink of Anny's basis at 0.667 holds fits that start
    from there; None: adults only."""
    child_margin: float = 0.10
    """Share by which the child must fit better: adults outnumber children in photos."""
    pose_rate: float = 0.05
    """Adam's step, rad."""
    root_rate: float = 0.03
    """rad"""
    translation_rate: float = 0.02
    """m"""
    shape_rate: float = 0.02
    """Units of the parameter before the tanh."""
    decay_at: float = 0.6
    """Share of the steps before and with the outline after which the rates fall."""
    decay: float = 0.4
    keypoint_scale: float = 6.0
    """u; 2-D errors count less beyond it. 4 to 8 is stable."""
    face_weight: float = 0.4
    """The regressors of nose, eyes and ears are less sure than those of limbs."""
    hip_weight: float = 0.5
    """MediaPipe's hips lie elsewhere than the body's; worst joint of every second photo at 1."""
    direction_weight: float = 60.0
    """u²; 20 to 40 gives the wrong depth in folded poses, 120 costs 2-D error."""
    foot_direction: float = 0.5
    """Share of `direction_weight`: short bones, noisy depth."""
    head_direction: float = 0.3
    pose_weight: float = 0.2
    """u² / rad²"""
    limit_weight: float = 50.0
    """u² / rad²"""
    off_axis_weight: float = 1.0
    """u² / rad²"""
    upright_weight: float = 1000.0
    """u²; 300 leaves leans of 9°. MediaPipe's people tip towards the camera by 9 to 19°."""
    upright_scale: float = 0.03
    """Squared sine; beyond 10° the pull levels off."""
    straight_knee_weight: float = 30.0
    """u² / rad²; without it the lean that `upright_weight` takes away returns as bent knees."""
    straight_knee_rad: float = 0.05
    """Flexion of a leg that people call straight."""
    hand_scale: float = 3.0
    """u"""
    hand_point_weight: float = 0.1
    hand_direction_weight: float = 2.0
    """u²"""
    trunk_weight: float = 100.0
    """u²; arms inside the trunk (1 = on its axis)."""
    inside_scale: float = 5.0
    """u"""
    inside_weight: float = 20.0
    """Body outside the mask; mean over its points."""
    cover_scale: float = 3.0
    """u; more would follow loose clothes."""
    cover_weight: float = 6.0
    """Outline far from the body; mean over its points. Never moves the shape: clothes would
    become fat."""
    shape_weight: float = 10.0
    """u², times the number of photos, because the other costs grow with it."""
    surface_points: int = 1000
    border_points: int = 300
    crop_samples: int = 256
    """Side of the distance fields; 0.4 % of the person's size per sample."""
    seed: int = 0
    """Of the choice of surface points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Problem:
    """What stays the same during a fit."""

    body: ReducedBody
    targets: marks.LandmarkTargets
    outlines: Outlines
    intrinsics: Float[Tensor, "P 3 3"]
    unit_px: Float[Tensor, " P"]
    prior: priors.PosePrior
    hinges: priors.Hinges
    trunk: Trunk
    shapes: priors.ShapeRange
    hand_joints: Int[Tensor, "2 16"]
    arm_joints: Int[Tensor, " A"]
    spine: int
    keypoint_weights: Float[Tensor, " K"]
    bone_weights: Float[Tensor, " D"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unknowns:
    """What the fit changes."""

    shape: Float[Tensor, " B"]
    """Before the tanh of `ShapeRange`."""
    pose: Float[Tensor, "P J 3"]
    root: Float[Tensor, "P 3"]
    """Turn in camera axes after `start`."""
    start: Float[Tensor, "P 3 3"]
    """Camera axes from body axes."""
    pelvis: Float[Tensor, "P 3"]
    """Camera frame, m."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Posed:
    """The body in the camera frames, m."""

    keypoints: Float[Tensor, "P K 3"]
    joints: Float[Tensor, "P J 3"]
    matrices: Float[Tensor, "P J 4 4"]
    """Camera frame from bind pose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Phase:
    """A run of Adam."""

    steps: int
    with_outline: bool
    decay_from: int
    """First step with smaller rates."""
    done: float
    """Share of the whole fit before and after."""
    share: float


def fit_body(
    views: Sequence[View], body: BodyModel, settings: FitBodySettings, *, report: Report
) -> BodyFit:
    """Return the body of the person in all photos and where it stands in each.

    The cameras keep their focal lengths: landmarks cannot tell distance from focal length.

    Args:
        views: Photos of one person; half bodies and portraits too: what they hide stands relaxed.
        body: Any body of 55 joints.
        settings: Weights and steps.
        report: Called with the share of steps done.
    """
    problem = _problem(views, body, settings)
    problem, unknowns = _better_age(problem, body, settings, report)
    for phase in _phases(settings):
        unknowns, _ = _minimise(problem, unknowns, settings, phase, report=report)
    return _result(views, body, problem, unknowns)


def _problem(views: Sequence[View], body: BodyModel, settings: FitBodySettings) -> _Problem:
    cameras = [view.camera for view in views]
    targets = marks.landmark_targets([view.landmarks for view in views], cameras, settings.gate)
    intrinsics = torch.stack([camera.intrinsics for camera in cameras])
    generator = torch.Generator().manual_seed(settings.seed)
    mean = body.bind(body.mean_shape)
    names = body.joint_names
    hands = [[names.index(f"{s}_{j}") for j in marks.HAND_JOINTS] for s in ("left", "right")]
    device = mean.joints.device
    depth = _world_translation(targets, intrinsics)[:, 2]
    return _Problem(
        body=reduced_body(body, marks.USED_KEYPOINTS, settings.surface_points, generator),
        targets=targets,
        outlines=outlines(
            [view.mask for view in views], settings.crop_samples, settings.border_points
        ),
        intrinsics=intrinsics,
        unit_px=0.01 * marks.STANDING_HEIGHT_M * intrinsics[:, 0, 0] / depth,
        prior=priors.pose_prior(body, mean.joints),
        hinges=priors.hinges(body, mean.joints),
        trunk=trunk_of(body, mean),
        shapes=priors.shape_range(body),
        hand_joints=torch.tensor(hands, device=device),
        arm_joints=torch.tensor([names.index(name) for name in ARM_JOINTS], device=device),
        spine=names.index("spine2"),
        keypoint_weights=_keypoint_weights(settings).to(device),
        bone_weights=_bone_weights(settings).to(device),
    )


def _keypoint_weights(settings: FitBodySettings) -> Float[Tensor, " K"]:
    face = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
    weights = dict.fromkeys(marks.USED_KEYPOINTS, 1.0) | dict.fromkeys(face, settings.face_weight)
    weights |= {"left_hip": settings.hip_weight, "right_hip": settings.hip_weight}
    return torch.tensor(list(weights.values()))


def _bone_weights(settings: FitBodySettings) -> Float[Tensor, " D"]:
    weights = dict.fromkeys(marks.BONES, 1.0)
    weights |= dict.fromkeys(marks.FOOT_BONES, settings.foot_direction)
    weights |= dict.fromkeys(marks.HEAD_BONES, settings.head_direction)
    return torch.tensor(list(weights.values()))


def _world_translation(
    targets: marks.LandmarkTargets, intrinsics: Float[Tensor, "P 3 3"]
) -> Float[Tensor, "P 3"]:
    """Where the middle of the hips must be for the world landmarks to be seen where they are."""
    # a trace of weight for all, so that a photo of a mere hand still has a solution
    weights = targets.weights.clamp(min=0.01)
    found = translation_before_camera(targets.world_m, targets.points_px, weights, intrinsics)
    return torch.cat([found[:, :2], found[:, 2:].clamp(min=NEAREST_M)], dim=1)


def _start(problem: _Problem) -> _Unknowns:
    """The mean body, standing, turned by its shoulders and hips."""
    targets, count = problem.targets, len(problem.unit_px)
    bind = bind_reduced(problem.body, problem.shapes.start)
    rows = [marks.USED_KEYPOINTS.index(name) for name in ROOT_KEYPOINTS]
    identities = torch.eye(4, device=bind.joints.device).expand(1, len(bind.joints), 4, 4)
    corners = moved_keypoints(problem.body, bind, identities)[0, rows]
    rotation = best_rotation(corners.expand(count, -1, -1), targets.world_m[:, rows])
    hips_to_pelvis = rotation @ (bind.joints[0] - corners[2:].mean(0))
    hips = targets.world_m[:, rows[2:]].mean(1) + _world_translation(targets, problem.intrinsics)
    return _Unknowns(
        shape=torch.zeros_like(problem.shapes.start),
        pose=problem.prior.mean.expand(count, -1, -1).clone(),
        root=torch.zeros_like(hips),
        start=rotation,
        pelvis=hips + hips_to_pelvis,
    )


def _better_age(
    problem: _Problem, body: BodyModel, settings: FitBodySettings, report: Report
) -> tuple[_Problem, _Unknowns]:
    """Try the fit from the mean age and from a child's; return the better one so far."""
    phase = _trial(settings)
    unknowns, cost = _minimise(problem, _start(problem), settings, phase, report=report)
    if settings.child_age is None or "age" not in body.shape_names:
        return problem, unknowns
    child = replace(problem, shapes=priors.shape_range(body, settings.child_age))
    phase = replace(phase, done=phase.share)
    child_unknowns, child_cost = _minimise(child, _start(child), settings, phase, report=report)
    if child_cost < cost * (1 - settings.child_margin):
        return child, child_unknowns
    return problem, unknowns


def _trial(settings: FitBodySettings) -> _Phase:
    total = 2 * settings.trial_steps + settings.landmark_steps + settings.outline_steps
    share = settings.trial_steps / total
    steps = settings.trial_steps
    return _Phase(steps=steps, with_outline=False, decay_from=steps, done=0.0, share=share)


def _phases(settings: FitBodySettings) -> tuple[_Phase, _Phase]:
    done = 2 * _trial(settings).share
    steps, outline_steps = settings.landmark_steps, settings.outline_steps
    share = (1 - done) * steps / (steps + outline_steps)
    return (
        _Phase(
            steps=steps,
            with_outline=False,
            decay_from=round(settings.decay_at * steps),
            done=done,
            share=share,
        ),
        _Phase(
            steps=outline_steps,
            with_outline=True,
            decay_from=round(settings.decay_at * outline_steps),
            done=done + share,
            share=1 - done - share,
        ),
    )


def _minimise(
    problem: _Problem,
    unknowns: _Unknowns,
    settings: FitBodySettings,
    phase: _Phase,
    *,
    report: Report,
) -> tuple[_Unknowns, float]:
    """Return the unknowns after a run of Adam, and the last cost."""
    rates = {
        "shape": settings.shape_rate,
        "pose": settings.pose_rate,
        "root": settings.root_rate,
        "pelvis": settings.translation_rate,
    }
    free = {name: getattr(unknowns, name).detach().clone().requires_grad_() for name in rates}
    unknowns = replace(unknowns, **free)
    optimiser = torch.optim.Adam([{"params": [free[n]], "lr": rates[n]} for n in rates])
    cost = torch.zeros(())
    for step in range(phase.steps):
        if step == phase.decay_from:
            for group in optimiser.param_groups:
                group["lr"] *= settings.decay
        if step % REPORT_EVERY == 0:
            report(STAGE, phase.done + phase.share * step / phase.steps)
        optimiser.zero_grad(set_to_none=True)
        cost = _cost(problem, unknowns, settings, phase)
        cost.backward()
        optimiser.step()
    fixed = {name: value.detach() for name, value in free.items()}
    return replace(unknowns, **fixed), float(cost.detach())


def _bind(problem: _Problem, unknowns: _Unknowns) -> ReducedBind:
    return bind_reduced(problem.body, priors.shape_within(unknowns.shape, problem.shapes))


def _rotations(problem: _Problem, unknowns: _Unknowns) -> Float[Tensor, "P J 3 3"]:
    return matrix_from_axis_angle(unknowns.pose * problem.prior.is_free)


def _camera_from_body(
    unknowns: _Unknowns, bind_pelvis: Float[Tensor, " 3"]
) -> Float[Tensor, "P 4 4"]:
    rotation = matrix_from_axis_angle(unknowns.root) @ unknowns.start
    shift = unknowns.pelvis - rotation @ bind_pelvis
    last = rotation.new_tensor([0, 0, 0, 1]).expand(len(rotation), 1, 4)
    return torch.cat([torch.cat([rotation, shift[..., None]], -1), last], 1)


def _posed(problem: _Problem, unknowns: _Unknowns, bind: ReducedBind) -> _Posed:
    matrices = camera_from_bind(
        bind.joints,
        problem.body.model.parents,
        _rotations(problem, unknowns),
        _camera_from_body(unknowns, bind.joints[0]),
    )
    return _Posed(
        keypoints=moved_keypoints(problem.body, bind, matrices),
        joints=moved_joints(bind.joints, matrices),
        matrices=matrices,
    )


def _cost(
    problem: _Problem, unknowns: _Unknowns, settings: FitBodySettings, phase: _Phase
) -> Float[Tensor, ""]:
    bind = _bind(problem, unknowns)
    posed = _posed(problem, unknowns, bind)
    cost = _landmark_cost(problem, posed, settings)
    cost = cost + _body_cost(problem, unknowns, posed, settings)
    if phase.with_outline:
        surface = skin(bind.surface, problem.body.surface_weights, posed.matrices)
        cost = cost + settings.inside_weight * _inside_cost(problem, surface, settings)
        still = replace(bind, joints=bind.joints.detach(), surface=bind.surface.detach())
        matrices = _posed(problem, unknowns, still).matrices
        surface = skin(still.surface, problem.body.surface_weights, matrices)
        cost = cost + settings.cover_weight * _cover_cost(problem, surface, settings)
    return cost


def _landmark_cost(
    problem: _Problem, posed: _Posed, settings: FitBodySettings
) -> Float[Tensor, ""]:
    """What the landmarks say: where points are seen and where bones point."""
    targets, unit_px = problem.targets, problem.unit_px
    seen = project(posed.keypoints, problem.intrinsics)
    points = marks.keypoint_cost(
        seen, targets, problem.keypoint_weights, unit_px, scale=settings.keypoint_scale
    )
    directions = marks.direction_cost(posed.keypoints, targets, problem.bone_weights)
    hands = posed.joints[:, problem.hand_joints]
    seen_hands = project(hands.flatten(1, 2), problem.intrinsics).unflatten(1, (2, 16))
    hand_points = marks.hand_point_cost(seen_hands, targets, unit_px, settings.hand_scale)
    return (
        points
        + settings.direction_weight * directions
        + settings.hand_point_weight * hand_points
        + settings.hand_direction_weight * marks.hand_direction_cost(hands, targets)
    )


def _body_cost(
    problem: _Problem, unknowns: _Unknowns, posed: _Posed, settings: FitBodySettings
) -> Float[Tensor, ""]:
    """What is known of bodies without a photo."""
    pose, hinges, targets = unknowns.pose, problem.hinges, problem.targets
    straight = priors.straight_knee_cost(
        pose, hinges, targets.is_leg_straight, settings.straight_knee_rad
    )
    lines = marks.lines_up(posed.keypoints, posed.joints[:, 0])
    return (
        settings.pose_weight * priors.pose_cost(pose, problem.prior)
        + settings.limit_weight * priors.limit_cost(pose, hinges)
        + settings.off_axis_weight * priors.off_axis_cost(pose, hinges)
        + settings.straight_knee_weight * straight
        + settings.upright_weight
        * priors.upright_cost(lines, targets.is_standing, settings.upright_scale)
        + settings.trunk_weight * _trunk_cost(problem, posed)
        + settings.shape_weight
        * len(problem.unit_px)
        * priors.shape_cost(unknowns.shape, problem.shapes)
    )


def _trunk_cost(problem: _Problem, posed: _Posed) -> Float[Tensor, ""]:
    """Return Σ depth² of elbows, wrists and hands inside the trunk (0 to 1)."""
    arms = posed.joints[:, problem.arm_joints]
    spine = posed.matrices[:, problem.spine]
    in_bind = (arms - spine[:, None, :3, 3]) @ spine[:, :3, :3]
    return trunk_depth(in_bind, problem.trunk).square().sum()


def _inside_cost(
    problem: _Problem, surface: Float[Tensor, "P N 3"], settings: FitBodySettings
) -> Float[Tensor, ""]:
    """Return the mean over body points of ρ(distance outside the mask / u), summed over photos."""
    seen = project(surface, problem.intrinsics)
    distance = distance_outside(problem.outlines, seen) / problem.unit_px[:, None]
    return geman_mcclure(distance**2, settings.inside_scale).mean(1).sum()


def _cover_cost(
    problem: _Problem, surface: Float[Tensor, "P N 3"], settings: FitBodySettings
) -> Float[Tensor, ""]:
    """Return the mean over outline points of ρ(distance to the body / u), summed over photos."""
    border = problem.outlines.border_px
    body = nearest(border, project(surface, problem.intrinsics))
    error = (border - body) / problem.unit_px[:, None, None]
    cost = geman_mcclure((error**2).sum(-1), settings.cover_scale).mean(1)
    return (cost * problem.outlines.border_weight).sum()


def _result(
    views: Sequence[View], body: BodyModel, problem: _Problem, unknowns: _Unknowns
) -> BodyFit:
    shape = priors.shape_within(unknowns.shape, problem.shapes)
    bind = body.bind(shape)
    posed = _posed(problem, unknowns, _bind(problem, unknowns))
    height_px = stature(body, bind) * problem.intrinsics[:, 0, 0] / unknowns.pelvis[:, 2]
    seen = project(posed.keypoints, problem.intrinsics)
    return BodyFit(
        shape=shape,
        bind=bind,
        rotations=_rotations(problem, unknowns),
        camera_from_body=_camera_from_body(unknowns, bind.joints[0]),
        cameras=tuple(view.camera for view in views),
        landmark_error_percent=100 * marks.limb_error_px(seen, problem.targets) / height_px,
    )
