"""What `report.json` says about a job."""

import importlib.metadata
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import torch

from shared.errors import PhotoError

LEAST_IOU = 0.82
"""Of a photo with what all photos agree on: 0.90 and more for sets of one person, 0.77 for another
person among them."""
PACKAGES = ("photo-avatar", "torch", "numpy", "mediapipe", "warp-lang", "manifold3d", "pillow")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoRecord:
    """What became of one photo."""

    name: str
    status: Literal["used", "refused"]
    parts: str = ""
    """Of the body, that the photo shows: whole body, upper body, portrait, …"""
    message: str = ""
    """For people: why it was refused and what to do, or how it was read; usually empty."""
    silhouette_iou: float | None = None
    """Of the final avatar in this photo's pose against the photo's mask; None if refused."""
    landmark_error_percent: float | None = None
    """Mean distance of the fitted limb joints to their landmarks, in percent of the body height."""


def judged(record: PhotoRecord, silhouette_iou: float, count: int) -> PhotoRecord:
    """Return the record of a used photo with its overlap, and a word if the photo does not fit.

    Args:
        record: Of the photo.
        silhouette_iou: See `PhotoRecord`.
        count: Of the photos used; one alone contradicts nobody.
    """
    record = replace(record, silhouette_iou=silhouette_iou)
    if count == 1 or silhouette_iou >= LEAST_IOU:
        return record
    doubt = (
        f"{record.name} and the avatar overlap by {silhouette_iou:.0%} only. If it shows somebody"
        " else, other clothes or a wrong cut-out, leave it out."
    )
    return replace(record, message=f"{record.message} {doubt}".strip())


def refusal(error: PhotoError) -> PhotoRecord:
    """Return the record of a photo that cannot be used."""
    return PhotoRecord(name=error.photo, status="refused", message=str(error))


def report(
    photos: tuple[PhotoRecord, ...], seconds: Mapping[str, float], device: torch.device
) -> dict[str, Any]:
    """Return the content of `report.json`."""
    return {
        "device": device_name(device),
        "versions": versions(),
        "seconds": {stage: round(time, 2) for stage, time in seconds.items()},
        "peak_memory_mb": peak_memory_mb(),
        "photos": [asdict(photo) for photo in photos],
    }


def device_name(device: torch.device) -> str:
    """Return the device in words that tell two machines apart."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    count = torch.get_num_threads()
    return f"cpu ({count} thread{'' if count == 1 else 's'})"


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that move the result."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:  # run from a checkout, not installed
            found[package] = "not installed"
    return found


def peak_memory_mb() -> float | None:
    """Return the most memory this process has held, in 10⁶ bytes; None on Windows."""
    if sys.platform == "win32":
        return None
    import resource  # does not exist on Windows

    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kibibytes on Linux
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)
