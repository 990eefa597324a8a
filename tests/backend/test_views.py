import math

import numpy as np
import pytest
import torch

from backend.photos import DecodedPhoto
from backend.progress import Stopwatch
from backend.stages.landmarks import Detection, LandmarkDetector
from backend.stages.segment import SegmentSettings
from backend.views import focal_lengths, look_at
from shared.errors import NoPersonFound, NoUsablePhoto
from shared.types import Photo


def decoded(name: str, focal_px: float | None, model: str = "", side: int = 100) -> DecodedPhoto:
    return DecodedPhoto(
        name=name,
        color=torch.zeros(side, side, 3),
        alpha=None,
        focal_px=focal_px,
        camera_model=model,
        width=side,
        height=side,
        message="",
    )


def test_focal_of_exif_is_believed() -> None:
    assert focal_lengths([decoded("a", 123.0)]) == {"a": 123.0}


def test_without_exif_the_diagonal_spans_52_degrees() -> None:
    focal_px = focal_lengths([decoded("a", None)])["a"]
    half_diagonal = 100 * math.sqrt(2) / 2
    assert math.degrees(2 * math.atan(half_diagonal / focal_px)) == pytest.approx(52)


def test_a_photo_without_focal_takes_that_of_its_camera() -> None:
    photos = [decoded("a", 150.0, "phone"), decoded("b", None, "phone", side=200)]
    assert focal_lengths(photos)["b"] == pytest.approx(300)


def test_photos_without_camera_name_tell_nothing_of_each_other() -> None:
    photos = [decoded("a", 150.0), decoded("b", None)]
    assert focal_lengths(photos)["b"] != pytest.approx(150)


class Blind(LandmarkDetector):
    def __init__(self) -> None:
        pass

    def find_landmarks(self, name: str, color: torch.Tensor) -> Detection:
        del color
        raise NoPersonFound(name)


def test_all_refusals_are_told_when_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.views.decode_photo", lambda name, _data: decoded(name, None))
    photos = [Photo(name=name, data=np.zeros(4, np.uint8)) for name in ("cat.jpg", "dog.jpg")]
    watch = Stopwatch(lambda _stage, _fraction: None)
    with pytest.raises(NoUsablePhoto, match=r"(?s)cat\.jpg: no person.*dog\.jpg: no person"):
        look_at(photos, Blind(), SegmentSettings(), watch)
