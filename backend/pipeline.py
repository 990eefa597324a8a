"""Photos in, avatar out: the stages in their order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import UInt8

from backend.body.kinematics import bones_of
from backend.body.model import BodyModel
from backend.files.png import eight_bits
from backend.geometry.cloth_weights import Dummy
from backend.progress import Stopwatch
from backend.record import PhotoRecord, judged
from backend.rounds import surfaced
from backend.settings import Settings
from backend.silhouette import silhouette_iou
from backend.stages.fit_body import fit_body
from backend.stages.landmarks import LandmarkDetector
from backend.stages.rig import Names, Rigged, rig
from backend.stages.texture import texture
from backend.types import BodyFit, Landmarks, Poses, SkinnedMesh, View
from backend.views import Seen, look_at
from shared.types import Avatar, Fit, Photo

UNSEEN_COLOUR = 0.5
"""Of the body model, which has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a job gives."""

    avatar: Avatar
    fit: Fit
    views: tuple[View, ...]
    """Of the used photos, in the fit's order."""
    masks: tuple[UInt8[np.ndarray, "_ _"], ...]
    """Of the used photos; 255 = person."""
    photos: tuple[PhotoRecord, ...]
    """Of all photos: the used ones first, in the fit's order."""


def make_avatar(
    photos: Sequence[Photo],
    settings: Settings,
    body: BodyModel,
    *,
    name: str,
    device: torch.device,
    watch: Stopwatch,
) -> Result:
    """Return the rigged avatar of the person in the photos.

    Args:
        photos: Picture files of one person.
        settings: Of all stages.
        body: On the device.
        name: Of the avatar.
        device: Where the tensors are.
        watch: Times the stages, and tells and stops them.

    Raises:
        NoUsablePhoto: if all photos are refused.
    """
    with LandmarkDetector(settings.landmarks) as detector:
        seen = look_at(photos, detector, settings.segment, watch)
    views = [_on_device(view, device) for view in seen.views]
    with watch.stage("fit_body") as report:
        fit = fit_body(views, body, settings.fit_body, report=report)
    views = [replace(v, camera=camera) for v, camera in zip(views, fit.cameras, strict=True)]
    found = surfaced(views, _poses(fit, body), _dummy(fit, body), settings, watch=watch)
    surface, poses, views = found.mesh, found.poses, found.views
    fit = _refitted(fit, poses, views)
    with watch.stage("texture"):
        colours = texture(surface, views, bones_of(poses), settings.texture)
    with watch.stage("rig"):
        names = _names(name, views)
        rigged = rig(replace(surface, colours=colours), fit, body, settings.rig, names=names)
    masks = tuple(eight_bits(view.mask) for view in views)
    return _result(rigged, fit, seen, masks, watch=watch)


def _poses(fit: BodyFit, body: BodyModel) -> Poses:
    return Poses(
        joints=fit.bind.joints,
        parents=body.parents,
        rotations=fit.rotations,
        camera_from_body=fit.camera_from_body,
    )


def _refitted(fit: BodyFit, poses: Poses, views: Sequence[View]) -> BodyFit:
    return replace(
        fit,
        rotations=poses.rotations,
        camera_from_body=poses.camera_from_body,
        cameras=tuple(view.camera for view in views),
    )


def _result(
    rigged: Rigged,
    fit: BodyFit,
    seen: Seen,
    masks: tuple[UInt8[np.ndarray, "_ _"], ...],
    *,
    watch: Stopwatch,
) -> Result:
    device = fit.bind.joints.device
    used = []
    for index, record in enumerate(watch.each("measure", seen.used)):
        overlap = silhouette_iou(rigged.avatar, rigged.fit, index, masks[index], device=device)
        error = float(fit.landmark_error_percent[index])
        measured = replace(record, landmark_error_percent=error)
        used.append(judged(measured, overlap, len(seen.used)))
    return Result(
        avatar=rigged.avatar,
        fit=rigged.fit,
        views=seen.views,
        masks=masks,
        photos=(*used, *seen.refused),
    )


def _dummy(fit: BodyFit, body: BodyModel) -> Dummy:
    vertices = fit.bind.vertices
    colours = torch.full_like(vertices, UNSEEN_COLOUR)
    return Dummy(
        body=SkinnedMesh(
            vertices=vertices, faces=body.faces, weights=body.weights, colours=colours
        ),
        skirt_faces=body.skirt_faces,
        bind_height=vertices[:, 1],
    )


def _names(name: str, views: Sequence[View]) -> Names:
    masks = [f"mask_{number}.png" for number in range(1, len(views) + 1)]
    return Names(avatar=name, photos=[view.name for view in views], masks=masks)


def _on_device(view: View, device: torch.device) -> View:
    """The same view with its tensors on the device."""
    camera = replace(view.camera, intrinsics=view.camera.intrinsics.to(device))
    marks = view.landmarks
    hands = [
        None if hand is None else hand.to(device)
        for hand in (marks.left_hand_px, marks.right_hand_px)
    ]
    landmarks = Landmarks(
        points_px=marks.points_px.to(device),
        visibility=marks.visibility.to(device),
        world_m=marks.world_m.to(device),
        left_hand_px=hands[0],
        right_hand_px=hands[1],
        face_px=None if marks.face_px is None else marks.face_px.to(device),
    )
    return replace(
        view,
        color=view.color.to(device),
        mask=view.mask.to(device),
        camera=camera,
        landmarks=landmarks,
    )
