"""Photos with landmarks and masks → one body shape, and its pose and place in each photo.

One shape for all photos, a pose, a root rotation and a translation for each, all found together by
Adam (Kingma and Ba 2015) as the least of `_landmark_cost` + `_body_cost` + `_outline_cost`; the
recipe is SMPLify-X's (Pavlakos et al. 2019) with directions of bones in space added.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.body import hinges as bends
from backend.body import landmark_targets as marks
from backend.body import priors, reduced
from backend.body.model import BodyModel
from backend.body.standing import (
    Posed,
    Standing,
    camera_from_body,
    joint_rotations,
    posed_body,
    standing_at,
)
from backend.body.trunk import Trunk, arm_rows, trunk_cost, trunk_of
from backend.geometry.outline import Outlines, cover_cost, inside_cost, outlines
from backend.geometry.placement import project
from backend.geometry.skinning import pose as skin
from backend.report import Report
from backend.types import BodyFit, View

STAGE = "fit_body"
REPORT_EVERY = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class FitBodySettings:
    """Weights and steps of the fit, found on 29 photos of real people.

    Image errors are in units u = 1 % of a standing person's height in the photo. A weight w without
    unit of its own multiplies a cost whose unit the term's docstring gives.
    """

    gate: marks.StandingGate = field(default_factory=marks.StandingGate)
    pose_steps: int = 60
    """Without the outline, which would draw limbs to the wrong edge."""
    age_steps: int = 40
    """As an adult and, if `child_age` is given, again from there in the same pose."""
    outline_steps: int = 50
    child_age: float | None = None
    """A second start of the age (Anny's child: 0.35), for people known to be small; the better fit
    goes on. Not tried by itself: of 48 adults 2 came out as children, of 1 child none."""
    child_margin: float = 0.0
    """Share by which the child must fit better."""
    pose_rate: float = 0.05
    """Adam's step, rad."""
    root_rate: float = 0.03
    """rad"""
    translation_rate: float = 0.02
    """m"""
    shape_rate: float = 0.02
    """Units of the parameter before the tanh."""
    decay_at: float = 0.6
    """Share of the last two runs' steps after which the rates fall."""
    decay: float = 0.4
    keypoint_scale: float = 6.0
    """u; 2-D errors count less beyond it. 4 to 8 is stable."""
    face_weight: float = 0.4
    """The regressors of nose, eyes and ears are less sure than those of limbs."""
    hip_weight: float = 0.5
    """MediaPipe's hips lie elsewhere than the body's; worst joint of every second photo at 1."""
    direction_weight: float = 60.0
    """u²; 20 to 40 gives the wrong depth in folded poses, 120 costs 2-D error."""
    arm_direction: float = 0.3
    """Share of `direction_weight`: the landmarks' arms are far less sure in depth than trunk and
    legs; views of one person agree to 69 mm instead of 74."""
    foot_direction: float = 0.5
    head_direction: float = 0.3
    pose_weight: float = 0.6
    """u² / rad²; hidden arms hang closer to the truth than at 0.2, folded poses do not mind."""
    limit_weight: float = 50.0
    """u² / rad²"""
    off_axis_weight: float = 1.0
    """u² / rad²"""
    upright_weight: float = 1000.0
    """u²; 300 leaves leans of 9°. MediaPipe's people tip towards the camera by 9 to 19°."""
    upright_scale: float = 0.03
    """Squared sine; beyond 10° the pull levels off."""
    straight_knee_weight: float = 100.0
    """u² / rad²; 30 leaves bends of 15 to 20°, none lets the lean that `upright_weight` takes away
    return as bent knees."""
    straight_knee_rad: float = 0.05
    """Flexion of a leg that people call straight."""
    hand_scale: float = 3.0
    """u"""
    hand_point_weight: float = 0.5
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

    body: reduced.ReducedBody
    targets: marks.LandmarkTargets
    outlines: Outlines
    intrinsics: Float[Tensor, "P 3 3"]
    unit_px: Float[Tensor, " P"]
    prior: priors.PosePrior
    hinges: bends.Hinges
    trunk: Trunk
    shapes: priors.ShapeRange
    hand_joints: Int[Tensor, "2 16"]
    arm_joints: Int[Tensor, " A"]
    spine: int
    keypoint_weights: Float[Tensor, " K"]
    bone_weights: Float[Tensor, " D"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Phase:
    """A run of Adam."""

    steps: int
    with_outline: bool
    rate: float
    """Of Adam's full rates."""
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
    phases = _phases(settings)
    unknowns, _ = _minimise(problem, _start(problem), settings, phases["pose"], report=report)
    problem, unknowns = _better_age(problem, unknowns, settings, report)
    unknowns, _ = _minimise(problem, unknowns, settings, phases["outline"], report=report)
    report(STAGE, 1.0)
    return _result(views, body, problem, unknowns)


def _problem(views: Sequence[View], body: BodyModel, settings: FitBodySettings) -> _Problem:
    cameras = [view.camera for view in views]
    targets = marks.landmark_targets([view.landmarks for view in views], cameras, settings.gate)
    intrinsics = torch.stack([camera.intrinsics for camera in cameras])
    generator = torch.Generator().manual_seed(settings.seed)
    mean = body.bind(body.mean_shape)
    device = mean.joints.device
    keypoint_weights = marks.keypoint_shares(settings.face_weight, settings.hip_weight)
    bone_weights = marks.bone_shares(
        settings.arm_direction, settings.foot_direction, settings.head_direction
    )
    depth = marks.world_translation(targets, intrinsics)[:, 2]
    return _Problem(
        body=reduced.reduced_body(body, marks.USED_KEYPOINTS, settings.surface_points, generator),
        targets=targets,
        outlines=outlines(
            [view.mask for view in views], settings.crop_samples, settings.border_points
        ),
        intrinsics=intrinsics,
        unit_px=0.01 * marks.STANDING_HEIGHT_M * intrinsics[:, 0, 0] / depth,
        prior=priors.pose_prior(body, mean.joints),
        hinges=bends.hinges(body, mean.joints),
        trunk=trunk_of(body, mean),
        shapes=priors.shape_range(body),
        hand_joints=marks.hand_joint_rows(body.joint_names, device),
        arm_joints=arm_rows(body.joint_names, device),
        spine=body.joint_names.index("spine2"),
        keypoint_weights=keypoint_weights.to(device),
        bone_weights=bone_weights.to(device),
    )


def _start(problem: _Problem) -> Standing:
    """The mean body as the world landmarks stand."""
    bind, targets = reduced.bind_reduced(problem.body, problem.shapes.start), problem.targets
    placed = targets.world_m + marks.world_translation(targets, problem.intrinsics)[:, None]
    return standing_at(problem.body, bind, problem.hinges, placed, visibility=targets.weights)


def _child_of(problem: _Problem, unknowns: Standing, age: float) -> tuple[_Problem, Standing]:
    """Return the same people as children of an age, as much nearer as they are smaller."""
    child = replace(problem, shapes=priors.shape_range(problem.body.model, age))
    tall, small = (reduced.bind_reduced(p.body, p.shapes.start).joints for p in (problem, child))
    smaller = (small.amax(0) - small.amin(0))[1] / (tall.amax(0) - tall.amin(0))[1]
    shape = torch.zeros_like(unknowns.shape)
    return child, replace(unknowns, shape=shape, pelvis=unknowns.pelvis * smaller)


def _better_age(
    problem: _Problem, unknowns: Standing, settings: FitBodySettings, report: Report
) -> tuple[_Problem, Standing]:
    """Go on as an adult and as a child; return the one that fits better."""
    phase = _phases(settings)["age"]
    adult, cost = _minimise(problem, unknowns, settings, phase, report=report)
    if settings.child_age is None or "age" not in problem.body.model.shape_names:
        return problem, adult
    child, start = _child_of(problem, unknowns, settings.child_age)
    phase = replace(phase, done=phase.done + phase.share)
    young, young_cost = _minimise(child, start, settings, phase, report=report)
    if young_cost < cost * (1 - settings.child_margin):
        return child, young
    return problem, adult


def _phases(settings: FitBodySettings) -> dict[str, _Phase]:
    """The runs of the fit; "age" is gone through once for each start."""
    runs = (
        ("pose", settings.pose_steps, 1, False),
        ("age", settings.age_steps, 1 if settings.child_age is None else 2, False),
        ("outline", settings.outline_steps, 1, True),
    )
    total = sum(steps * times for _, steps, times, _ in runs)
    phases, done = {}, 0
    for name, steps, times, with_outline in runs:
        # the first run ends far from the minimum; the last starts near it, and Adam begins with
        # full steps whatever the gradient
        decay_from = steps if name == "pose" else round(settings.decay_at * steps)
        rate = settings.decay if with_outline else 1.0
        phases[name] = _Phase(
            steps=steps,
            with_outline=with_outline,
            rate=rate,
            decay_from=decay_from,
            done=done / total,
            share=steps / total,
        )
        done += steps * times
    return phases


def _minimise(
    problem: _Problem,
    unknowns: Standing,
    settings: FitBodySettings,
    phase: _Phase,
    *,
    report: Report,
) -> tuple[Standing, float]:
    """Return the unknowns after a run of Adam, and the last cost."""
    rates = {
        "shape": settings.shape_rate,
        "pose": settings.pose_rate,
        "root": settings.root_rate,
        "pelvis": settings.translation_rate,
    }
    free = {name: getattr(unknowns, name).detach().clone().requires_grad_() for name in rates}
    unknowns = replace(unknowns, **free)
    optimiser = torch.optim.Adam(
        [{"params": [free[n]], "lr": phase.rate * rates[n]} for n in rates]
    )
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
    found = replace(unknowns, **{name: value.detach() for name, value in free.items()})
    return found, float(cost.detach())


def _bind(problem: _Problem, unknowns: Standing) -> reduced.ReducedBind:
    return reduced.bind_reduced(problem.body, priors.shape_within(unknowns.shape, problem.shapes))


def _posed(problem: _Problem, unknowns: Standing, bind: reduced.ReducedBind) -> Posed:
    return posed_body(problem.body, bind, unknowns, problem.prior.is_free)


def _cost(
    problem: _Problem, unknowns: Standing, settings: FitBodySettings, phase: _Phase
) -> Float[Tensor, ""]:
    bind = _bind(problem, unknowns)
    posed = _posed(problem, unknowns, bind)
    cost = _landmark_cost(problem, posed, settings) + _body_cost(problem, unknowns, posed, settings)
    if phase.with_outline:
        cost = cost + _outline_cost(problem, unknowns, bind, settings)
    return cost


def _outline_cost(
    problem: _Problem, unknowns: Standing, bind: reduced.ReducedBind, settings: FitBodySettings
) -> Float[Tensor, ""]:
    """What the mask says; only its inside may change the shape."""
    still = replace(bind, joints=bind.joints.detach(), surface=bind.surface.detach())
    seen, seen_still = (_seen_surface(problem, unknowns, b) for b in (bind, still))
    edge, unit_px = problem.outlines, problem.unit_px
    inside = inside_cost(edge, seen, unit_px, settings.inside_scale)
    cover = cover_cost(edge, seen_still, unit_px, settings.cover_scale)
    return settings.inside_weight * inside + settings.cover_weight * cover


def _seen_surface(
    problem: _Problem, unknowns: Standing, bind: reduced.ReducedBind
) -> Float[Tensor, "P N 2"]:
    matrices = _posed(problem, unknowns, bind).matrices
    surface = skin(bind.surface, problem.body.surface_weights, matrices)
    return project(surface, problem.intrinsics)


def _landmark_cost(problem: _Problem, posed: Posed, settings: FitBodySettings) -> Float[Tensor, ""]:
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
    problem: _Problem, unknowns: Standing, posed: Posed, settings: FitBodySettings
) -> Float[Tensor, ""]:
    """What is known of bodies without a photo."""
    pose, hinges, targets = unknowns.pose, problem.hinges, problem.targets
    is_straight, flexion_rad = targets.is_leg_straight, settings.straight_knee_rad
    straight = bends.straight_knee_cost(pose, hinges, is_straight, flexion_rad)
    lines = marks.lines_up(posed.keypoints, posed.joints[:, 0])
    arms, spine = posed.joints[:, problem.arm_joints], posed.matrices[:, problem.spine]
    return (
        settings.pose_weight * priors.pose_cost(pose, problem.prior)
        + settings.limit_weight * bends.limit_cost(pose, hinges)
        + settings.off_axis_weight * bends.off_axis_cost(pose, hinges)
        + settings.straight_knee_weight * straight
        + settings.upright_weight
        * priors.upright_cost(lines, targets.is_standing, settings.upright_scale)
        + settings.trunk_weight * trunk_cost(arms, spine, problem.trunk)
        + settings.shape_weight
        * len(problem.unit_px)
        * priors.shape_cost(unknowns.shape, problem.shapes)
    )


def _result(
    views: Sequence[View], body: BodyModel, problem: _Problem, unknowns: Standing
) -> BodyFit:
    shape = priors.shape_within(unknowns.shape, problem.shapes)
    bind = body.bind(shape)
    posed = _posed(problem, unknowns, _bind(problem, unknowns))
    height_px = reduced.stature(body, bind) * problem.intrinsics[:, 0, 0] / unknowns.pelvis[:, 2]
    seen = project(posed.keypoints, problem.intrinsics)
    return BodyFit(
        shape=shape,
        bind=bind,
        rotations=joint_rotations(unknowns, problem.prior.is_free),
        camera_from_body=camera_from_body(unknowns, bind.joints[0]),
        cameras=tuple(view.camera for view in views),
        landmark_error_percent=100 * marks.limb_error_px(seen, problem.targets) / height_px,
    )
