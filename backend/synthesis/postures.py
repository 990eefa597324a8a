"""Poses written down as directions of bones in the T-pose's axes, made into joint rotations.

Axes of the body frame: x the person's left, y up, z forward.
"""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from backend.body.kinematics import matrix_from_axis_angle

Turn = Float[Tensor, "3 3"]
SIDES = {"left": 1.0, "right": -1.0}
THUMB_SHARE = 0.3
"""Of the fingers' curl."""


def turn(axis: str, degrees: float) -> Turn:
    """Return the rotation about x (the person's left), y (up) or z (forward)."""
    vector = torch.zeros(3, dtype=torch.float64)
    vector["xyz".index(axis)] = torch.pi * degrees / 180
    return matrix_from_axis_angle(vector)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posture:
    """Where the bones point."""

    turned: dict[str, Turn] = field(default_factory=dict)
    """Rotation of a joint's bone from the T-pose, in body axes; others follow their parent."""
    finger_curl_deg: float = 0.0
    """Of each finger joint, beyond the relaxed hand of the bind pose."""


def arm(
    side: str, *, down: float, forward: float, bend: float, twist: float = 0.0
) -> dict[str, Turn]:
    """Return an arm `down` degrees below the T-pose, turned `forward`, its elbow bent.

    `twist` turns the thumb side up (positive); shoulder, forearm and hand share it.
    """
    s = SIDES[side]
    upper = turn("y", -s * forward) @ turn("z", -s * down)
    bones = {"shoulder": upper @ turn("x", -0.3 * twist)}
    lower = bones["shoulder"] @ turn("y", -s * bend)
    bones["elbow"] = lower @ turn("x", -0.3 * twist)
    bones["wrist"] = lower @ turn("x", -0.7 * twist)
    return {f"{side}_{name}": matrix for name, matrix in bones.items()}


def leg(side: str, *, thigh: float, shin: float, out: float, yaw: float) -> dict[str, Turn]:
    """Return a leg with flat foot: thigh forward and shin backward by degrees, knee `out`ward."""
    s = SIDES[side]
    plane = turn("y", s * yaw) @ turn("z", s * out)
    foot = turn("y", s * yaw)
    bones = {"hip": plane @ turn("x", -thigh), "knee": plane @ turn("x", shin), "ankle": foot}
    return {f"{side}_{name}": matrix for name, matrix in bones.items()}


def trunk(
    pelvis: float, chest: float, *, head_yaw: float = 0.0, head_nod: float = 0.0
) -> dict[str, Turn]:
    """Return a trunk that leans forward from `pelvis` to `chest` degrees under an upright head."""
    lean = {"pelvis": pelvis, "spine1": 0.67 * pelvis + 0.33 * chest}
    lean |= {"spine2": 0.33 * pelvis + 0.67 * chest, "spine3": chest}
    head = turn("y", head_yaw) @ turn("x", head_nod)
    neck = turn("y", 0.5 * head_yaw) @ turn("x", 0.5 * (chest + head_nod))
    return {name: turn("x", degrees) for name, degrees in lean.items()} | {
        "neck": neck,
        "head": head,
    }


def rotations_of(
    posture: Posture,
    names: tuple[str, ...],
    parents: tuple[int, ...],
    zero: Float[Tensor, "J 3 3"],
) -> Float[Tensor, "J 3 3"]:
    """Return each joint's rotation relative to its parent and to the bind pose.

    R_j = G_parent^T G_j with G_j = D_j Z_j, D_j from the T-pose, Z_j from bind to T-pose; fingers
    keep the bind pose's relaxed hand and curl a little more.

    Args:
        posture: Says D_j.
        names: Of the joints.
        parents: Of each joint; -1 for the root, which comes first.
        zero: Z_j in body axes (`Anny55.zero_from_bind`).
    """
    above_of = [torch.eye(3, dtype=torch.float64), *(zero[p].double() for p in parents[1:])]
    directed: list[Tensor] = []
    local: list[Tensor] = []
    for joint, name in enumerate(names):
        above = directed[parents[joint]] if joint else above_of[0]
        directed.append(posture.turned.get(name, above))
        if joint >= names.index("left_index1"):
            local.append(_curl(posture, name, above_of[joint]))
        else:
            local.append((above @ above_of[joint]).mT @ directed[joint] @ zero[joint].double())
    return torch.stack(local).float()


def _curl(posture: Posture, name: str, zero_above: Turn) -> Turn:
    """Turn a finger about the axis that is `z` in the T-pose, thumbs less."""
    side = SIDES[name.split("_")[0]]
    degrees = posture.finger_curl_deg * (THUMB_SHARE if "thumb" in name else 1.0)
    return zero_above.mT @ turn("z", -side * degrees) @ zero_above
