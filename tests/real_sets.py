"""The four sets of photos of one person, and how well separate views agree on a pose.

`python tests/real_sets.py --output DIR` prints a row per set, and for the turntable, whose person
does not move, the mean distance of the 12 limb joints between views that were fitted one by one
(after a similarity transform per pair, at a stature of 1.75 m).
"""

import argparse
import itertools
import json
import logging
from pathlib import Path

import numpy as np
import torch
from real_photos import PHOTOS

from backend.body.anny55 import load_anny55
from backend.body.kinematics import bone_matrices, moved_joints
from backend.job import Job, run_job
from backend.progress import Stopwatch
from backend.settings import Settings
from backend.stages.fit_body import fit_body
from backend.stages.landmarks import LandmarkDetector
from backend.views import look_at
from shared.skeleton import JOINT_NAMES
from shared.types import Photo

SETS = {  # of 28 frames and 24 views every seventh and every third
    "econ_chambray_bowtie": 1,
    "econ_dark_suit": 1,
    "ipercore_akun": 7,
    "idol_turntable24": 3,
}
LIMBS = [
    JOINT_NAMES.index(f"{side}_{joint}")
    for side in ("left", "right")
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
]
STATURE_M = 1.75

log = logging.getLogger(__name__)


def photos_of(name: str) -> tuple[Photo, ...]:
    """Every so many pictures of a set."""
    files = sorted((PHOTOS / "sets" / name).glob("*.[jp][pn]g"))[:: SETS[name]]
    return tuple(
        Photo(name=file.name, data=np.frombuffer(file.read_bytes(), np.uint8)) for file in files
    )


def aligned_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Mean distance of points after the best similarity transform (Umeyama 1991)."""
    first, second = first - first.mean(0), second - second.mean(0)
    u, spread, vt = np.linalg.svd(second.T @ first)
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    scale = (spread * sign).sum() / (first**2).sum()
    return float(np.linalg.norm(scale * first @ ((u * sign) @ vt).T - second, axis=1).mean())


def cross_view_mm(name: str) -> float:
    """Mean over pairs of views of how far apart the separately fitted limb joints are."""
    body, poses = load_anny55(), []
    with LandmarkDetector() as detector:
        for photo in photos_of(name):
            watch = Stopwatch(lambda *_: None)
            seen = look_at([photo], detector, Settings().segment, watch)
            fit = fit_body(seen.views, body, Settings().fit_body, report=lambda *_: None)
            bones = bone_matrices(fit.bind.joints, body.parents, fit.rotations)
            joints = moved_joints(fit.bind.joints, bones)[0]
            used = fit.bind.vertices[torch.unique(body.faces)]
            stature = float(used[:, 1].max() - used[:, 1].min())
            poses.append((joints[LIMBS] * STATURE_M / stature).numpy())
    return 1000 * float(np.mean([aligned_distance(*p) for p in itertools.combinations(poses, 2)]))


def main() -> None:
    """Run all sets."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path, required=True)
    output = parser.parse_args().output
    for name in SETS:
        job = Job(
            photos=photos_of(name),
            output=output / name,
            name=name,
            quality="standard",
            height_m=None,
            device="cpu",
            body=None,
        )
        report = run_job(job, lambda *_: None)
        ious = [row["silhouette_iou"] for row in report["photos"] if row["status"] == "used"]
        row = {"set": name, "photos": len(job.photos), "iou": ious, "seconds": report["seconds"]}
        log.info("%s", json.dumps(row))
    log.info("cross-view distance on the turntable: %.1f mm", cross_view_mm("idol_turntable24"))


if __name__ == "__main__":
    main()
