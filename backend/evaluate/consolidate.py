"""Scans with weights -> one canonical surface and the poses that go with it."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from backend.body.kinematics import bones_of
from backend.body.model import BodyModel
from backend.consolidation import Consolidated, consolidate
from backend.evaluate.inputs import GREY, posed_surfaces, poses_of
from backend.evaluate.surfaces import Weigher
from backend.evaluate.truth import Given
from backend.geometry.cloth_weights import Dummy
from backend.geometry.skinning import pose
from backend.progress import Stopwatch
from backend.settings import Settings, override
from backend.types import SkinnedMesh


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
    wanted = {"is_registered": is_registered, "is_weighed": is_weighed}
    return consolidate(
        posed_surfaces(given, weights),
        poses_of(given, body),
        _dummy(given, body),
        override(settings, wanted),
        watch=Stopwatch(lambda _stage, _fraction: None),
    )
