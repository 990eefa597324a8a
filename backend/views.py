"""Photo files -> views ready for the pipeline; photos that cannot be used are set aside."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

import torch
from torch import Tensor

from backend.photos import DecodedPhoto, decode_photo
from backend.progress import Stopwatch
from backend.record import PhotoRecord, refusal
from backend.stages.landmarks import Detection, LandmarkDetector, parts_in_view
from backend.stages.segment import Segmentation, SegmentSettings, segment
from backend.types import Camera, View
from shared.errors import NoPersonFound, NoUsablePhoto, PhotoError
from shared.types import Photo

Input = TypeVar("Input")
Output = TypeVar("Output")

DEFAULT_DIAGONAL_RAD = math.radians(52)
"""Field of view of a photo without EXIF: between a phone's main lens (79°) and a portrait lens
(29°); found best over 29 real photos."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The usable photos of a set, and what is said about each."""

    views: tuple[View, ...]
    used: tuple[PhotoRecord, ...]
    """Of the views, in their order."""
    refused: tuple[PhotoRecord, ...]


def look_at(
    photos: Sequence[Photo], detector: LandmarkDetector, settings: SegmentSettings, watch: Stopwatch
) -> Seen:
    """Return the views of the photos that can be used.

    Args:
        photos: As the user gave them.
        detector: Owns the landmark networks.
        settings: Of the segmentation.
        watch: Times the three stages.

    Raises:
        NoUsablePhoto: if all are refused.
    """
    refused: list[PhotoRecord] = []
    decoded = _kept(watch.each("read_photos", photos), _decode, refused)
    focals_px = focal_lengths(decoded)
    found = _kept(
        watch.each("landmarks", decoded),
        lambda photo: (photo, detector.find_landmarks(photo.name, photo.color)),
        refused,
    )
    masked = _kept(
        watch.each("segment", found),
        lambda pair: (*pair, _segment(*pair, settings)),
        refused,
    )
    if not masked:
        raise _nothing_left(refused)
    return Seen(
        views=tuple(_view(p, d, s.mask, focals_px[p.name]) for p, d, s in masked),
        used=tuple(_record(p, d, s.message) for p, d, s in masked),
        refused=tuple(refused),
    )


def _kept(
    items: Iterable[Input], step: Callable[[Input], Output], refused: list[PhotoRecord]
) -> list[Output]:
    """What the step makes of the items; those that it refuses are appended to `refused`."""
    results = []
    for item in items:
        try:
            results.append(step(item))
        except PhotoError as error:
            refused.append(refusal(error))
    return results


def _decode(photo: Photo) -> DecodedPhoto:
    return decode_photo(photo.name, photo.data.tobytes())


def _segment(photo: DecodedPhoto, detection: Detection, settings: SegmentSettings) -> Segmentation:
    found = segment(photo, detection, settings)
    if not bool((found.mask > 0.5).any()):
        raise NoPersonFound(photo.name)
    return found


def _nothing_left(refused: Sequence[PhotoRecord]) -> NoUsablePhoto:
    reasons = "\n".join(record.message for record in refused)
    return NoUsablePhoto(
        f"None of the photos can be used.\n{reasons}",
        "Use at least one sharp photo that shows one whole person.",
    )


def focal_lengths(photos: Sequence[DecodedPhoto]) -> dict[str, float]:
    """Return the focal length of each photo in pixels, by the photo's name.

    From EXIF; else what other photos of the same camera say, scaled by the diagonal; else that of
    a field of view of 52° on the diagonal.
    """
    of_model: dict[str, list[float]] = defaultdict(list)
    for photo in photos:
        if photo.focal_px is not None and photo.camera_model:
            of_model[photo.camera_model].append(photo.focal_px / _diagonal_px(photo))
    usual = 0.5 / math.tan(DEFAULT_DIAGONAL_RAD / 2)  # in diagonals
    return {
        photo.name: photo.focal_px
        or median(of_model.get(photo.camera_model) or [usual]) * _diagonal_px(photo)
        for photo in photos
    }


def _diagonal_px(photo: DecodedPhoto) -> float:
    return math.hypot(*photo.color.shape[:2])


def _view(photo: DecodedPhoto, detection: Detection, mask: Tensor, focal_px: float) -> View:
    height, width = photo.color.shape[:2]
    intrinsics = torch.tensor([[focal_px, 0, width / 2], [0, focal_px, height / 2], [0, 0, 1]])
    camera = Camera(intrinsics=intrinsics, width=width, height=height)
    landmarks = detection.landmarks
    return View(name=photo.name, color=photo.color, mask=mask, camera=camera, landmarks=landmarks)


def _record(photo: DecodedPhoto, detection: Detection, message: str) -> PhotoRecord:
    height, width = photo.color.shape[:2]
    shown = parts_in_view(detection.landmarks, width, height)
    said = [text.rstrip(".") for text in (photo.message, detection.message, message) if text]
    sentences = f"{photo.name}: {'. '.join(said)}." if said else ""
    return PhotoRecord(name=photo.name, status="used", parts=shown, message=sentences)
