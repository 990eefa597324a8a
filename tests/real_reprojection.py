"""Reprojection on real photos with and without refinement, in one table.

`python tests/real_reprojection.py --output DIR` makes each avatar twice in `standard` and prints
the table; a run is resumed by set. `pytest -m data tests/real_reprojection.py` measures a finished
one (folder in the environment variable `REAL_REPROJECTION`). Photos lie beside the checkout and
are never committed; each folder's `preview.png` is to be looked at.
"""

import argparse
import json
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from real_photo_names import NAMES
from real_photos import PHOTOS, on_grey
from real_sets import photos_of

from backend.geometry.pose_points import ANKLES, HIPS, KNEES, SHOULDERS, SHOWN_VISIBILITY, WRISTS
from backend.job import load_body, write
from backend.pipeline import Result, make_avatar
from backend.progress import Stopwatch
from backend.settings import Settings, for_quality, override
from shared.errors import AvatarError
from shared.skeleton import JOINT_NAMES
from shared.skinning import posed_from_rest, project
from shared.types import Photo

PEOPLE = (
    "econ/304e9c4798a8c3967de7c74c24ef2e38.jpg",
    "econ/cloth/1f7c9214b80a02071edfadd5be908d8e.jpg",
    "econ/cloth/55cc162cc4fcda1df2236847a52db93a.jpg",
    "econ/cloth/930c782d63e180208e0a55754d607f34.jpg",
    "econ/pose/02986d0998ce01aa0aa67a99fbd1e09a.jpg",
    "econ/pose/5ef3bc939cf82dbd0c541eba41b517c2.jpg",
    "icon/22097467bffc92d4a5c4246f7d4edb75.png",
    "icon/e1e7622af7074a022f5d96dc16672517.png",
    "pifuhd/test.png",
    "pshuman/16171.png",
    "sith/images/003.png",
    "sith/images/011.png",
)
"""Written down before the first run: from every collection, cloth and poses that are hard too."""
SETS = ("econ_chambray_bowtie", "econ_dark_suit")
WITHOUT = {"is_refined": False}
ROUNDS = ("before", "after")
ELBOWS = (13, 14)
POINTS = (*SHOULDERS, *ELBOWS, *WRISTS, *HIPS, *KNEES, *ANKLES)
LIMBS = [
    JOINT_NAMES.index(f"{side}_{joint}")
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
]
MOST_LOST_IOU = 0.01

log = logging.getLogger(__name__)
pytestmark = pytest.mark.data


def key_of(name: str) -> str:
    """Folder of a person's or a set's results."""
    return name.replace("/", "_")


def photos_named(name: str) -> tuple[Photo, ...]:
    """The photos of a set, or the one photo of a person, on grey if it is a cut-out."""
    if name in SETS:
        return photos_of(name)
    data, _ = on_grey(PHOTOS / name)
    return (Photo(name=Path(name).name, data=np.frombuffer(data, np.uint8)),)


def landmark_error_percent(result: Result, photo: int) -> float:
    """Mean distance of the avatar's limb joints to their landmarks, in percent of the stature.

    NaN if the detector saw no limb.
    """
    avatar, fit, marks = result.avatar, result.fit, result.views[photo].landmarks
    bones = posed_from_rest(avatar, fit.rotations[photo], fit.root[photo])
    joints = np.einsum("jab,jb->ja", bones[:, :3, :3], avatar.joints) + bones[:, :3, 3]
    seen = project(joints, fit, photo)
    stature_px = avatar.height_m * fit.intrinsics[photo, 0, 0] / seen[0, 2]
    points = marks.points_px[list(POINTS)].cpu().numpy()
    shown = (marks.visibility[list(POINTS)] > SHOWN_VISIBILITY).cpu().numpy()
    apart = np.linalg.norm(seen[LIMBS, :2] - points, axis=1)[shown]
    return float(100 * apart.mean() / stature_px) if len(apart) else float("nan")


def reprojections(result: Result) -> dict[str, dict[str, float]]:
    """Figures of the used photos, by name."""
    used = [record for record in result.photos if record.status == "used"]
    return {
        record.name: {
            "iou": float(record.silhouette_iou or 0.0),
            "landmark_error_percent": landmark_error_percent(result, k),
        }
        for k, record in enumerate(used)
    }


def reconstruct(name: str, folder: Path, settings: Settings) -> dict[str, Any]:
    """Make and write the avatar of one person or set, and measure it."""
    watch = Stopwatch(lambda *_: None)
    device = torch.device("cpu")
    body = load_body(None, device)
    try:
        result = make_avatar(
            photos_named(name), settings, body, name="person", device=device, watch=watch
        )
    except AvatarError as error:
        return {"photos": {}, "message": str(error)}
    folder.mkdir(parents=True, exist_ok=True)
    write(result, folder, device)
    return {"photos": reprojections(result), "seconds": sum(watch.seconds.values())}


def run(output: Path, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Measure what has no result yet; return the rows of all."""
    standard = for_quality("standard")
    rounds = dict(zip(ROUNDS, (override(standard, WITHOUT), standard), strict=True))
    output.mkdir(parents=True, exist_ok=True)
    rows = []
    for name in names:
        record = output / f"{key_of(name)}.json"
        if not record.exists():
            found = {
                when: reconstruct(name, output / key_of(name) / when, settings)
                for when, settings in rounds.items()
            }
            record.write_text(json.dumps({"name": name, **found}, indent=1))
        rows.append(json.loads(record.read_text()))
    return rows


def means(row: dict[str, Any], figure: str) -> list[float]:
    """Mean of a figure over the photos that both rounds used, before and after."""
    both = [name for name in row["before"]["photos"] if name in row["after"]["photos"]]
    return [
        float(np.mean([row[when]["photos"][name][figure] for name in both])) if both else np.nan
        for when in ROUNDS
    ]


def lost_iou(row: dict[str, Any]) -> float:
    """Most IoU that a photo has lost, all of it if it is refused; negative if all have won."""
    before, after = (row[when]["photos"] for when in ROUNDS)
    nothing = {"iou": 0.0}
    return max(
        (before[name]["iou"] - after.get(name, nothing)["iou"] for name in before), default=0
    )


def table(rows: list[dict[str, Any]]) -> str:
    """Return the table, in Markdown."""
    head = ("photos of", "photos", "IoU before", "after", "landmarks % before", "after", "s")
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    figures = np.array([[*means(r, "iou"), *means(r, "landmark_error_percent")] for r in rows])
    for row, values in zip(rows, figures, strict=True):
        after = row["after"]
        cells = [Path(row["name"]).with_suffix("").as_posix()[:40], str(len(after["photos"]))]
        cells += [f"{v:.3f}" for v in values[:2]] + [f"{v:.2f}" for v in values[2:]]
        lines.append("| " + " | ".join([*cells, f"{after.get('seconds', np.nan):.0f}"]) + " |")
    mean = np.nanmean(figures, axis=0)
    cells = [f"{v:.3f}" for v in mean[:2]] + [f"{v:.2f}" for v in mean[2:]]
    return "\n".join([*lines, "| " + " | ".join(["mean", "", *cells, ""]) + " |"])


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """Rows of the finished run; a person without a row is an error."""
    if "REAL_REPROJECTION" not in os.environ:
        pytest.skip("REAL_REPROJECTION does not name the folder of a finished run")
    folder = Path(os.environ["REAL_REPROJECTION"])
    return [json.loads((folder / f"{key_of(n)}.json").read_text()) for n in (*PEOPLE, *SETS)]


def test_people_are_twelve_of_the_named_ones() -> None:
    assert len(set(PEOPLE) & set(NAMES)) == 12


def test_avatars_cover_the_people_better_in_the_mean(rows: list[dict[str, Any]]) -> None:
    before, after = np.array([means(row, "iou") for row in rows]).T
    assert after.mean() > before.mean()


def test_no_photo_is_covered_worse(rows: list[dict[str, Any]]) -> None:
    assert max(lost_iou(row) for row in rows) <= MOST_LOST_IOU


def test_joints_lie_nearer_to_their_landmarks_in_the_mean(rows: list[dict[str, Any]]) -> None:
    before, after = np.array([means(row, "landmark_error_percent") for row in rows]).T
    assert after.mean() < before.mean()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--only", nargs="+", default=(*PEOPLE, *SETS), help="of the named ones")
    options = parser.parse_args()
    log.info("%s", table(run(options.output, tuple(options.only))))
