"""How rotations of joints chain, and how they are written as vectors.

Frames: everything in body axes. A joint's rotation is **relative to its parent and to the bind
pose**: all identities give the bind pose.
"""

from functools import cache

import torch
from jaxtyping import Float, Int
from torch import Tensor, where
from torch.nn.functional import normalize

from backend.types import Poses

SMALL_RAD2 = 1e-8
"""Squared angles below this use the series of sin(a)/a at 0, which has a derivative there."""


@cache
def _levels(
    parents: tuple[int, ...], device: torch.device
) -> tuple[list[tuple[Int[Tensor, " L"], Int[Tensor, " L"]]], Int[Tensor, " J"]]:
    """Group the joints below the root by depth.

    Returns:
        For each level, its joints and the places of their parents within the level before; and the
        place of each joint in the chain of all levels.
    """
    level, order, groups = [0], [0], []
    while True:
        children = [joint for joint, parent in enumerate(parents) if parent in level]
        if not children:
            break
        places = [level.index(parents[joint]) for joint in children]
        groups.append((torch.tensor(children, device=device), torch.tensor(places, device=device)))
        level = children
        order += children
    return groups, torch.tensor(order, device=device).argsort()


def bone_matrices(
    joints: Float[Tensor, "J 3"],
    parents: tuple[int, ...],
    rotations: Float[Tensor, "*P J 3 3"],
) -> Float[Tensor, "*P J 4 4"]:
    """Return the matrices that move the bind pose's skin with each bone.

    G_j = G_parent T(x_j) R_j T(-x_j)    SMPL (Loper et al. 2015), section 3, in body axes

    Args:
        joints: x_j, bind pose, metres.
        parents: Of each joint; -1 for the root, which comes first.
        rotations: R_j, relative to parent and bind pose, in body axes.
    """
    shift = joints - (rotations @ joints[..., None])[..., 0]
    local = torch.cat([rotations, shift[..., None]], -1)  # (*P, J, 3, 4)
    last = torch.eye(4, dtype=local.dtype, device=local.device)[3:]
    local = torch.cat([local, last.expand(*local.shape[:-2], 1, 4)], -2)
    groups, place = _levels(parents, joints.device)
    chained = [local[..., :1, :, :]]
    for children, above in groups:  # level by level: 9 products instead of 54
        chained.append(chained[-1][..., above, :, :] @ local[..., children, :, :])
    return torch.cat(chained, -3)[..., place, :, :]


def camera_from_bind(
    joints: Float[Tensor, "J 3"],
    parents: tuple[int, ...],
    rotations: Float[Tensor, "*P J 3 3"],
    camera_from_body: Float[Tensor, "*P 4 4"],
) -> Float[Tensor, "*P J 4 4"]:
    """Return the bone matrices that take the bind pose into each photo's camera frame.

    Args:
        joints: Bind pose, body frame, metres.
        parents: Of each joint; -1 for the root, which comes first.
        rotations: Relative to parent and bind pose, in body axes; the root's is the identity where
            `camera_from_body` holds it.
        camera_from_body: Rigid.
    """
    return camera_from_body[..., None, :, :] @ bone_matrices(joints, parents, rotations)


def bones_of(poses: Poses) -> Float[Tensor, "P J 4 4"]:
    """Return the bone matrices that take the bind pose into each photo's camera frame."""
    return camera_from_bind(poses.joints, poses.parents, poses.rotations, poses.camera_from_body)


def moved_joints(
    joints: Float[Tensor, "J 3"], posed_from_bind: Float[Tensor, "*P J 4 4"]
) -> Float[Tensor, "*P J 3"]:
    """Return where the joints are once their bones have moved."""
    turned = (posed_from_bind[..., :3, :3] @ joints[..., None])[..., 0]
    return turned + posed_from_bind[..., :3, 3]


def swing(source: Float[Tensor, "*N 3"], target: Float[Tensor, "*N 3"]) -> Float[Tensor, "*N 3 3"]:
    """Return the least rotation that takes one direction to another; not defined for opposites.

    R = I + [v] + [v]^2 / (1 + c) with v = s x t, c = s . t    Rodrigues' formula
    """
    source, target = normalize(source, dim=-1), normalize(target, dim=-1)
    turn = _cross_matrix(torch.cross(source, target, dim=-1))
    cosine = (source * target).sum(-1)[..., None, None]
    eye = torch.eye(3, dtype=turn.dtype, device=turn.device)
    return eye + turn + turn @ turn / (1 + cosine)


def _cross_matrix(vectors: Float[Tensor, "*N 3"]) -> Float[Tensor, "*N 3 3"]:
    """Return [v], the matrix of the cross product v x ."""
    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))


def matrix_from_axis_angle(vectors: Float[Tensor, "*N 3"]) -> Float[Tensor, "*N 3 3"]:
    """Return rotation matrices; differentiable everywhere, at 0 too.

    R = I + sin(a)/a [r] + (1 - cos a)/a^2 [r]^2, a = |r|    Rodrigues' formula

    Args:
        vectors: Axis times angle, radians.
    """
    squared = vectors.square().sum(-1)[..., None, None]
    is_small = squared < SMALL_RAD2
    angle = where(is_small, 1.0, squared).sqrt()
    first = where(is_small, 1 - squared / 6, angle.sin() / angle)
    # 1 - cos a loses all digits in single precision near 0; 2 sin^2(a/2) does not
    second = where(is_small, 0.5 - squared / 24, 2 * ((angle / 2).sin() / angle).square())
    turn = _cross_matrix(vectors)
    eye = torch.eye(3, dtype=turn.dtype, device=turn.device)
    return eye + first * turn + second * (turn @ turn)


def axis_angle_from_matrix(matrices: Float[Tensor, "*N 3 3"]) -> Float[Tensor, "*N 3"]:
    """Return axis times angle, radians, 0 to pi; differentiable below pi, at 0 too.

    By way of the quaternion q, read from the row of 4 q q^T whose diagonal is the largest: no row
    is good for all rotations, but that one is never near 0.
    """
    rows = _quaternion_products(matrices)
    best = (
        rows.diagonal(dim1=-2, dim2=-1).argmax(-1)[..., None, None].expand(*rows.shape[:-2], 1, 4)
    )
    quaternion = normalize(rows.gather(-2, best)[..., 0, :], dim=-1)
    quaternion = where(quaternion[..., :1] < 0, -quaternion, quaternion)
    cosine, vector = quaternion[..., :1], quaternion[..., 1:]
    squared = vector.square().sum(-1, keepdim=True)
    is_small = squared < SMALL_RAD2 / 4
    sine = where(is_small, 1.0, squared).sqrt()
    angle_by_sine = where(is_small, 2 + squared / 3, 2 * torch.atan2(sine, cosine) / sine)
    return vector * angle_by_sine


def _quaternion_products(matrices: Float[Tensor, "*N 3 3"]) -> Float[Tensor, "*N 4 4"]:
    """Return 4 q q^T of the rotations' quaternions q = (w, x, y, z)."""
    xx, yy, zz = matrices.diagonal(dim1=-2, dim2=-1).unbind(-1)
    skew, even = matrices - matrices.mT, matrices + matrices.mT
    wx, wy, wz = skew[..., 2, 1], skew[..., 0, 2], skew[..., 1, 0]
    xy, xz, yz = even[..., 0, 1], even[..., 0, 2], even[..., 1, 2]
    rows = [1 + xx + yy + zz, wx, wy, wz, wx, 1 + xx - yy - zz, xy, xz]
    rows += [wy, xy, 1 - xx + yy - zz, yz, wz, xz, yz, 1 - xx - yy + zz]
    return torch.stack(rows, -1).unflatten(-1, (4, 4))
