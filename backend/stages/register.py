"""One skinned surface against the posed surfaces of all photos: better poses, shape and weights.

Poses that are a little wrong blur what fusion makes of several photos. Here the fused surface is
laid onto each photo's own surface again and again: closest points, then one second-order step of
all poses with the common shape eliminated (`geometry.pose_steps`), then the shape's own step.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.body.kinematics import (
    axis_angle_from_matrix,
    bones_of,
    matrix_from_axis_angle,
    moved_joints,
)
from backend.geometry.cloth_weights import vertex_areas
from backend.geometry.matching import Matches, Target, carried_weights
from backend.geometry.normals import vertex_normals
from backend.geometry.pose_steps import (
    Hinges,
    Priors,
    ShapePrior,
    Sights,
    common_moves,
    hinges,
    pose_jacobian,
    solve,
)
from backend.geometry.skinning import blended_matrices, determinants, pose
from backend.geometry.smoothness import smooth_attributes
from backend.geometry.weight_steps import WeightRules, change_weights, changeable, weight_gains
from backend.report import Report
from backend.types import PosedSurface, Poses, SkinnedMesh

STAGE = "register"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterSettings:
    """How the surface is laid onto the photos' surfaces."""

    iterations: int = 14
    reach_m: tuple[float, float] = (0.12, 0.04)
    """Farther points are no matches, in the first and in the last iteration."""
    robust_m: tuple[float, float] = (0.03, 0.01)
    """Distance at which a match's pull is a quarter (Geman and McClure), first and last."""
    min_cosine: float = 0.5
    """Between the normals of a match."""
    noise_m: float = 0.003
    """Of a photo's surface."""
    patch_m: float = 0.05
    """Errors of surfaces are alike over this distance: so large an area is one measurement."""
    rigidity_power: float = 4.0
    """Of the blended matrix's determinant: where skin folds, weights say too little of the pose."""
    max_points: int = 8000
    """Of the surface, drawn by area, in the equations of the poses."""
    max_entries: int = 16_000_000
    """Of the poses' Jacobian, which is held three times (192 MB); fewer points for many photos."""
    pose_sigma_rad: float = 0.1
    """Of a joint, about the given pose."""
    stiff_sigma_rad: float = 0.03
    stiff_joints: tuple[int, ...] = (10, 11, *range(25, 55))
    """Toes and fingers: small, and often wrong in the surfaces."""
    fixed_joints: tuple[int, ...] = (22, 23, 24)
    """Jaw and eyes: inside the surface."""
    root_sigma_m: float = 0.1
    common_sigma_rad: float = 0.1
    """Of the mean move of a joint over all photos, which the common shape could take as well."""
    move_sigma_m: float = 0.05
    """Of a vertex from the given surface, along its normal."""
    body_sigma_m: float = 0.03
    """Of bare skin and tight clothes from the body: their errors are alike everywhere."""
    body_reach_m: float = 0.1
    body_robust_m: tuple[float, float] = (0.03, 0.006)
    """As `robust_m`, for distances from the body: loose cloth says nothing of it. A suit that hung
    2 cm in front of the body pulled the trunk along by as much with a last value of 2 cm."""
    max_turn_rad: float = 0.3
    """Of a joint in one iteration."""
    max_move_m: float = 0.03
    """Of a vertex in one iteration."""
    least_trust: float = 1e-3
    """Sum of the photos' trust below which a vertex stays."""
    smoothing: int = 5
    """Rounds of averaging the vertices' moves with their neighbours' in each iteration."""
    weight_rounds: int = 1
    """Steps of the weights, after those of the poses; 0: weights are kept."""
    weights: WeightRules = field(default_factory=WeightRules)
    normal_scale_m: float = 0.05
    """Where scans take their weights from: distance that counts as much as 60° of normals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """What all photos together say."""

    mesh: SkinnedMesh
    """Bind pose; the given one with its vertices moved and its weights changed a little."""
    poses: Poses
    scan_weights: tuple[Float[Tensor, "_ J"], ...]
    """For each surface's vertices, the weights of the registered surface there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """What does not change from iteration to iteration."""

    targets: Sequence[Target]
    given: Poses
    hinges: Hinges
    chosen: Int[Tensor, " N"]
    """Vertices in the equations of the poses, drawn by area."""
    patches: float
    """Measurements that each of them stands for."""
    body: Target | None = None
    settings: RegisterSettings


def register(
    mesh: SkinnedMesh,
    surfaces: Sequence[PosedSurface],
    poses: Poses,
    settings: RegisterSettings,
    *,
    report: Report,
    body: SkinnedMesh | None = None,
) -> Registered:
    """Return the surface, the poses and the scans' weights that fit together best.

    What all photos agree on moves the surface; what they disagree on moves their poses. A turn of
    the last limb of a chain in all photos is one freedom with the shape, which the body alone can
    tell: with it, bare skin and tight clothes lie about the body. Where weights changed a little
    explain what is left, they change. Memory: 192 MB for the equations of the poses, a search tree
    per surface, and for the weights 12 bytes per photo, vertex and joint in use.

    Args:
        mesh: Bind pose, body frame, metres.
        surfaces: Posed, in the camera frame of their photos; their weights are not read.
        poses: One per surface, about right.
        settings: See there.
        report: Called with the share of the work done after each iteration.
        body: In the bind pose; closed.
    """
    frame = _frame(mesh, surfaces, poses, settings)
    if body is not None:
        whole = torch.ones_like(body.vertices[:, 0]) > 0
        frame = replace(frame, body=Target(body.vertices, body.faces, whole))
    for k in range(settings.iterations):
        report(STAGE, 0.9 * k / settings.iterations)
        share = k / max(settings.iterations - 1, 1)
        mesh, poses = _iterate(mesh, poses, frame, share)
    report(STAGE, 0.9)
    mesh = _reweighted(mesh, poses, frame)
    return Registered(
        mesh=mesh, poses=poses, scan_weights=_scan_weights(mesh, surfaces, poses, settings)
    )


def _frame(
    mesh: SkinnedMesh,
    surfaces: Sequence[PosedSurface],
    poses: Poses,
    settings: RegisterSettings,
) -> _Frame:
    device = mesh.vertices.device
    joints = [j for j in range(len(poses.parents)) if j not in settings.fixed_joints]
    area = vertex_areas(mesh.vertices, mesh.faces)
    parameters = len(surfaces) * (3 + 3 * len(joints))
    count = min(settings.max_points, settings.max_entries // parameters, int((area > 0).sum()))
    generator = torch.Generator().manual_seed(0)
    chosen = torch.multinomial(area.cpu(), count, generator=generator).to(device)
    return _Frame(
        targets=[
            Target(surface.mesh.vertices, surface.mesh.faces, surface.is_observed)
            for surface in surfaces
        ],
        given=poses,
        hinges=hinges(poses.joints, poses.parents, joints),
        chosen=chosen,
        patches=float(area.sum()) / count / settings.patch_m**2,
        settings=settings,
    )


def _iterate(
    mesh: SkinnedMesh, poses: Poses, frame: _Frame, share: float
) -> tuple[SkinnedMesh, Poses]:
    """Match, move the poses, move the shape; `share` of the iterations are done."""
    settings = frame.settings
    reach_m, robust_m = (
        first * (last / first) ** share for first, last in (settings.reach_m, settings.robust_m)
    )
    matches = _matches(mesh, bones_of(poses), frame, reach_m)
    sights = _sights(mesh, bones_of(poses), matches, robust_m, settings=settings)
    shape = _shape_prior(mesh, frame, share)
    step = solve(
        _of_poses(sights, mesh, bones_of(poses), matches, frame=frame),
        _priors(poses, shape, frame),
    )
    poses = _moved(poses, step, frame)
    sights = _sights(mesh, bones_of(poses), matches, robust_m, settings=settings)
    return _reshaped(mesh, sights, shape, settings), poses


def _shape_prior(mesh: SkinnedMesh, frame: _Frame, share: float) -> ShapePrior:
    """Vertices stay where they are, or lie on the body if it is known and near."""
    settings = frame.settings
    stay = torch.full_like(mesh.vertices[:, 0], settings.move_sigma_m**-2)
    if frame.body is None:
        return ShapePrior(distance_m=torch.zeros_like(stay), precision=stay)
    first, last = settings.body_robust_m
    robust_m = first * (last / first) ** share
    outward = vertex_normals(mesh.vertices, mesh.faces)
    found = frame.body.match(mesh.vertices, outward, settings.body_reach_m, settings.min_cosine)
    distance = ((mesh.vertices - found.points) * found.normals).sum(1)
    near = (robust_m**2 / (robust_m**2 + distance.square())).square()
    near = torch.where(found.found, near, 0.0) * settings.body_sigma_m**-2
    return ShapePrior(distance_m=distance * near / (near + stay), precision=near + stay)


def _matches(
    mesh: SkinnedMesh, bones: Float[Tensor, "P J 4 4"], frame: _Frame, reach_m: float
) -> list[Matches]:
    found = []
    for target, points in zip(frame.targets, pose(mesh.vertices, mesh.weights, bones), strict=True):
        normals = vertex_normals(points, mesh.faces)
        found.append(target.match(points, normals, reach_m, frame.settings.min_cosine))
    return found


def _sights(
    mesh: SkinnedMesh,
    bones: Float[Tensor, "P J 4 4"],
    matches: Sequence[Matches],
    robust_m: float,
    *,
    settings: RegisterSettings,
) -> Sights:
    """Return how all photos see all vertices, without the poses' part."""
    outward = vertex_normals(mesh.vertices, mesh.faces)
    distances, gains, trusts = [], [], []
    for own, match in zip(bones, matches, strict=True):
        blended = blended_matrices(mesh.weights, own)
        points = (blended[:, :3, :3] @ mesh.vertices[..., None])[..., 0] + blended[:, :3, 3]
        distance = ((points - match.points) * match.normals).sum(1)
        turned = (blended[:, :3, :3] @ outward[..., None])[..., 0]
        rigid = determinants(mesh.weights, own).clamp(0, 1) ** settings.rigidity_power
        robust = (robust_m**2 / (robust_m**2 + distance.square())).square()
        distances.append(torch.where(match.found, distance, 0.0))
        gains.append((turned * match.normals).sum(1))
        trusts.append(torch.where(match.found, rigid * robust, 0.0))
    distance = torch.stack(distances)
    return Sights(
        distance_m=distance,
        jacobian=distance.new_zeros(*distance.shape, 0),
        shape_gain=torch.stack(gains),
        precision=torch.stack(trusts) / settings.noise_m**2,
    )


def _of_poses(
    sights: Sights,
    mesh: SkinnedMesh,
    bones: Float[Tensor, "P J 4 4"],
    matches: Sequence[Matches],
    *,
    frame: _Frame,
) -> Sights:
    """Return what the chosen vertices say of the poses."""
    chosen = frame.chosen
    jacobian = [
        pose_jacobian(
            mesh.vertices[chosen],
            match.normals[chosen],
            mesh.weights[chosen],
            own,
            hinges=frame.hinges,
        )
        for own, match in zip(bones, matches, strict=True)
    ]
    return Sights(
        distance_m=sights.distance_m[:, chosen],
        jacobian=torch.stack(jacobian),
        shape_gain=sights.shape_gain[:, chosen],
        precision=frame.patches * sights.precision[:, chosen],
    )


def _priors(poses: Poses, shape: ShapePrior, frame: _Frame) -> Priors:
    settings, given = frame.settings, frame.given
    turned = axis_angle_from_matrix(given.rotations.mT @ poses.rotations)
    root = given.camera_from_body[:, :3, :3].mT @ poses.camera_from_body[:, :3, :3]
    turned = torch.cat([axis_angle_from_matrix(root)[:, None], turned[:, 1:]], 1)
    at, was = (moved_joints(given.joints, bones_of(one))[:, 0] for one in (poses, given))
    sigma = turned.new_full((turned.shape[1],), settings.pose_sigma_rad)
    sigma[list(settings.stiff_joints)] = settings.stiff_sigma_rad
    turns = sigma[frame.hinges.index].repeat_interleave(3)
    own = torch.cat([turns.new_full((3,), settings.root_sigma_m), turns]) ** -2
    common = torch.full_like(own, settings.common_sigma_rad**-2)
    common[:3] = 0.0
    return Priors(
        moved=torch.cat([at - was, turned[:, frame.hinges.index].flatten(1)], 1),
        precision=own,
        common_precision=common,
        shape=ShapePrior(
            distance_m=shape.distance_m[frame.chosen],
            precision=frame.patches * shape.precision[frame.chosen],
        ),
    )


def _moved(poses: Poses, step: Float[Tensor, "P D"], frame: _Frame) -> Poses:
    """Return the poses after a step: bind joints stay, the root turns about the posed pelvis."""
    turns = torch.zeros_like(poses.rotations[..., 0])
    turns[:, frame.hinges.index] = step[:, 3:].unflatten(1, (-1, 3))
    length = turns.norm(dim=-1, keepdim=True)
    limit = frame.settings.max_turn_rad
    turn = matrix_from_axis_angle(turns * (limit / length.clamp(min=limit)))
    rotations = torch.cat([poses.rotations[:, :1], poses.rotations[:, 1:] @ turn[:, 1:]], 1)
    pelvis = poses.joints[0]
    camera = poses.camera_from_body.clone()
    turned = camera[:, :3, :3] @ turn[:, 0]
    at = camera[:, :3, :3] @ pelvis + camera[:, :3, 3] + step[:, :3]
    camera[:, :3, :3] = turned
    camera[:, :3, 3] = at - turned @ pelvis
    return replace(poses, rotations=rotations, camera_from_body=camera)


def _reshaped(
    mesh: SkinnedMesh, sights: Sights, shape: ShapePrior, settings: RegisterSettings
) -> SkinnedMesh:
    """Return the surface moved along its normals to where the photos, on the mean, see it."""
    move = common_moves(sights, shape)
    move = move.clamp(-settings.max_move_m, settings.max_move_m)
    weight = (sights.precision * sights.shape_gain.square()).sum(0) * settings.noise_m**2
    both = torch.stack([move * weight, weight], 1)
    both = smooth_attributes(both, mesh.faces, settings.smoothing, 0.5)
    move = both[:, 0] / both[:, 1].clamp(min=settings.least_trust)
    outward = vertex_normals(mesh.vertices, mesh.faces)
    return replace(mesh, vertices=mesh.vertices + move[:, None] * outward)


def _reweighted(mesh: SkinnedMesh, poses: Poses, frame: _Frame) -> SkinnedMesh:
    """Return the surface with weights changed where that explains what the photos see."""
    settings, given, bones = frame.settings, mesh.weights, bones_of(poses)
    reach_m, robust_m = settings.reach_m[1], settings.robust_m[1]
    joints, _ = changeable(mesh, settings.weights)
    for _ in range(settings.weight_rounds):
        matches = _matches(mesh, bones, frame, reach_m)
        sights = _sights(
            mesh, bones, matches, robust_m, settings=replace(settings, rigidity_power=0.0)
        )
        gains = [
            weight_gains(mesh, joints, own, match.normals)
            for own, match in zip(bones, matches, strict=True)
        ]
        weights = change_weights(mesh, given, sights, torch.stack(gains), rules=settings.weights)
        mesh = replace(mesh, weights=weights)
    return mesh


def _scan_weights(
    mesh: SkinnedMesh,
    surfaces: Sequence[PosedSurface],
    poses: Poses,
    settings: RegisterSettings,
) -> tuple[Float[Tensor, "_ J"], ...]:
    found = []
    for surface, bones in zip(surfaces, bones_of(poses), strict=True):
        posed = replace(mesh, vertices=pose(mesh.vertices, mesh.weights, bones))
        points = surface.mesh.vertices
        normals = vertex_normals(points, surface.mesh.faces)
        found.append(
            carried_weights(posed, points, normals, normal_scale_m=settings.normal_scale_m)
        )
    return tuple(found)
