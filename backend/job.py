"""One job of the command line: photos in memory -> result folder."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from backend.body.anny55 import load_anny55
from backend.body.model import BodyModel
from backend.body.smplx import load_smplx
from backend.files.glb import glb
from backend.files.jpeg import save_jpeg
from backend.files.png import eight_bits, save_png
from backend.files.preview import Shown, preview
from backend.files.result_folder import result_folder
from backend.geometry.normals import vertex_normals
from backend.pipeline import Result, make_avatar
from backend.progress import Stopwatch
from backend.record import report
from backend.report import Report
from backend.settings import Quality, for_quality
from shared.avatar_file import save_avatar, save_fit
from shared.errors import BadInput
from shared.types import Avatar, Photo


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What the user asks for."""

    photos: tuple[Photo, ...]
    output: Path
    name: str
    quality: Quality
    height_m: float | None
    """None keeps the fitted body's."""
    device: Literal["cpu", "cuda"] | None
    """None takes CUDA if there is any."""
    body: Path | None
    """The user's own SMPL-X model; None takes Anny-55."""


def run_job(job: Job, listener: Report) -> dict[str, Any]:
    """Make the avatar and write the result folder; return what `report.json` says.

    Raises:
        AvatarError: what the user can act on; nothing is written then.
    """
    settings = for_quality(job.quality, job.height_m)
    device = choose_device(job.device)
    body = load_body(job.body, device)
    watch = Stopwatch(listener)
    with result_folder(job.output) as folder:
        result = make_avatar(job.photos, settings, body, name=job.name, device=device, watch=watch)
        with watch.stage("write"):
            write(result, folder, device)
        record = report(result.photos, watch.seconds, device)
        (folder / "report.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    return record


def choose_device(wanted: Literal["cpu", "cuda"] | None) -> torch.device:
    """Return the device to work on.

    Raises:
        BadInput: if CUDA is wanted and there is none.
    """
    has_cuda = torch.cuda.is_available()
    if wanted == "cuda" and not has_cuda:
        raise BadInput(
            "No CUDA device was found.", "Check the driver, or compute on the processor (cpu)."
        )
    return torch.device(wanted or ("cuda" if has_cuda else "cpu"))


def load_body(path: Path | None, device: torch.device) -> BodyModel:
    """Return the default body, or the user's own SMPL-X.

    Raises:
        BadFile: if the user's file is not an SMPL-X model.
        BadInput: if the package `smplx` is not installed.
    """
    return load_anny55(device) if path is None else load_smplx(path, device)


def write(result: Result, folder: Path, device: torch.device) -> None:
    """Write everything but `report.json`; the photos as the cameras of the fit see them."""
    save_avatar(folder / "avatar.npz", result.avatar)
    save_fit(folder / "fit.npz", result.fit)
    for name, mask in zip(result.fit.masks, result.masks, strict=True):
        save_png(folder / name, mask)
    (folder / "avatar.glb").write_bytes(glb(result.avatar, normals_of(result.avatar)))
    shown = [
        Shown(color=view.color, mask=mask)
        for view, mask in zip(result.views, result.masks, strict=True)
    ]
    for number, view in enumerate(result.views, start=1):
        save_jpeg(folder / f"photo_{number}.jpg", eight_bits(view.color))
    save_png(folder / "preview.png", preview(result.avatar, result.fit, shown, device))


def normals_of(avatar: Avatar) -> np.ndarray:
    """Return unit normals (V 3) of the rest pose, world frame."""
    vertices = torch.from_numpy(avatar.vertices)
    faces = torch.from_numpy(avatar.faces.astype(np.int64))
    return vertex_normals(vertices, faces).numpy()
