# SPDX-License-Identifier: GPL-3.0-or-later
"""Where each sample photo is taken: camera, room and light."""

from dataclasses import dataclass

import numpy as np
from cycles_scene import Backdrop, Box, Light, Surface
from jaxtyping import Float

from shared.coordinates import rigid

WIDTH, HEIGHT = 900, 1200
FILM_DIAGONAL_MM = 43.2666
"""Of 36 x 24 mm film, on which EXIF's 35-mm focal length is defined."""
WOOD = Surface(
    pattern="planks", first=(0.36, 0.2, 0.1), second=(0.24, 0.13, 0.06), joint=(0.08, 0.05, 0.03)
)
DARK = Surface(
    pattern="planks", first=(0.1, 0.06, 0.04), second=(0.07, 0.04, 0.03), joint=(0.03, 0.02, 0.01)
)
WHITE = Surface(pattern="plaster", first=(0.75, 0.74, 0.7), second=(0.62, 0.61, 0.58), scale=0.6)
PRINT = Surface(pattern="plaster", first=(0.7, 0.3, 0.1), second=(0.05, 0.15, 0.4), scale=0.3)
GREEN = Surface(pattern="grass", first=(0.03, 0.1, 0.02), second=(0.14, 0.25, 0.05), scale=0.5)


@dataclass(frozen=True, kw_only=True)
class SamplePhoto:
    """One photo; the camera stands on the -Y side of the person."""

    pose: str
    focal_35mm: int
    """Focal length in EXIF's sense: of equal view angle on the diagonal of 35-mm film."""
    has_exif: bool
    camera_m: tuple[float, float, float]
    """World frame: the person stands at the origin, Z up."""
    target_m: tuple[float, float, float]
    """What the camera looks at."""
    roll_deg: float
    exposure: float
    """Stops."""
    backdrop: Backdrop


def intrinsics_of(photo: SamplePhoto) -> Float[np.ndarray, "3 3"]:
    """Return the camera matrix, pixels."""
    focal_px = photo.focal_35mm / FILM_DIAGONAL_MM * float(np.hypot(WIDTH, HEIGHT))
    return np.array([[focal_px, 0, WIDTH / 2], [0, focal_px, HEIGHT / 2], [0, 0, 1]])


def camera_from_world(photo: SamplePhoto) -> Float[np.ndarray, "4 4"]:
    """Return the transform into OpenCV's camera axes."""
    place = np.array(photo.camera_m)
    towards = np.array(photo.target_m) - place
    forward = towards / np.linalg.norm(towards)
    across = np.cross(forward, [0.0, 0.0, 1.0])
    right = across / np.linalg.norm(across)
    level = np.stack([right, np.cross(forward, right), forward])
    roll = np.deg2rad(photo.roll_deg)
    sine, cosine = float(np.sin(roll)), float(np.cos(roll))
    rotation: Float[np.ndarray, "3 3"] = (
        np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]]) @ level
    )
    return rigid(rotation, -rotation @ place)


PHOTOS = (
    SamplePhoto(
        pose="front",
        focal_35mm=35,
        has_exif=True,
        camera_m=(0.12, -2.32, 1.35),
        target_m=(0.02, 0, 0.84),
        roll_deg=0.6,
        exposure=0.1,
        backdrop=Backdrop(
            wall=WHITE,
            floor=WOOD,
            wall_m=1.5,
            boxes=(
                Box(centre=(0, 1.48, 0.05), size=(16, 0.04, 0.12), surface=WHITE),
                Box(centre=(-1.25, 1.2, 0.45), size=(0.9, 0.5, 0.9), surface=DARK),
                Box(centre=(0.75, 1.48, 1.75), size=(0.6, 0.04, 0.8), surface=DARK),
                Box(centre=(0.75, 1.455, 1.75), size=(0.5, 0.02, 0.7), surface=PRINT),
            ),
            lights=(
                Light(place=(-1.6, -2.2, 2.6), power_w=90, size_m=1.0, colour=(1, 0.95, 0.88)),
                Light(place=(2.4, -1.8, 2.0), power_w=40, size_m=1.8, colour=(0.9, 0.95, 1)),
            ),
            sky=(0.8, 0.9, 1.0),
            sky_strength=0.35,
        ),
    ),
    SamplePhoto(
        pose="three_quarter",
        focal_35mm=40,
        has_exif=False,
        camera_m=(-0.1, -3.2, 1.5),
        target_m=(0.06, 0, 0.98),
        roll_deg=-0.8,
        exposure=0.0,
        backdrop=Backdrop(
            wall=Surface(
                pattern="brick",
                first=(0.32, 0.11, 0.07),
                second=(0.22, 0.08, 0.05),
                joint=(0.45, 0.42, 0.38),
            ),
            floor=Surface(
                pattern="tiles",
                first=(0.3, 0.29, 0.27),
                second=(0.24, 0.24, 0.23),
                joint=(0.12, 0.12, 0.11),
                scale=1.1,
            ),
            wall_m=1.9,
            boxes=(
                Box(centre=(1.5, 1.6, 0.25), size=(1.4, 0.5, 0.5), surface=GREEN),
                Box(centre=(-1.35, 1.87, 1.5), size=(0.8, 0.08, 1.1), surface=WHITE),
            ),
            lights=(),
            sky=(0.65, 0.8, 1.0),
            sky_strength=0.75,
            sun_w=2.6,
        ),
    ),
    SamplePhoto(
        pose="back",
        focal_35mm=50,
        has_exif=True,
        camera_m=(-0.2, -3.2, 1.25),
        target_m=(-0.02, 0, 0.88),
        roll_deg=0.3,
        exposure=0.1,
        backdrop=Backdrop(
            wall=Surface(
                pattern="plaster", first=(0.12, 0.24, 0.3), second=(0.2, 0.33, 0.38), scale=0.4
            ),
            floor=Surface(
                pattern="tiles", first=(0.6, 0.55, 0.48), second=(0.5, 0.46, 0.4), scale=0.9
            ),
            wall_m=1.1,
            boxes=(
                Box(centre=(1.1, 0.8, 1.0), size=(0.7, 0.45, 2.0), surface=WOOD),
                Box(centre=(0, 1.08, 0.05), size=(16, 0.04, 0.12), surface=WHITE),
            ),
            lights=(
                Light(place=(1.8, -2.4, 2.7), power_w=110, size_m=1.2, colour=(1, 0.93, 0.84)),
                Light(place=(-2.2, -2.0, 1.8), power_w=45, size_m=1.6),
            ),
            sky=(1.0, 0.95, 0.9),
            sky_strength=0.3,
        ),
    ),
    SamplePhoto(
        pose="knee_bend",
        focal_35mm=28,
        has_exif=True,
        camera_m=(0.1, -1.95, 1.2),
        target_m=(-0.13, 0, 0.58),
        roll_deg=-0.5,
        exposure=0.0,
        backdrop=Backdrop(
            wall=Surface(
                pattern="grass", first=(0.015, 0.05, 0.012), second=(0.12, 0.22, 0.06), scale=0.12
            ),
            floor=Surface(
                pattern="plaster", first=(0.34, 0.33, 0.31), second=(0.5, 0.48, 0.45), scale=1.5
            ),
            wall_m=2.6,
            boxes=(Box(centre=(-1.4, 2.2, 0.3), size=(1.8, 0.4, 0.6), surface=WHITE),),
            lights=(),
            sky=(0.75, 0.86, 1.0),
            sky_strength=0.8,
            sun_w=2.2,
        ),
    ),
)
