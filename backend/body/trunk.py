"""The trunk as a stack of ellipses, to tell whether a point of an arm is inside."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.body.model import BodyModel
from backend.types import BindBody

TRUNK_JOINTS = ("pelvis", "spine1", "spine2", "spine3")
ARM_JOINTS = ("elbow", "wrist", "middle1")
SLABS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """Ellipses at equal distances from the hips to the neck; bind pose, metres."""

    bottom_m: Float[Tensor, ""]
    step_m: Float[Tensor, ""]
    centres: Float[Tensor, "S 2"]
    """x and z."""
    radii: Float[Tensor, "S 2"]


def arm_rows(joint_names: Sequence[str], device: torch.device) -> Int[Tensor, " A"]:
    """Return the rows of both arms' elbow, wrist and middle knuckle among a body's joints."""
    order = list(joint_names)
    rows = [order.index(f"{side}_{name}") for name in ARM_JOINTS for side in ("left", "right")]
    return torch.tensor(rows, device=device)


def trunk_of(body: BodyModel, bind: BindBody) -> Trunk:
    """Return the stack of ellipses inside the skin that belongs to the trunk's joints."""
    rows = [body.joint_names.index(name) for name in TRUNK_JOINTS]
    is_used = torch.zeros(len(bind.vertices), dtype=torch.bool, device=bind.vertices.device)
    is_used[body.faces.flatten()] = True
    skin = bind.vertices[is_used & (body.weights[:, rows].sum(1) > 0.6)]
    bottom = bind.joints[body.joint_names.index("left_hip"), 1]
    top = bind.joints[body.joint_names.index("neck"), 1]
    step = (top - bottom) / SLABS
    slab = ((skin[:, 1] - bottom) / step).floor().clamp(0, SLABS - 1).long()
    flat = skin[:, [0, 2]]
    index = slab[:, None].expand(-1, 2)
    low, high = (
        flat.new_full((SLABS, 2), start).scatter_reduce(0, index, flat, kind)
        for start, kind in ((torch.inf, "amin"), (-torch.inf, "amax"))
    )
    return Trunk(bottom_m=bottom, step_m=step, centres=(low + high) / 2, radii=(high - low) / 2)


def trunk_depth(points: Float[Tensor, "*N 3"], trunk: Trunk) -> Float[Tensor, "*N"]:
    """Return how deep points are inside: 1 on the trunk's axis, 0 on its surface and outside.

    1 - sqrt((x - c_x)²/a² + (z - c_z)²/b²), the ellipse interpolated at the point's height.

    Args:
        points: In the trunk's own frame: bind pose, metres.
        trunk: Its ellipses.
    """
    place = ((points[..., 1] - trunk.bottom_m) / trunk.step_m - 0.5).clamp(0, SLABS - 1.001)
    lower = place.detach().floor().long()
    share = (place - lower)[..., None]
    centre = trunk.centres[lower] * (1 - share) + trunk.centres[lower + 1] * share
    radius = trunk.radii[lower] * (1 - share) + trunk.radii[lower + 1] * share
    relative = (points[..., [0, 2]] - centre) / radius
    depth = 1 - (relative.square().sum(-1) + 1e-6).sqrt()
    is_level = (points[..., 1] > trunk.bottom_m) & (
        points[..., 1] < trunk.bottom_m + SLABS * trunk.step_m
    )
    return torch.where(is_level, depth.clamp(min=0), 0.0)


def trunk_cost(
    points: Float[Tensor, "P N 3"], spine_from_bind: Float[Tensor, "P 4 4"], trunk: Trunk
) -> Float[Tensor, ""]:
    """Return Σ depth² of points inside the trunk, which moves rigidly with one joint of the spine.

    Args:
        points: Elbows, wrists, hands; in the frame that `spine_from_bind` leads to.
        spine_from_bind: Rigid.
        trunk: Depth is 1 on its axis.
    """
    in_bind = (points - spine_from_bind[:, None, :3, 3]) @ spine_from_bind[:, :3, :3]
    return trunk_depth(in_bind, trunk).square().sum()
