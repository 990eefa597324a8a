"""Canonical surfaces against the truth: from scans without weights, and from rendered photos.

CanonicalFusion, table 2: the input of a row is each scan's posed surface without weights, the
body's shape and its true pose. Canonical surfaces are compared both ways without alignment; the
paper's own scaling and ICP stand beside, marked as aligned.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from backend.evaluate import pose_noise
from backend.evaluate.inputs import poses_of
from backend.evaluate.photographs import read_photos
from backend.evaluate.pose_noise import POSED_ROWS, joint_error_mm
from backend.evaluate.protocols.cfusion import cfusion
from backend.evaluate.protocols.mesh import Surface
from backend.evaluate.subject_files import (
    RECIPES,
    Place,
    consolidated_of,
    photos_folder,
    truth_folder,
)
from backend.evaluate.truth import Truth, read_given, read_truth
from backend.geometry.remesh import NotManifold
from backend.pipeline import make_avatar
from backend.progress import Stopwatch
from shared.coordinates import WORLD_FROM_BODY, change_axes
from shared.errors import NoUsablePhoto
from shared.types import Avatar

ROWS = tuple(RECIPES)
"""Canonical surfaces made of scans or of true maps."""
QUICK_ROWS = ("pipeline", "nearest_vertex", "true_weights", "pose_noise_before", "pose_noise")
PHOTO_COUNTS = (1, 2, 4, 8)
"""Of photos whose true maps are given."""
PREDICTED_PHOTO_COUNTS = (1, 2, 4, 8)
"""Of photos that go through the whole pipeline; the quick run leaves them out."""
METRICS = ("p2s_cm", "p2s_back_cm", "chamfer_cm", "normal_error")


def measure(place: Place, name: str) -> dict[str, Any]:
    """Return one subject's figures, by row."""
    folder = truth_folder(place, name)
    truth, true_poses = read_truth(folder), poses_of(read_given(folder), place.body)
    rows: dict[str, Any] = {}
    for row in QUICK_ROWS if place.is_quick else ROWS:
        place.say(f"{name}: {row.replace('_', ' ')}")
        try:
            made = consolidated_of(place, name, row)
        except NotManifold as error:
            rows[row] = {"failed": f"fusion: {error}"}
            continue
        rows[row] = compared(Surface(vertices=made.mesh.vertices, faces=made.mesh.faces), truth)
        if row in POSED_ROWS:
            rows[row]["joint_error_mm"] = joint_error_mm(made.poses, true_poses)
    return rows if place.is_quick else rows | _predicted(place, name, truth)


def _predicted(place: Place, name: str, truth: Truth) -> dict[str, Any]:
    """Return the rows of photos that go through the whole pipeline."""
    photos, rows = read_photos(photos_folder(place, name)), {}
    for count in PREDICTED_PHOTO_COUNTS:
        place.say(f"{name}: {count} photo{'s' * (count > 1)}")
        rows[f"photos_{count}"] = _from_photos(photos[:count], truth, place)
    return rows


def compared(surface: Surface, truth: Truth) -> dict[str, Any]:
    """Return the distances of a canonical surface to the true one, as it is and aligned."""
    return {
        **asdict(cfusion(surface, truth.surface)),
        "aligned": asdict(cfusion(surface, truth.surface, aligned=True)),
    }


def _from_photos(photos: Sequence[Any], truth: Truth, place: Place) -> dict[str, Any]:
    """Return the figures of the avatar of some photos, its pelvis moved onto the true one."""
    watch = Stopwatch(lambda _stage, _fraction: None)
    try:
        result = make_avatar(
            photos,
            place.settings,
            place.body,
            name="subject",
            device=torch.device("cpu"),
            watch=watch,
        )
    except NoUsablePhoto as error:
        return {"failed": error.sentence}
    except NotManifold as error:
        return {"failed": f"fusion: {error}"}
    used = sum(photo.status == "used" for photo in result.photos)
    surface = in_body_frame(result.avatar, truth.joints[0])
    return {**compared(surface, truth), "used": used, "seconds": sum(watch.seconds.values())}


def in_body_frame(avatar: Avatar, pelvis: Float[Tensor, " 3"]) -> Surface:
    """Return the avatar's canonical surface in body axes, with its pelvis at a point (metres).

    Nothing is scaled or turned: the avatar's own stature counts as an error.
    """
    points = change_axes(avatar.vertices, WORLD_FROM_BODY.T)
    own = change_axes(avatar.joints[0], WORLD_FROM_BODY.T)
    moved = torch.from_numpy((points - own).astype(np.float32)) + pelvis
    return Surface(vertices=moved, faces=torch.from_numpy(avatar.faces.astype(np.int64)))


def summary(rows: Mapping[str, Mapping[str, Any]], kinds: Mapping[str, str]) -> dict[str, Any]:
    """Return the means by class of subject.

    Args:
        rows: By subject, as `measure` returns them.
        kinds: `fitted` or `loose`, by subject.
    """
    fitted, loose = (
        [rows[name] for name in rows if kinds[name] == kind] for kind in ("fitted", "loose")
    )
    everyone = [*fitted, *loose]

    def by_class(row: str) -> dict[str, Any]:
        if not any(row in one for one in everyone):
            return {"fitted": None, "loose": None, "reason": "not measured by the quick run"}
        means = {"fitted": mean_of(fitted, row), "loose": mean_of(loose, row)}
        return {**(mean_of(everyone, row) or {}), **means}

    return {
        "fitted": mean_of(fitted, "pipeline"),
        "loose": mean_of(loose, "pipeline"),
        "nearest_vertex": mean_of(loose, "nearest_vertex"),
        "nearest_vertex_fitted": mean_of(fitted, "nearest_vertex"),
        "true_weights": by_class("true_weights"),
        "by_scan_count": {
            "1": by_class("pipeline_1"),
            "2": by_class("pipeline_2"),
            "all": by_class("pipeline"),
        },
        "pose_noise": pose_noise.summary(rows),
        "by_photo_count": {str(count): by_class(f"maps_{count}") for count in PHOTO_COUNTS},
        "by_photo_count_predicted": {
            str(count): by_class(f"photos_{count}") for count in PREDICTED_PHOTO_COUNTS
        },
        "items": {name: item_of(one) for name, one in rows.items()},
        "failed": failures(rows),
        "subjects": dict(rows),
    }


def item_of(rows: Mapping[str, Any]) -> dict[str, float] | None:
    """Return the shares of a subject's figures in those of the nearest vertex; None if unknown."""
    ours, nearest = rows["pipeline"], rows["nearest_vertex"]
    if "p2s_cm" not in ours or "p2s_cm" not in nearest:
        return None
    return {metric: ours[metric] / nearest[metric] for metric in METRICS}


def failures(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return why rows of subjects have no figures; they are missing in the means."""
    return {
        f"{name}: {row}": figures["failed"]
        for name, one in rows.items()
        for row, figures in one.items()
        if isinstance(figures, Mapping) and "failed" in figures
    }


def mean_of(subjects: Sequence[Mapping[str, Any]], row: str) -> dict[str, Any] | None:
    """Return the mean figures of a row over the subjects that have it; None if none has."""
    found = [one[row] for one in subjects if "p2s_cm" in one.get(row, {})]
    if not found:
        return None
    mean: dict[str, Any] = {metric: _mean(found, metric) for metric in METRICS}
    mean["aligned"] = {m: _mean([one["aligned"] for one in found], m) for m in METRICS}
    mean["count"] = len(found)
    return mean


def _mean(rows: Sequence[Mapping[str, Any]], metric: str) -> float:
    return float(np.mean([row[metric] for row in rows]))
