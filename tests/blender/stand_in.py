"""A procedural avatar with the 55 joints and its own numbers, for tests inside Blender."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CENTRE = {  # x left, y up, z front; metres
    "pelvis": (0, 0.95, 0),
    "spine1": (0, 1.06, -0.02),
    "spine2": (0, 1.19, -0.02),
    "spine3": (0, 1.25, 0),
    "neck": (0, 1.46, -0.03),
    "head": (0, 1.54, 0),
    "jaw": (0, 1.53, 0.03),
}
SIDE = {
    "hip": (0.07, 0.86, 0),
    "knee": (0.09, 0.47, 0.01),
    "ankle": (0.09, 0.08, -0.03),
    "foot": (0.11, 0.02, 0.10),
    "collar": (0.05, 1.38, -0.01),
    "shoulder": (0.17, 1.40, -0.02),
    "elbow": (0.43, 1.39, -0.04),
    "wrist": (0.68, 1.39, -0.03),
    "eye_smplhf": (0.032, 1.60, 0.07),
}
FINGERS = {  # x from the wrist, z, length of a phalanx
    "index": (0.095, -0.005, 0.032),
    "middle": (0.10, -0.027, 0.034),
    "ring": (0.092, -0.047, 0.032),
    "pinky": (0.08, -0.067, 0.024),
}
HEIGHT_M = 1.75
RADIUS_M = 0.03
SEGMENTS = 31
PHOTOS = (("front.jpg", 900, 1200), ("side.jpg", 1600, 900), ("back.png", 1000, 1000))
"""Name, width and height in pixels."""

Addon = Callable[..., Any]
"""The fixture `addon`."""


def joints(names: Sequence[str]) -> NDArray[np.float32]:
    """Return the rest joints (J 3): T-pose, world frame."""
    at = {name: np.array(place, float) for name, place in CENTRE.items()}
    for side, sign in (("left", 1), ("right", -1)):
        local: dict[str, tuple[float, ...]] = dict(SIDE)
        for finger, (x, z, length) in FINGERS.items():
            local |= {f"{finger}{k + 1}": (0.68 + x + k * length, 1.385, z) for k in range(3)}
        local |= {f"thumb{k + 1}": (0.70 + k * 0.024, 1.375, k * 0.022) for k in range(3)}
        at |= {f"{side}_{name}": np.array([sign * x, y, z]) for name, (x, y, z) in local.items()}
    y_up = np.array([at[name] for name in names])
    return np.stack([y_up[:, 0], -y_up[:, 2], y_up[:, 1]], 1).astype(np.float32)


def avatar(addon: Addon, *, vertex_count: int = 5000, name: str = "Stand-in") -> Any:
    """Return tubes around the bones, with about that many vertices, as the extension's Avatar."""
    skeleton = addon("shared.skeleton")
    places = joints(skeleton.JOINT_NAMES)
    rings = max(2, round(vertex_count / (len(places) - 1) / SEGMENTS))
    vertices, faces = tubes(places, skeleton.PARENTS, rings)
    random = np.random.default_rng(7)
    return addon("shared.types").Avatar(
        name=name,
        height_m=HEIGHT_M,
        vertices=vertices,
        faces=faces,
        weights=nearest_weights(vertices, places),
        joint_names=skeleton.JOINT_NAMES,
        parents=np.array(skeleton.PARENTS, np.int32),
        joints=places,
        colours=random.integers(0, 256, vertices.shape, dtype=np.uint8),
    )


def tubes(
    places: NDArray[np.float32], parents: Sequence[int], rings: int
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Return vertices and faces of one open tube along each bone."""
    angle = np.linspace(0, 2 * np.pi, SEGMENTS, endpoint=False)
    circle = RADIUS_M * np.stack([np.cos(angle), np.sin(angle), 0 * angle], 1)
    along = np.linspace(0, 1, rings)[:, None, None]
    ring, spoke = np.meshgrid(np.arange(rings - 1), np.arange(SEGMENTS), indexing="ij")
    low, high = ring * SEGMENTS, (ring + 1) * SEGMENTS
    beside = (spoke + 1) % SEGMENTS
    corners = [low + spoke, low + beside, high + beside, low + spoke, high + beside, high + spoke]
    tube = np.stack(corners, -1).reshape(-1, 3)
    vertices, faces = [], []
    for joint, parent in enumerate(parents[1:], 1):
        start, end = places[parent].astype(float), places[joint].astype(float)
        z = (end - start) / np.linalg.norm(end - start)
        x = np.cross(z, np.eye(3)[np.argmin(np.abs(z))])
        x /= np.linalg.norm(x)
        faces.append(tube + len(vertices) * rings * SEGMENTS)
        axes = np.stack([x, np.cross(z, x), z])
        vertices.append((start + along * (end - start) + circle @ axes).reshape(-1, 3))
    return np.concatenate(vertices).astype(np.float32), np.concatenate(faces).astype(np.int32)


def nearest_weights(
    vertices: NDArray[np.float32], places: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return weights (V J) of the four joints next to each vertex."""
    distances = np.linalg.norm(vertices[:, None] - places, axis=2)
    nearest = np.argpartition(distances, 3, axis=1)[:, :4]
    shares = np.take_along_axis(distances, nearest, 1) ** -4
    weights = np.zeros(distances.shape, np.float32)
    np.put_along_axis(weights, nearest, shares / shares.sum(1, keepdims=True), 1)
    return weights


def rotations(count: int, greatest_rad: float, seed: int) -> NDArray[np.float32]:
    """Return random rotations (N 3 3) up to an angle."""
    random = np.random.default_rng(seed)
    axes = random.normal(size=(count, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    angles = random.uniform(0, greatest_rad, count)[:, None, None]
    x, y, z = axes.T
    zero = 0 * x
    cross = np.array([[zero, -z, y], [z, zero, -x], [-y, x, zero]]).transpose(2, 0, 1)
    turned = np.eye(3) + np.sin(angles) * cross + (1 - np.cos(angles)) * (cross @ cross)
    return turned.astype(np.float32)


def fit(addon: Addon, *, count: int = len(PHOTOS)) -> Any:
    """Return random poses, each seen by a camera of its own with its centre beside the middle."""
    joint_count = len(addon("shared.skeleton").JOINT_NAMES)
    photos = [PHOTOS[photo % len(PHOTOS)] for photo in range(count)]
    sizes = np.array([photo[1:] for photo in photos], np.int32)
    intrinsics = np.zeros((count, 3, 3), np.float32)
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = 1300
    intrinsics[:, :2, 2] = sizes * [0.53, 0.46]
    intrinsics[:, 2, 2] = 1
    level = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    cameras = np.tile(np.eye(4, dtype=np.float32), (count, 1, 1))
    cameras[:, :3, :3] = rotations(count, 0.2, seed=3) @ level
    cameras[:, :3, 3] = (0.1, 0.9, 4.0)
    random = np.random.default_rng(5)
    return addon("shared.types").Fit(
        photos=tuple(photo[0] for photo in photos),
        masks=tuple(f"mask_{photo}.png" for photo in range(count)),
        rotations=rotations(count * joint_count, 0.8, seed=1).reshape(count, joint_count, 3, 3),
        root=random.uniform(-0.3, 0.3, (count, 3)).astype(np.float32),
        intrinsics=intrinsics,
        camera_from_world=cameras,
        image_sizes=sizes,
    )


def result(
    addon: Addon,
    *,
    name: str = "Stand-in",
    vertex_count: int = 5000,
    photo_count: int = len(PHOTOS),
    folder: Path = Path("missing"),
) -> Any:
    """Return what the backend would send; the pictures lie in `folder`, or nowhere."""
    seen = fit(addon, count=photo_count)
    return addon("shared.messages").Result(
        job="0123456789abcdef" * 2,
        avatar=avatar(addon, vertex_count=vertex_count, name=name),
        fit=seen,
        pictures=tuple(str(folder / f"photo_{photo + 1}.png") for photo in range(photo_count)),
    )
