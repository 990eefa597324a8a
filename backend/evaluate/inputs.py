"""What a row may see, as the values that the pipeline's stages take."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from backend.body.model import BodyModel
from backend.evaluate.truth import Given
from backend.types import PosedSurface, Poses, SkinnedMesh

GREY = 0.5
"""Of all surfaces: no metric here looks at colours."""


def poses_of(given: Given, body: BodyModel) -> Poses:
    """Return how the body stands in the scans."""
    return Poses(
        joints=body.bind(given.shape).joints,
        parents=body.parents,
        rotations=given.rotations,
        camera_from_body=given.camera_from_body,
    )


def posed_surfaces(given: Given, weights: Sequence[Float[Tensor, "_ J"]]) -> list[PosedSurface]:
    """Return the scans with weights of their vertices, as `reconstruct` returns them.

    Args:
        given: Scans.
        weights: Of each scan.
    """
    return [
        PosedSurface(
            mesh=SkinnedMesh(
                vertices=scan.vertices,
                faces=scan.faces,
                weights=own,
                colours=torch.full_like(scan.vertices, GREY),
            ),
            is_front=_marked(given.is_front, k, own),
            is_observed=_marked(given.is_observed, k, own),
        )
        for k, (scan, own) in enumerate(zip(given.scans, weights, strict=True))
    ]


def _marked(
    marks: Sequence[Bool[Tensor, " _"]], scan: int, weights: Float[Tensor, "V J"]
) -> Bool[Tensor, " V"]:
    """Return the marks of a scan's vertices; all are marked where nothing is said."""
    return marks[scan] if marks else weights.new_ones(len(weights), dtype=torch.bool)


def first_of(given: Given, count: int) -> Given:
    """Return the first scans alone."""
    return replace(
        given,
        rotations=given.rotations[:count],
        camera_from_body=given.camera_from_body[:count],
        scans=given.scans[:count],
        is_front=given.is_front[:count],
        is_observed=given.is_observed[:count],
    )
