# SPDX-License-Identifier: GPL-3.0-or-later
"""Poses of the sample photos, written down as directions of bones in the T-pose's axes."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from backend.body.kinematics import matrix_from_axis_angle
from backend.synthesis.people import Person, pose_part

Turn = Float[Tensor, "3 3"]
SIDES = {"left": 1.0, "right": -1.0}


def turn(axis: str, degrees: float) -> Turn:
    """Return the rotation about x (the person's left), y (up) or z (forward)."""
    vector = torch.zeros(3, dtype=torch.float64)
    vector["xyz".index(axis)] = torch.pi * degrees / 180
    return matrix_from_axis_angle(vector)


@dataclass(frozen=True, kw_only=True)
class SamplePose:
    """A pose whose soles are flat on the floor."""

    turned: dict[str, Turn] = field(default_factory=dict)
    """Rotation of a joint's bone from the T-pose, in body axes; others follow their parent."""
    yaw_deg: float = 0.0
    """Of the whole person about the vertical; positive = towards their left."""
    finger_curl_deg: float = 0.0
    """Of each finger joint, beyond the relaxed hand of the bind pose."""


def arm(side: str, *, down: float, forward: float, bend: float, twist: float = 0.0) -> dict:
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


def leg(side: str, *, thigh: float, shin: float, out: float, yaw: float) -> dict:
    """Return a leg with flat foot: thigh forward and shin backward by degrees, knee `out`ward."""
    s = SIDES[side]
    plane = turn("y", s * yaw) @ turn("z", s * out)
    foot = turn("y", s * yaw)
    bones = {"hip": plane @ turn("x", -thigh), "knee": plane @ turn("x", shin), "ankle": foot}
    return {f"{side}_{name}": matrix for name, matrix in bones.items()}


def trunk(pelvis: float, chest: float, *, head_yaw: float = 0.0, head_nod: float = 0.0) -> dict:
    """Return a trunk that leans forward from `pelvis` to `chest` degrees under an upright head."""
    lean = {"pelvis": pelvis, "spine1": 0.67 * pelvis + 0.33 * chest}
    lean |= {"spine2": 0.33 * pelvis + 0.67 * chest, "spine3": chest}
    head = turn("y", head_yaw) @ turn("x", head_nod)
    neck = turn("y", 0.5 * head_yaw) @ turn("x", 0.5 * (chest + head_nod))
    return {name: turn("x", degrees) for name, degrees in lean.items()} | {
        "neck": neck,
        "head": head,
    }


POSES = {
    "front": SamplePose(
        turned=trunk(0, 2, head_yaw=-3)
        | arm("left", down=69, forward=4, bend=14, twist=10)
        | arm("right", down=66, forward=6, bend=18, twist=10)
        | leg("left", thigh=3, shin=3, out=3, yaw=12)
        | leg("right", thigh=3, shin=3, out=3, yaw=14),
        yaw_deg=3,
        finger_curl_deg=12,
    ),
    "three_quarter": SamplePose(
        turned=trunk(0, 2, head_yaw=32)
        | {"left_collar": turn("z", 14)}
        | arm("left", down=-36, forward=16, bend=36, twist=60)
        | arm("right", down=62, forward=0, bend=20, twist=10)
        | leg("left", thigh=4, shin=4, out=3, yaw=14)
        | leg("right", thigh=4, shin=4, out=3, yaw=8),
        yaw_deg=-40,
        finger_curl_deg=4,
    ),
    "back": SamplePose(
        turned=trunk(0, 3, head_yaw=14)
        | arm("left", down=62, forward=8, bend=24, twist=10)
        | arm("right", down=66, forward=2, bend=10, twist=10)
        | leg("left", thigh=4, shin=3, out=4, yaw=14)
        | leg("right", thigh=4, shin=3, out=4, yaw=10),
        yaw_deg=176,
        finger_curl_deg=12,
    ),
    "knee_bend": SamplePose(
        turned=trunk(22, 34, head_yaw=20, head_nod=2)
        | arm("left", down=10, forward=86, bend=8, twist=25)
        | arm("right", down=6, forward=80, bend=14, twist=25)
        | leg("left", thigh=80, shin=31, out=3, yaw=24)
        | leg("right", thigh=80, shin=31, out=3, yaw=24),
        yaw_deg=-26,
        finger_curl_deg=10,
    ),
}


def rotations_of(
    sample: SamplePose, names: tuple[str, ...], parents: tuple[int, ...], zero: Tensor
) -> Float[Tensor, "J 3 3"]:
    """Return each joint's rotation relative to its parent and to the bind pose.

    R_j = G_parent^T G_j with G_j = D_j Z_j, D_j from the T-pose, Z_j from bind to T-pose; fingers
    keep the bind pose's relaxed hand and curl a little more.
    """
    directed: list[Tensor] = []
    local: list[Tensor] = []
    for joint, name in enumerate(names):
        above = directed[parents[joint]] if joint else torch.eye(3, dtype=torch.float64)
        directed.append(sample.turned.get(name, above))
        if joint >= names.index("left_index1"):
            local.append(_curl(sample, name, zero[parents[joint]].double()))
        else:
            base = zero[parents[joint]].double() if joint else torch.eye(3, dtype=torch.float64)
            local.append((above @ base).mT @ directed[joint] @ zero[joint].double())
    return torch.stack(local).float()


def _curl(sample: SamplePose, name: str, zero_above: Turn) -> Turn:
    """Turn a finger about the axis that is `z` in the T-pose, thumbs less."""
    side = SIDES[name.split("_")[0]]
    degrees = sample.finger_curl_deg * (0.3 if "thumb" in name else 1.0)
    return zero_above.mT @ turn("z", -side * degrees) @ zero_above


def stage_from_body(
    sample: SamplePose, person: Person, rotations: Float[Tensor, "J 3 3"]
) -> Float[Tensor, "4 4"]:
    """Return the transform of the whole person: pelvis over the origin, soles on the floor y = 0.

    Axes of the body frame; the pelvis' own rotation and the yaw are in it.
    """
    root = (turn("y", sample.yaw_deg) @ rotations[0].double()).float()
    still = rotations.clone()
    still[0] = torch.eye(3)
    posed = torch.cat([pose_part(person, part, still) for part in person.parts]) @ root.mT
    pelvis = root @ person.bind.joints[0]
    matrix = torch.eye(4)
    matrix[:3, :3] = root
    matrix[:3, 3] = torch.stack([-pelvis[0], -posed[:, 1].min(), -pelvis[2]])
    return matrix
