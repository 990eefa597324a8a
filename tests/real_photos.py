"""The road on real photos: `python tests/real_photos.py --output DIR`, then the figures as tests.

Photos lie beside the checkout (`../shared/data/photos`) and are never committed; only the table of
means is. The run is resumed by photo; `pytest -m data tests/real_photos.py` measures a finished one
(folder in the environment variable `REAL_PHOTOS`).
"""

import argparse
import csv
import io
import json
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from real_photo_names import NAMES

from backend.job import Job, run_job
from backend.settings import Quality
from backend.silhouette import posed_in_camera, silhouette
from shared.avatar_file import load_avatar, load_fit
from shared.errors import AvatarError
from shared.skeleton import JOINT_NAMES
from shared.skinning import posed_from_rest
from shared.types import Avatar, Fit, Photo

PHOTOS = Path(__file__).resolve().parents[2] / "shared/data/photos"
ENOUGH_ALPHA = 0.02
"""Share of transparent pixels from which an alpha channel is a cut-out."""
CHILDREN = ("pshuman/pexels-marta-wave-6437749.png", "pshuman/85891251f52a2399e660a63c2a7fdf40.png")
"""Not adults: no stature is expected of them."""

log = logging.getLogger(__name__)
pytestmark = pytest.mark.data


def on_grey(path: Path) -> tuple[bytes, np.ndarray | None]:
    """The file to reconstruct from and the true mask (bool), if the photo is a cut-out."""
    image = Image.open(path)
    if image.mode not in {"RGBA", "LA", "PA"}:
        return path.read_bytes(), None
    image = image.convert("RGBA")
    alpha = np.asarray(image)[..., 3]
    if (alpha < 128).mean() < ENOUGH_ALPHA or (alpha > 128).mean() < ENOUGH_ALPHA:
        return path.read_bytes(), None
    grey = Image.new("RGBA", image.size, (128, 128, 128, 255))
    grey.alpha_composite(image)
    file = io.BytesIO()
    grey.convert("RGB").save(file, "PNG")
    return file.getvalue(), alpha >= 128


def lean_deg(avatar: Avatar, fit: Fit, photo: int) -> float | None:
    """Angle of ankles → neck to the camera's upright plane; None unless the person stands."""
    bones = posed_from_rest(avatar, fit.rotations[photo], fit.root[photo])
    homogeneous = np.concatenate([avatar.joints, np.ones((len(avatar.joints), 1))], 1)
    world = np.einsum("jab,jb->ja", bones, homogeneous)[:, :3]
    camera = fit.camera_from_world[photo][:3]
    joint = dict(zip(JOINT_NAMES, world @ camera[:, :3].T + camera[:, 3], strict=True))
    up = joint["neck"] - (joint["left_ankle"] + joint["right_ankle"]) / 2
    roll = np.degrees(np.arctan2(up[0], -up[1]))
    bends = [
        _angle(joint[f"{side}_hip"], joint[f"{side}_knee"], joint[f"{side}_ankle"])
        for side in ("left", "right")
    ]
    if abs(roll) > 20 or max(bends) > 45:
        return None
    return float(np.degrees(np.arcsin(up[2] / np.linalg.norm(up))))


def _angle(first: np.ndarray, middle: np.ndarray, last: np.ndarray) -> float:
    one, two = middle - first, last - middle
    cosine = one @ two / np.linalg.norm(one) / np.linalg.norm(two)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def reconstruct(name: str, folder: Path, quality: Quality) -> dict[str, Any]:
    """Make the avatar of one photo and measure it."""
    data, truth = on_grey(PHOTOS / name)
    job = Job(
        photos=(Photo(name=Path(name).name, data=np.frombuffer(data, np.uint8)),),
        output=folder,
        name="person",
        quality=quality,
        height_m=None,
        device="cpu",
        body=None,
    )
    try:
        report = run_job(job, lambda _stage, _fraction: None)
    except AvatarError as error:
        return {"name": name, "iou": 0.0, "message": str(error), "alpha": truth is not None}
    except Exception:  # a crash counts as IoU 0, and the run goes on
        log.exception("%s crashed", name)
        return {"name": name, "iou": 0.0, "message": "crashed", "alpha": truth is not None}
    avatar, fit = load_avatar(folder / "avatar.npz"), load_fit(folder / "fit.npz")
    row = report["photos"][0]
    iou = row["silhouette_iou"]
    if truth is not None:
        seen = silhouette(avatar, fit, 0, torch.device("cpu")).numpy()
        iou = float((seen & truth).sum() / (seen | truth).sum())
    posed = posed_in_camera(avatar, fit, 0)
    return {
        "name": name,
        "iou": iou,
        "own_iou": row["silhouette_iou"],
        "alpha": truth is not None,
        "landmark_error_percent": row["landmark_error_percent"],
        "lean_deg": lean_deg(avatar, fit, 0),
        "stature_m": float(np.ptp(avatar.vertices[:, 2])),
        "distance_m": float(posed[:, 2].mean()),
        "seconds": sum(report["seconds"].values()),
        "message": row["message"],
    }


def run(output: Path, quality: Quality, part: tuple[int, int]) -> None:
    """Reconstruct every `part[1]`-th photo from `part[0]` that has no result yet."""
    output.mkdir(parents=True, exist_ok=True)
    for name in NAMES[part[0] :: part[1]]:
        key = name.replace("/", "_")
        record = output / f"{key}.json"
        if not record.exists():
            row = reconstruct(name, output / key, quality)
            record.write_text(json.dumps(row))
            log.info("%s", row)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """Rows of the finished run; a photo without a row is an error."""
    if "REAL_PHOTOS" not in os.environ:
        pytest.skip("REAL_PHOTOS does not name the folder of a finished run")
    folder = Path(os.environ["REAL_PHOTOS"])
    return [json.loads((folder / f"{n.replace('/', '_')}.json").read_text()) for n in NAMES]


def test_the_list_holds_every_whole_person_once() -> None:
    with (PHOTOS / "INDEX.csv").open() as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}
    people = [rows[name]["person"] for name in NAMES]
    assert len(set(people)) == len(people) >= 40
    assert {rows[name]["kind"] for name in NAMES} == {"real"}


def test_avatars_cover_the_people(rows: list[dict[str, Any]]) -> None:
    ious = np.array([row["iou"] for row in rows])
    assert ious.mean() >= 0.90
    assert np.percentile(ious, 10) >= 0.80


def test_avatars_cover_cut_out_people(rows: list[dict[str, Any]]) -> None:
    assert np.mean([row["iou"] for row in rows if row["alpha"]]) >= 0.93


def test_joints_lie_on_their_landmarks(rows: list[dict[str, Any]]) -> None:
    errors = [row["landmark_error_percent"] for row in rows if row["iou"] > 0]
    assert np.mean(errors) <= 2


def test_standing_people_do_not_lean(rows: list[dict[str, Any]]) -> None:
    leans = [row["lean_deg"] for row in rows if row.get("lean_deg") is not None]
    assert len(leans) >= 10
    assert np.abs(leans).max() <= 5


def test_adults_have_the_stature_of_adults(rows: list[dict[str, Any]]) -> None:
    adults = [row for row in rows if row["iou"] > 0 and row["name"] not in CHILDREN]
    assert all(1.5 <= row["stature_m"] <= 2.0 for row in adults)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--quality", default="standard", choices=["draft", "standard", "high"])
    parser.add_argument("--part", type=int, nargs=2, default=(0, 1), help="which, of how many")
    options = parser.parse_args()
    run(options.output, options.quality, tuple(options.part))
