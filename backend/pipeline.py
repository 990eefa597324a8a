"""Photos in, avatar out: the stages in their order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from backend.body.kinematics import camera_from_bind
from backend.body.model import BodyModel
from backend.files.png import eight_bits
from backend.geometry.skinning import pose
from backend.progress import Stopwatch
from backend.record import PhotoRecord
from backend.settings import Settings
from backend.silhouette import silhouette_iou
from backend.stages.canonicalize import canonicalize
from backend.stages.fit_body import fit_body
from backend.stages.fuse import fuse
from backend.stages.landmarks import LandmarkDetector
from backend.stages.predict_maps import predict_maps
from backend.stages.reconstruct import reconstruct
from backend.stages.rig import Names, Rigged, rig
from backend.stages.texture import texture
from backend.types import BodyFit, Landmarks, Scan, SkinnedMesh, View
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
    bones = camera_from_bind(fit.bind.joints, body.parents, fit.rotations, fit.camera_from_body)
    template = _template(fit, body)
    scans = _scans(views, template, bones, settings, watch=watch)
    with watch.stage("fuse") as report:
        surface = fuse(scans, template, settings.fuse, report=report)
    with watch.stage("texture"):
        colours = texture(surface, views, bones, settings.texture)
    with watch.stage("rig"):
        names = _names(name, views)
        rigged = rig(replace(surface, colours=colours), fit, body, settings.rig, names=names)
    masks = tuple(eight_bits(view.mask) for view in views)
    return _result(rigged, fit, seen, masks, watch=watch)


def _scans(
    views: Sequence[View],
    template: SkinnedMesh,
    bones: Float[Tensor, "P J 4 4"],
    settings: Settings,
    *,
    watch: Stopwatch,
) -> list[Scan]:
    """What each photo says about the surface."""
    maps = [
        predict_maps(view, _posed(template, bones[index]), settings.predict_maps)
        for index, view in enumerate(watch.each("predict_maps", views))
    ]
    surfaces = [
        reconstruct(
            one,
            settings.reconstruct,
            photo_size=(views[index].camera.width, views[index].camera.height),
        )
        for index, one in enumerate(watch.each("reconstruct", maps))
    ]
    return [
        canonicalize(surface, bones[index], settings.canonicalize)
        for index, surface in enumerate(watch.each("canonicalize", surfaces))
    ]


def _result(
    rigged: Rigged,
    fit: BodyFit,
    seen: Seen,
    masks: tuple[UInt8[np.ndarray, "_ _"], ...],
    *,
    watch: Stopwatch,
) -> Result:
    device = fit.bind.joints.device
    used = [
        replace(
            record,
            silhouette_iou=silhouette_iou(
                rigged.avatar, rigged.fit, index, masks[index], device=device
            ),
            landmark_error_percent=float(fit.landmark_error_percent[index]),
        )
        for index, record in enumerate(watch.each("measure", seen.used))
    ]
    return Result(
        avatar=rigged.avatar,
        fit=rigged.fit,
        views=seen.views,
        masks=masks,
        photos=(*used, *seen.refused),
    )


def _template(fit: BodyFit, body: BodyModel) -> SkinnedMesh:
    colours = torch.full_like(fit.bind.vertices, UNSEEN_COLOUR)
    return SkinnedMesh(
        vertices=fit.bind.vertices, faces=body.faces, weights=body.weights, colours=colours
    )


def _posed(template: SkinnedMesh, bones: Float[Tensor, "J 4 4"]) -> SkinnedMesh:
    return replace(template, vertices=pose(template.vertices, template.weights, bones))


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
