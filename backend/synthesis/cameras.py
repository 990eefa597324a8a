"""Random cameras that look at a person."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
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
    generator = torch.Generator().manual_seed((seed << 8) + STREAM)
    draws = torch.rand(7, generator=generator, dtype=torch.float64).tolist()
    rotation = _orientation(2 * math.pi * draws[0], draws[1], draws[2], settings).to(points)
    nearest, farthest = (math.log(focal) for focal in settings.focal_mm)
    focal_mm = math.exp(nearest + (farthest - nearest) * draws[3])
    width, height = size_px
    focal_px = focal_mm / FILM_DIAGONAL_MM * math.hypot(width, height)
    half = points.new_tensor([width / 2, height / 2]) / focal_px
    fill = _between(settings.fill, draws[4])
    turned = points @ rotation.T
    middle = (turned.amin(0) + turned.amax(0)) / 2
    place = turned - middle
    distance_m = _distance_m(place, half * fill, settings.closest_m)
    free = half * distance_m - place[:, :2].abs().amax(0)
    wanted = points.new_tensor([2 * draws[5] - 1, 2 * draws[6] - 1]) * settings.shift
    place[:, :2] += wanted * free.clamp_min(0)
    # A shift of things at several depths may push the nearest of them out of the frame.
    inside = half * (1 + fill) / 2
    distance_m = torch.maximum(distance_m, _distance_m(place, inside, settings.closest_m))
    translation = place[0] - turned[0]
    translation[2] += distance_m
    camera_from_body = torch.eye(4).to(points)
    camera_from_body[:3, :3] = rotation
    camera_from_body[:3, 3] = translation
    intrinsics = [[focal_px, 0, width / 2], [0, focal_px, height / 2], [0, 0, 1]]
    return camera_from_body, Camera(
        intrinsics=torch.tensor(intrinsics).to(points), width=width, height=height
    )


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
    generator = torch.Generator().manual_seed((seed << 8) + BAND_STREAM)
    draws = torch.rand(2, generator=generator, dtype=torch.float64).tolist()
    height = points[:, 1]
    lowest, whole_m = float(height.min()), float(height.max() - height.min())
    share = _between(settings.band, draws[0])
    start = lowest + whole_m * (1 - share) * draws[1]
    inside = (height >= start) & (height <= start + share * whole_m)
    return random_camera(seed, points[inside], size_px=size_px, settings=settings)


def _between(limits: tuple[float, float], share: float) -> float:
    return limits[0] + (limits[1] - limits[0]) * share


def _orientation(
    yaw_rad: float, pitch_draw: float, roll_draw: float, settings: CameraSettings
) -> Float[Tensor, "3 3"]:
    """Return the rotation from body axes to camera axes; yaw 0 sees the front."""
    pitch = math.radians(_between(settings.pitch_deg, pitch_draw))
    roll = math.radians(_between(settings.roll_deg, roll_draw))
    flat = math.cos(pitch)
    eye = torch.tensor([flat * math.sin(yaw_rad), math.sin(pitch), flat * math.cos(yaw_rad)])
    level = look_at(eye.double(), torch.zeros(3).double())[:3, :3]
    return matrix_from_axis_angle(torch.tensor([0.0, 0.0, roll]).double()) @ level


def _distance_m(
    place: Float[Tensor, "N 3"], half: Float[Tensor, " 2"], closest_m: float
) -> Float[Tensor, ""]:
    """Return how far the origin of all points must be moved away to bring them into the frame."""
    needed = (place[:, :2].abs() / half).amax(1) - place[:, 2]
    return torch.maximum(needed.max(), closest_m - place[:, 2].min())
