"""Surface + fitted body -> avatar: four bones a vertex, on its feet at the origin, in metres."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Float32
from numpy.typing import NDArray
from torch import Tensor

from backend.body.model import BodyModel
from backend.body.reduced import stature
from backend.types import BodyFit, SkinnedMesh
from shared.coordinates import (
    WORLD_FROM_BODY,
    WORLD_FROM_LEVEL_CAMERA,
    change_axes,
    conjugate,
    rigid,
)
from shared.skinning import pose
from shared.types import Avatar, Fit

FEET = ("left_ankle", "right_ankle", "left_foot", "right_foot")


@dataclass(frozen=True, slots=True, kw_only=True)
class RigSettings:
    """How the surface becomes an avatar."""

    influences: int = 4
    """Joints a vertex keeps; game engines and three.js read four."""
    sole_percentile: float = 0.5
    """Height of the sole among the vertices bound to the feet, in percent: a few spikes of the
    fused surface may lie below; they are pressed onto the floor."""
    most_levelling_m: float = 0.02
    """Feet whose soles differ by more stand on different heels, or one of them is an error: the
    higher one is lowered by no more than this."""
    height_m: float | None = None
    """Of the body from soles to crown in the rest pose; None keeps the fitted body's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What the avatar, the photos and their masks are called."""

    avatar: str
    photos: Sequence[str]
    masks: Sequence[str]
    """Files of the photos' masks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Similarity from the body frame into the avatar's world: x_world = scale A (x - origin)."""

    scale: float
    origin_m: Float[np.ndarray, " 3"]
    """Body frame; between the feet, on the floor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rigged:
    """The avatar and how it stands in each photo."""

    avatar: Avatar
    fit: Fit


def rig(
    surface: SkinnedMesh, fit: BodyFit, body: BodyModel, settings: RigSettings, *, names: Names
) -> Rigged:
    """Return the avatar of a surface, and the photos' poses and cameras in its frame.

    Args:
        surface: Body frame, bind pose, metres.
        fit: Of the body inside the surface.
        body: Model of `fit`.
        settings: Of this stage.
        names: What the avatar, the photos and their masks are called.
    """
    joints = symmetric_joints(_array(fit.bind.joints), body.joint_names)
    weights = strongest_weights(_array(surface.weights), settings.influences)
    vertices = _array(surface.vertices)
    named = dict(zip(body.joint_names, joints, strict=True))
    body_height_m = float(stature(body, fit.bind))
    scale = 1.0 if settings.height_m is None else settings.height_m / body_height_m
    soles = {side: _foot(weights, body.joint_names, side) for side in ("left", "right")}
    vertices, floor = level_soles(vertices, soles, settings)
    placement = Placement(scale=scale, origin_m=_origin(floor, named))
    placed = to_world(vertices, placement)
    placed[:, 2] = placed[:, 2].clip(min=0)
    avatar = Avatar(
        name=names.avatar,
        height_m=scale * body_height_m,
        vertices=placed.astype(np.float32),
        faces=_array(surface.faces).astype(np.int32),
        weights=weights,
        joint_names=body.joint_names,
        parents=np.array(body.parents, np.int32),
        joints=to_world(joints, placement).astype(np.float32),
        colours=(_array(surface.colours).clip(0, 1) * 255).round().astype(np.uint8),
    )
    return Rigged(avatar=avatar, fit=place_fit(fit, avatar, placement, names))


def strongest_weights(
    weights: Float[np.ndarray, "V J"], influences: int
) -> Float32[np.ndarray, "V J"]:
    """Return the weights with all but the largest of each row set to 0; rows sum to 1 again."""
    weak = np.argsort(-weights, axis=1, kind="stable")[:, influences:]
    kept = weights.astype(np.float64).clip(min=0)
    np.put_along_axis(kept, weak, 0, axis=1)
    return (kept / kept.sum(axis=1, keepdims=True)).astype(np.float32)


def symmetric_joints(
    joints: Float[np.ndarray, "J 3"], names: Sequence[str]
) -> Float[np.ndarray, "J 3"]:
    """Return the joints as mirror images about a plane of constant x, near where they were.

    Each pair left_… and right_… becomes its mean; joints without a partner move onto the plane.
    """
    partner = [names.index(_mirror_name(name)) for name in names]
    own = np.arange(len(names))
    plane = (joints[:, 0] + joints[partner, 0])[own != partner].mean() / 2
    mirrored = joints[partner] * [-1, 1, 1] + [2 * plane, 0, 0]
    return (joints + mirrored) / 2


def _mirror_name(name: str) -> str:
    side, _, part = name.partition("_")
    return {"left": f"right_{part}", "right": f"left_{part}"}.get(side, name)


def to_world(points: Float[np.ndarray, "N 3"], placement: Placement) -> Float[np.ndarray, "N 3"]:
    """Return points of the body frame in the avatar's world."""
    return placement.scale * change_axes(points - placement.origin_m, WORLD_FROM_BODY)


def place_fit(fit: BodyFit, avatar: Avatar, placement: Placement, names: Names) -> Fit:
    """Return the fit in the avatar's frame; the posed avatar projects to the same pixels."""
    seen = _array(fit.camera_from_body)
    rotations = conjugate(_array(fit.rotations), WORLD_FROM_BODY)
    rotations[:, 0] = WORLD_FROM_LEVEL_CAMERA @ seen[:, :3, :3] @ WORLD_FROM_BODY.T
    pelvis = _array(fit.bind.joints)[0]
    pelvis_in_camera = placement.scale * (seen[:, :3, :3] @ pelvis + seen[:, :3, 3])
    level = np.broadcast_to(WORLD_FROM_LEVEL_CAMERA.T, (len(seen), 3, 3))
    hanging = Fit(
        photos=tuple(names.photos),
        masks=tuple(names.masks),
        rotations=rotations.astype(np.float32),
        root=np.tile(-avatar.joints[0], (len(seen), 1)),
        intrinsics=np.stack([_array(camera.intrinsics) for camera in fit.cameras], dtype="f4"),
        camera_from_world=rigid(level, pelvis_in_camera).astype(np.float32),
        image_sizes=np.array([(camera.width, camera.height) for camera in fit.cameras], np.int32),
    )
    return _stand_on_floor(hanging, avatar)


def _stand_on_floor(fit: Fit, avatar: Avatar) -> Fit:
    lowest = [pose(avatar, fit, photo)[:, 2].min() for photo in range(len(fit.photos))]
    rise = np.outer(np.negative(lowest), [0, 0, 1])
    cameras = fit.camera_from_world.copy()
    cameras[:, :3, 3] -= np.einsum("pij,pj->pi", cameras[:, :3, :3], rise)
    root = (fit.root + rise).astype(np.float32)
    return replace(fit, root=root, camera_from_world=cameras)


def level_soles(
    vertices: Float[np.ndarray, "V 3"],
    feet: Mapping[str, Float[np.ndarray, " V"]],
    settings: RigSettings,
) -> tuple[Float[np.ndarray, "V 3"], float]:
    """Return the surface with both soles on one height, and that height.

    A photo that shows one shoe and not the other leaves soles of different thickness.

    Args:
        vertices: Body frame, metres.
        feet: Share of each foot in each vertex.
        settings: See there.
    """
    percentile = settings.sole_percentile
    soles = [np.percentile(vertices[foot > 0.5, 1], percentile) for foot in feet.values()]
    floor = float(min(soles))
    levelled = vertices.copy()
    for sole, foot in zip(soles, feet.values(), strict=True):
        levelled[:, 1] -= foot * min(sole - floor, settings.most_levelling_m)
    return levelled, floor


def _foot(
    weights: Float[np.ndarray, "V J"], joint_names: Sequence[str], side: str
) -> Float[np.ndarray, " V"]:
    """Share of one foot in each vertex."""
    joints = [joint_names.index(name) for name in FEET if name.startswith(side)]
    return weights[:, joints].sum(axis=1)


def _origin(floor: float, joints: Mapping[str, Float[np.ndarray, " 3"]]) -> Float[np.ndarray, " 3"]:
    """The point on the floor between the feet."""
    between = np.mean([joints[name] for name in FEET], axis=0)
    return np.array([between[0], floor, between[2]])


def _array(tensor: Tensor) -> NDArray[Any]:
    array = tensor.detach().cpu().numpy()
    return array.astype(np.float64) if tensor.is_floating_point() else array
