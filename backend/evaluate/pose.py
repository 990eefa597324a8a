"""The fitted pose in photos of known poses: easy (people who stand, from the front) and hard."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

from backend.body.kinematics import camera_from_bind, moved_joints
from backend.evaluate.photographs import EASY, HARD, PosedPhotos, read_posed_photos
from backend.evaluate.protocols.pose import mpjpe_mm, pa_mpjpe_mm
from backend.evaluate.subject_files import Place, poses_folder
from backend.geometry.pose_points import ANKLES, HIPS, KNEES, SHOULDERS, WRISTS
from backend.geometry.skinning import pose
from backend.progress import Stopwatch
from backend.render.rasterizer import mask_iou, rasterize
from backend.stages.fit_body import fit_body
from backend.stages.landmarks import LandmarkDetector
from backend.types import View
from backend.views import look_at
from shared.errors import NoUsablePhoto

BODY_JOINTS = 22
"""SMPL-X's first joints: without jaw, eyes and fingers."""
ELBOWS = (13, 14)
LIMB_POINTS = (*HIPS, *KNEES, *ANKLES, *SHOULDERS, *ELBOWS, *WRISTS)
LIMB_JOINTS = (1, 2, 4, 5, 7, 8, 16, 17, 18, 19, 20, 21)
"""The joints that MediaPipe marks, in the order of `LIMB_POINTS`."""
METRICS = (
    "pa_mpjpe_mm",
    "mpjpe_mm",
    "silhouette_iou",
    "limbs_pa_mpjpe_mm",
    "landmarks_pa_mpjpe_mm",
)


def measure(place: Place, name: str) -> dict[str, Any]:
    """Return one row per photo of a subject."""
    posed = read_posed_photos(poses_folder(place, name))
    place.say(f"{name}: {len(posed.photos)} photos of poses")
    with LandmarkDetector(place.settings.landmarks) as detector:
        return {"photos": [_one(place, posed, k, detector) for k in range(len(posed.photos))]}


def _one(
    place: Place, posed: PosedPhotos, number: int, detector: LandmarkDetector
) -> dict[str, Any]:
    photo, kind = posed.photos[number], posed.kinds[number]
    watch = Stopwatch(lambda _stage, _fraction: None)
    try:
        seen = look_at([photo], detector, place.settings.segment, watch)
    except NoUsablePhoto as error:
        return {"photo": photo.name, "kind": kind, "refused": error.sentence}
    view = seen.views[0]
    fit = fit_body([view], place.body, place.settings.fit_body, report=lambda _s, _f: None)
    bones = camera_from_bind(
        fit.bind.joints, place.body.parents, fit.rotations, fit.camera_from_body
    )
    joints = moved_joints(fit.bind.joints, bones)[0]
    true, skin = posed.joints[number], (fit.bind.vertices, place.body.weights)
    return {
        "photo": photo.name,
        "kind": kind,
        **joint_errors(joints, view.landmarks.world_m, true),
        "silhouette_iou": _iou(place, view, pose(*skin, bones[0]), posed.masks[number]),
    }


def joint_errors(
    joints: Float[Tensor, "J 3"], points: Float[Tensor, "33 3"], true: Float[Tensor, "J 3"]
) -> dict[str, float]:
    """Return the errors of fitted joints, and of the landmarks on the joints that they mark.

    Args:
        joints: Camera frame, metres.
        points: MediaPipe's world landmarks, metres.
        true: Camera frame, metres.
    """
    limbs, marks = list(LIMB_JOINTS), list(LIMB_POINTS)
    return {
        "pa_mpjpe_mm": pa_mpjpe_mm(joints[:BODY_JOINTS], true[:BODY_JOINTS]),
        "mpjpe_mm": mpjpe_mm(joints[:BODY_JOINTS], true[:BODY_JOINTS]),
        "limbs_pa_mpjpe_mm": pa_mpjpe_mm(joints[limbs], true[limbs]),
        "landmarks_pa_mpjpe_mm": pa_mpjpe_mm(points[marks], true[limbs]),
    }


def _iou(
    place: Place, view: View, vertices: Float[Tensor, "V 3"], mask: Bool[Tensor, "H W"]
) -> float:
    """Return the IoU of the fitted bare body's silhouette with the dressed person's true mask."""
    drawn = rasterize(vertices, place.body.faces, view.camera).mask
    return mask_iou(drawn, mask.to(drawn.device))


def summary(rows: Mapping[str, Mapping[str, Any]], kinds: Mapping[str, str]) -> dict[str, Any]:
    """Return the means over all easy and all hard photos, and over those of each class of subject.

    Args:
        rows: By subject, as `measure` returns them.
        kinds: `fitted` or `loose`, by subject.
    """

    def of(kind: str, wear: tuple[str, ...]) -> dict[str, Any]:
        names = [name for name in rows if kinds[name] in wear]
        return mean_of([one for name in names for one in rows[name]["photos"]], kind)

    return {
        level: of(level, ("fitted", "loose"))
        | {"fitted": of(level, ("fitted",)), "loose": of(level, ("loose",))}
        for level in (EASY, HARD)
    } | {"subjects": dict(rows)}


def mean_of(photos: Sequence[Mapping[str, Any]], kind: str) -> dict[str, Any]:
    """Return the mean figures of the photos of a kind; refused ones are counted beside."""
    chosen = [photo for photo in photos if photo["kind"] == kind]
    found = [photo for photo in chosen if "refused" not in photo]
    means = {
        metric: float(np.mean([photo[metric] for photo in found])) if found else None
        for metric in METRICS
    }
    return {**means, "count": len(found), "refused": len(chosen) - len(found)}
