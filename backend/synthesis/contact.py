"""Arms that touch the body without piercing it."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.body.kinematics import bone_matrices, matrix_from_axis_angle
from backend.geometry.signed_distance import SurfaceQuery
from backend.geometry.skinning import pose
from backend.synthesis.people import Person, merged

SIDES = {"left": 1.0, "right": -1.0}
ARM = ("elbow", "wrist", "index", "middle", "ring", "pinky", "thumb")
TRUNK = ("pelvis", "spine1", "spine2", "spine3", "left_hip", "right_hip")
ARM_SHARE = 0.9
"""Least share of forearm and hand in a vertex that is kept off the trunk."""
TRUNK_SHARE = 0.6
INWARD_DEG, OUTWARD_DEG, STEP_DEG = -30, 48, 3
"""How far an arm is turned at the shoulder."""
ALLOWED_M = 0.002
"""Depth to which skin gives way."""
STRAY_SHARE = 0.01
"""Hems and inner sheets of cloth call so many points inside that are not."""
DEPTH_M = 0.15
"""Beyond this nothing is searched for."""
THINNING = 3
"""One in so many vertices of the arm is looked at."""


def with_arms_clear(
    person: Person,
    joint_names: tuple[str, ...],
    rotations: Float[Tensor, "J 3 3"],
    *,
    is_touching: bool,
) -> Float[Tensor, "J 3 3"]:
    """Return a pose whose forearms and hands are out of the trunk, each arm turned sideways.

    Args:
        person: Whose trunk, with its clothes, counts.
        joint_names: In the order of the rotations.
        rotations: Relative to parent and bind pose, body axes.
        is_touching: Arms are also turned inwards until they touch; else only outwards and only
            where they pierce.
    """
    surface = merged(person)
    bones = bone_matrices(person.bind.joints, person.parents, rotations)
    posed = pose(surface.vertices, surface.weights, bones)
    trunk = _share(surface.weights, joint_names, TRUNK) > TRUNK_SHARE
    query = SurfaceQuery(posed, surface.faces[trunk[surface.faces].all(dim=1)])
    corners = posed[surface.faces[trunk[surface.faces].all(dim=1)]]
    rotations = rotations.clone()
    for side in SIDES:
        names = tuple(f"{side}_{part}" for part in ARM)
        arm = posed[_share(surface.weights, joint_names, names) > ARM_SHARE][::THINNING]
        shoulder = joint_names.index(f"{side}_shoulder")
        turns = _turns(side, inwards=is_touching).to(posed)
        above = bones[person.parents[shoulder], :3, :3]
        centre = bones[shoulder, :3, :3] @ person.bind.joints[shoulder] + bones[shoulder, :3, 3]
        moved = (arm - centre) @ (above @ turns @ above.mT).mT + centre  # (angles, N, 3)
        rotations[shoulder] = turns[_first_clear(query, corners, moved)] @ rotations[shoulder]
    return rotations


def _share(
    weights: Float[Tensor, "V J"], joint_names: tuple[str, ...], parts: tuple[str, ...]
) -> Float[Tensor, " V"]:
    """Return the share of the joints whose names start with one of the parts."""
    columns = [i for i, name in enumerate(joint_names) if name.startswith(parts)]
    return weights[:, columns].sum(dim=1)


def _turns(side: str, *, inwards: bool) -> Float[Tensor, "N 3 3"]:
    """Return turns of an arm about the body's forward axis, from the inmost to the outmost."""
    degrees = torch.arange(INWARD_DEG if inwards else 0, OUTWARD_DEG + 1, STEP_DEG)
    vectors = torch.zeros(len(degrees), 3)
    vectors[:, 2] = torch.deg2rad(degrees * SIDES[side])
    return matrix_from_axis_angle(vectors)


def _first_clear(
    query: SurfaceQuery, corners: Float[Tensor, "F 3 3"], moved: Float[Tensor, "A N 3"]
) -> int:
    """Return the first of several places at which hardly a point is inside; else the last."""
    closest = query.closest_points(moved.flatten(0, 1), DEPTH_M)
    face: Int[Tensor, " M"] = closest.face.clamp_min(0)
    points = (closest.barycentric[..., None] * corners[face]).sum(1)
    a, b, c = corners[face].unbind(1)
    outward = torch.nn.functional.normalize(torch.linalg.cross(b - a, c - a), dim=1)
    height_m = ((moved.flatten(0, 1) - points) * outward).sum(1)
    is_inside: Bool[Tensor, " M"] = closest.found & (height_m < -ALLOWED_M)
    is_clear = is_inside.view(moved.shape[:2]).float().mean(dim=1) < STRAY_SHARE
    return int(is_clear.float().argmax()) if is_clear.any() else len(moved) - 1
