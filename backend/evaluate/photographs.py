"""Photos of synthetic subjects, as a person would take them, with the true pose and mask beside.

Body frame, camera frame and pixels as in `backend.types`.
"""

import math
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from torch import Tensor

from backend.body.anny55 import Anny55
from backend.body.kinematics import camera_from_bind, moved_joints
from backend.evaluate.truth import save
from backend.files.png import eight_bits
from backend.render.preview import look_at
from backend.synthesis.cameras import FILM_DIAGONAL_MM
from backend.synthesis.people import Person, pose_part
from backend.synthesis.random_poses import POSES, random_rotations
from backend.synthesis.renders import random_light, render
from backend.synthesis.subjects import Subject
from backend.types import Camera
from shared.types import Photo

EASY, HARD = "easy", "hard"
STANDING = ("standing", "a_pose", "walking", "hands_on_hips")
"""Poses of easy photos."""
FOCAL_35MM_TAG, EXIF_FOLDER = 0xA405, 0x8769
TRUE_POSES = "truth.npz"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotographSettings:
    """How the photos are taken."""

    size_px: tuple[int, int] = (768, 1024)
    """Width and height."""
    focal_35mm: int = 40
    """Stands in the file, as phones write it."""
    fill: tuple[float, float] = (0.7, 0.9)
    """Share of the photo's height or width that the person takes."""
    height_m: tuple[float, float] = (0.9, 1.6)
    """Of the camera above the feet."""
    aside: float = 0.03
    """Most that the person is off the middle, in shares of the distance."""
    jpeg_quality: int = 92
    yaws_deg: tuple[float, ...] = (0.0, 180.0, 90.0, 270.0, 45.0, 225.0, 315.0, 135.0)
    """Of an avatar's photos, in this order: any first few see as much as so many can."""
    posed_photos: int = 10
    """Of each kind, easy and hard, and subject."""
    easy_yaw_deg: float = 30.0
    """Easy photos show people who stand, from at most this far beside the front."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Photograph:
    """A photo and what it shows."""

    image: UInt8[np.ndarray, "H W 3"]
    mask: Bool[np.ndarray, "H W"]
    camera_from_body: Float[Tensor, "4 4"]
    camera: Camera


@dataclass(frozen=True, slots=True, kw_only=True)
class PosedPhotos:
    """The photos of a subject in many poses, with the truth."""

    photos: tuple[Photo, ...]
    kinds: tuple[str, ...]
    """`easy` or `hard`."""
    joints: Float[Tensor, "P J 3"]
    """Camera frame, metres."""
    masks: Bool[Tensor, "P H W"]


def write_photos(subject: Subject, folder: Path, settings: PhotographSettings) -> None:
    """Write one photo for each of the settings' yaws; the subject's poses take turns."""
    for k, yaw_deg in enumerate(settings.yaws_deg):
        rotations = subject.rotations[k % len(subject.rotations)]
        taken = photograph(subject.person, rotations, yaw_deg, seed=k, settings=settings)
        (folder / f"{k + 1:02d}.jpg").write_bytes(jpeg(taken.image, settings))


def read_photos(folder: Path) -> list[Photo]:
    """Return the photos of a folder, in their order."""
    return [
        Photo(name=path.name, data=np.frombuffer(path.read_bytes(), np.uint8))
        for path in sorted(folder.glob("*.jpg"))
    ]


def write_posed_photos(
    subject: Subject, body: Anny55, folder: Path, settings: PhotographSettings
) -> None:
    """Write easy and hard photos, and the true joints and masks."""
    joints, masks = [], []
    for k in range(2 * settings.posed_photos):
        kind = EASY if k < settings.posed_photos else HARD
        seed = _seed(subject.name, k)
        draw = np.random.default_rng(seed)
        most = settings.easy_yaw_deg if kind == EASY else 180.0
        pose = str(draw.choice(STANDING if kind == EASY else POSES))
        rotations = random_rotations(body, seed, pose)
        yaw_deg = float(draw.uniform(-most, most))
        taken = photograph(subject.person, rotations, yaw_deg, seed=seed, settings=settings)
        (folder / f"{k + 1:02d}_{kind}.jpg").write_bytes(jpeg(taken.image, settings))
        masks.append(torch.from_numpy(taken.mask))
        bind = subject.person.bind.joints
        bones = camera_from_bind(bind, body.parents, rotations, taken.camera_from_body)
        joints.append(moved_joints(bind, bones))
    save(folder / TRUE_POSES, {"joints": torch.stack(joints), "masks": torch.stack(masks)})


def read_posed_photos(folder: Path) -> PosedPhotos:
    """Return what `write_posed_photos` wrote."""
    photos = read_photos(folder)
    with np.load(folder / TRUE_POSES, allow_pickle=False) as archive:
        joints, masks = (torch.from_numpy(archive[name]) for name in ("joints", "masks"))
    kinds = tuple(Path(photo.name).stem.split("_")[1] for photo in photos)
    return PosedPhotos(photos=tuple(photos), kinds=kinds, joints=joints, masks=masks)


def photograph(
    person: Person,
    rotations: Float[Tensor, "J 3 3"],
    yaw_deg: float,
    *,
    seed: int,
    settings: PhotographSettings,
) -> Photograph:
    """Return a photo of a person before a random background in random light.

    Args:
        person: In the bind pose.
        rotations: Relative to parent and bind pose, body axes.
        yaw_deg: 0 sees the front, 90 the person's left side.
        seed: Of camera, light and background.
        settings: See there.
    """
    draw = np.random.default_rng(seed)
    points = torch.cat([pose_part(person, part, rotations) for part in person.parts])
    camera_from_body, camera = aimed(points, yaw_deg, draw, settings)
    behind = torch.from_numpy(background(draw, settings.size_px)).to(points)
    light = random_light(seed)
    seen = render(person, rotations, camera_from_body, camera, light, background=behind)
    return Photograph(
        image=eight_bits(seen.image),
        mask=(seen.mask > 0.5).cpu().numpy(),
        camera_from_body=camera_from_body,
        camera=camera,
    )


def aimed(
    points: Float[Tensor, "V 3"],
    yaw_deg: float,
    draw: np.random.Generator,
    settings: PhotographSettings,
) -> tuple[Float[Tensor, "4 4"], Camera]:
    """Return `camera_from_body` of an upright camera that sees all points, and the camera."""
    width, height = settings.size_px
    focal_px = settings.focal_35mm / FILM_DIAGONAL_MM * math.hypot(width, height)
    lowest, highest = points.amin(0), points.amax(0)
    centre, size = (lowest + highest) / 2, highest - lowest
    wide_m = float(size[[0, 2]].norm())
    fill = draw.uniform(*settings.fill)
    near_m = wide_m / 2  # the front of the person is nearer than its middle
    distance_m = near_m + focal_px / fill * max(float(size[1]) / height, wide_m / width)
    yaw = math.radians(yaw_deg)
    up_m = float(lowest[1]) + draw.uniform(*settings.height_m)
    eye = centre + distance_m * centre.new_tensor([math.sin(yaw), 0, math.cos(yaw)])
    eye[1] = up_m
    aside = centre.new_tensor(draw.uniform(-1, 1, 3)) * settings.aside * distance_m
    intrinsics = [[focal_px, 0, width / 2], [0, focal_px, height / 2], [0, 0, 1]]
    camera = Camera(intrinsics=torch.tensor(intrinsics).to(centre), width=width, height=height)
    return look_at(eye, centre + aside), camera


def background(draw: np.random.Generator, size_px: tuple[int, int]) -> Float[np.ndarray, "H W 3"]:
    """Return a picture of a wall, a floor, boxes and blots of light; sRGB, 0 to 1."""
    width, height = size_px
    rows, columns = np.mgrid[:height, :width]
    horizon = draw.uniform(0.55, 0.85) * height
    image = np.where((rows > horizon)[..., None], _colour(draw), _colour(draw))
    for _ in range(draw.integers(2, 9)):
        left, top = draw.uniform(-0.2, 0.9, 2) * (width, height)
        across, down = draw.uniform(0.05, 0.5, 2) * (width, height)
        inside = (abs(columns - left) < across / 2) & (abs(rows - top) < down / 2)
        image[inside] = _colour(draw)
    brightness = 1 + _blots(draw, size_px, 6, 0.3) + _blots(draw, size_px, 80, 0.15)
    return (image * brightness[..., None]).clip(0, 1)


def _colour(draw: np.random.Generator) -> Float[np.ndarray, " 3"]:
    """Return a colour of things: most are rather grey."""
    return draw.uniform(0.1, 0.9) + draw.uniform(-1, 1, 3) * draw.uniform(0.0, 0.25)


def _blots(
    draw: np.random.Generator, size_px: tuple[int, int], cells: int, most: float
) -> Float[np.ndarray, "H W"]:
    coarse = Image.fromarray(draw.uniform(-most, most, (cells, cells)).astype(np.float32))
    return np.asarray(coarse.resize(size_px, Image.Resampling.BICUBIC)).astype(np.float64)


def jpeg(image: UInt8[np.ndarray, "H W 3"], settings: PhotographSettings) -> bytes:
    """Return a JPEG file whose EXIF tells the focal length."""
    exif = Image.Exif()
    exif.get_ifd(EXIF_FOLDER)[FOCAL_35MM_TAG] = settings.focal_35mm
    file = BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=settings.jpeg_quality, exif=exif)
    return file.getvalue()


def _seed(name: str, number: int) -> int:
    return int.from_bytes(name.encode()[:6].ljust(6, b"_"), "big") % 10**6 * 100 + number
