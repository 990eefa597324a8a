"""Random cameras that look at a person."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from backend.body.kinematics import matrix_from_axis_angle
from backend.render.preview import look_at
from backend.types import Camera

FILM_DIAGONAL_MM = 43.27
"""Of the 36 mm x 24 mm frame: focal lengths are meant as in EXIF, on the diagonal."""


STREAM = 1
BAND_STREAM = 2
"""Keep the random numbers of one seed apart from those that it gives elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSettings:
    """Ranges of random cameras."""

    pitch_deg: tuple[float, float] = (-15.0, 30.0)
    """Positive = from above."""
    roll_deg: tuple[float, float] = (-3.0, 3.0)
    focal_mm: tuple[float, float] = (24.0, 85.0)
    """35-mm equivalents, spread evenly in their logarithm."""
    fill: tuple[float, float] = (0.72, 0.95)
    """The person's share of the frame along the side that fits more tightly."""
    shift: float = 0.5
    """Greatest shift off the middle, in shares of what the frame leaves free."""
    closest_m: float = 0.4
    """Least depth of the person's nearest point."""
    band: tuple[float, float] = (0.3, 0.8)
    """Share of the person's height that a partial view is aimed at."""


DEFAULT = CameraSettings()


def random_camera(
    seed: int,
    points: Float[Tensor, "N 3"],
    *,
    size_px: tuple[int, int] = (256, 256),
    settings: CameraSettings = DEFAULT,
) -> tuple[Float[Tensor, "4 4"], Camera]:
    """Return a camera from any side that has all points within its frame.

    Args:
        seed: Same seed, same camera.
        points: Of the posed person, body frame, metres.
        size_px: Width and height of the picture.
        settings: Ranges.

    Returns:
        `camera_from_body`, and the camera.
    """
    is_framed = torch.ones(len(points), dtype=torch.bool, device=points.device)
    return _framing(seed, points, is_framed, size_px=size_px, settings=settings)


def random_partial_camera(
    seed: int,
    points: Float[Tensor, "N 3"],
    *,
    size_px: tuple[int, int] = (256, 256),
    settings: CameraSettings = DEFAULT,
) -> tuple[Float[Tensor, "4 4"], Camera]:
    """Return a camera that has a part of the person, between two heights, in its frame.

    Args, returned values: as `random_camera`.
    """
    draws = _draws(seed, BAND_STREAM, 2)
    height = points[:, 1]
    lowest, whole_m = float(height.min()), float(height.max() - height.min())
    share = _between(settings.band, draws[0])
    start = lowest + whole_m * (1 - share) * draws[1]
    is_framed = (height >= start) & (height <= start + share * whole_m)
    return _framing(seed, points, is_framed, size_px=size_px, settings=settings)


def _framing(
    seed: int,
    points: Float[Tensor, "N 3"],
    is_framed: Bool[Tensor, " N"],
    *,
    size_px: tuple[int, int],
    settings: CameraSettings,
) -> tuple[Float[Tensor, "4 4"], Camera]:
    """Return a camera that has some of the points in its frame and none of them too close."""
    draws = _draws(seed, STREAM, 7)
    rotation = _orientation(draws[:3], settings).to(points)
    shortest, longest = (math.log(focal) for focal in settings.focal_mm)
    focal_mm = math.exp(_between((shortest, longest), draws[3]))
    focal_px = focal_mm / FILM_DIAGONAL_MM * math.hypot(*size_px)
    fill = _between(settings.fill, draws[4])
    half = points.new_tensor(size_px) / 2 / focal_px
    turned = points @ rotation.T
    framed = turned[is_framed]
    middle = (framed.amin(0) + framed.amax(0)) / 2
    distance_m = _distance_m(framed - middle, half * fill)
    free = half * distance_m - (framed - middle)[:, :2].abs().amax(0)
    wanted = points.new_tensor([2 * draw - 1 for draw in draws[5:]]) * settings.shift
    shift = torch.cat([wanted * free.clamp_min(0), free.new_zeros(1)]) - middle
    # A shift of things at several depths may push the nearest of them out of the frame.
    distance_m = torch.maximum(distance_m, _distance_m(framed + shift, half * (1 + fill) / 2))
    distance_m = torch.maximum(distance_m, settings.closest_m - (turned + shift)[:, 2].min())
    camera_from_body = torch.eye(4).to(points)
    camera_from_body[:3, :3] = rotation
    camera_from_body[:3, 3] = shift
    camera_from_body[2, 3] += distance_m
    width, height = size_px
    intrinsics = [[focal_px, 0, width / 2], [0, focal_px, height / 2], [0, 0, 1]]
    return camera_from_body, Camera(
        intrinsics=torch.tensor(intrinsics).to(points), width=width, height=height
    )


def _draws(seed: int, stream: int, count: int) -> list[float]:
    """Return evenly spread random numbers, 0 to 1."""
    generator = torch.Generator().manual_seed((seed << 8) + stream)
    return torch.rand(count, generator=generator, dtype=torch.float64).tolist()


def _between(limits: tuple[float, float], share: float) -> float:
    return limits[0] + (limits[1] - limits[0]) * share


def _orientation(draws: list[float], settings: CameraSettings) -> Float[Tensor, "3 3"]:
    """Return the rotation from body axes to camera axes, of draws for yaw, pitch and roll."""
    yaw = 2 * math.pi * draws[0]  # 0 sees the front
    pitch = math.radians(_between(settings.pitch_deg, draws[1]))
    roll = math.radians(_between(settings.roll_deg, draws[2]))
    flat = math.cos(pitch)
    eye = torch.tensor([flat * math.sin(yaw), math.sin(pitch), flat * math.cos(yaw)])
    level = look_at(eye.double(), torch.zeros(3).double())[:3, :3]
    return matrix_from_axis_angle(torch.tensor([0.0, 0.0, roll]).double()) @ level


def _distance_m(place: Float[Tensor, "N 3"], half: Float[Tensor, " 2"]) -> Float[Tensor, ""]:
    """Return how far the origin of all points must be moved away to bring them into the frame.

    |x| / (z + distance) <= half the frame's width over the focal length, and so for y
    """
    return ((place[:, :2].abs() / half).amax(1) - place[:, 2]).max()
