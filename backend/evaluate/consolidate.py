"""Scans with weights -> one canonical surface and the poses that go with it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from backend.body.kinematics import bones_of
from backend.body.model import BodyModel
from backend.evaluate.inputs import GREY, posed_surfaces, poses_of
from backend.evaluate.surfaces import Weigher
from backend.evaluate.truth import Given
from backend.geometry.cloth_weights import Dummy
from backend.geometry.skinning import pose
from backend.settings import Settings
from backend.stages.canonicalize import canonicalize
from backend.stages.fuse import fuse
from backend.stages.register import RegisterSettings, register
from backend.stages.weigh import weigh
from backend.types import PosedSurface, Poses, SkinnedMesh


@dataclass(frozen=True, slots=True, kw_only=True)
class Consolidated:
    """What the stages make of scans."""

    mesh: SkinnedMesh
    """Bind pose, body frame, metres."""
    poses: Poses
    """Of the scans."""


def weights_of(given: Given, body: BodyModel, weigher: Weigher, settings: Settings) -> list[Tensor]:
    """Return weights for each scan, from the scan, the body's shape and its pose."""
    dummy = _dummy(given, body)
    posed = [
        replace(dummy, body=replace(dummy.body, vertices=_posed(dummy.body, bones)))
        for bones in bones_of(poses_of(given, body))
    ]
    return [weigher(*pair, settings) for pair in zip(given.scans, posed, strict=True)]


def _posed(body: SkinnedMesh, bones: Float[Tensor, "J 4 4"]) -> Float[Tensor, "V 3"]:
    return pose(body.vertices, body.weights, bones)


def _dummy(given: Given, body: BodyModel) -> Dummy:
    bind = _template(given, body)
    return Dummy(body=bind, skirt_faces=body.skirt_faces, bind_height=bind.vertices[:, 1])


def _template(given: Given, body: BodyModel) -> SkinnedMesh:
    bind = body.bind(given.shape)
    return SkinnedMesh(
        vertices=bind.vertices,
        faces=body.faces,
        weights=body.weights,
        colours=torch.full_like(bind.vertices, GREY),
    )


def consolidated(
    given: Given,
    weights: Sequence[Float[Tensor, "_ J"]],
    body: BodyModel,
    settings: Settings,
    *,
    is_registered: bool,
    is_weighed: bool,
) -> Consolidated:
    """Return the surface that canonicalisation and fusion make of scans with weights.

    Args:
        given: Scans, shape and poses.
        weights: Of each scan.
        body: On the same device.
        settings: Of the stages.
        is_registered: Poses, shape and weights are improved together, and all is fused again.
        is_weighed: The surface takes weights anew in the bind pose.
    """
    template, poses = _template(given, body), poses_of(given, body)
    surfaces = posed_surfaces(given, weights)
    mesh = _fused(surfaces, poses, template, settings)
    dummy = _dummy(given, body)
    if is_weighed:
        mesh = weigh(mesh, dummy, settings.weigh)
    if is_registered:
        found = register(mesh, surfaces, poses, RegisterSettings(), report=_unheard)
        surfaces, poses = posed_surfaces(given, found.scan_weights), found.poses
        mesh = _fused(surfaces, poses, template, settings)
        mesh = weigh(mesh, dummy, settings.weigh) if is_weighed else mesh
    return Consolidated(mesh=mesh, poses=poses)


def _fused(
    surfaces: Sequence[PosedSurface], poses: Poses, template: SkinnedMesh, settings: Settings
) -> SkinnedMesh:
    scans = [
        canonicalize(surface, bones, settings.canonicalize)
        for surface, bones in zip(surfaces, bones_of(poses), strict=True)
    ]
    return fuse(scans, template, settings.fuse, report=_unheard)


def _unheard(_stage: str, _fraction: float) -> None:
    """Hear of progress."""
