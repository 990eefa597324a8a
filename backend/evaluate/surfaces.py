"""Scans without weights -> canonical surface: the pipeline's stages on whole posed surfaces.

Everything here sees what a row's input names and no more: see `evaluate.truth`.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from backend.body.kinematics import bone_matrices
from backend.body.model import BodyModel
from backend.evaluate.protocols.mesh import Surface
from backend.evaluate.truth import Given
from backend.geometry.body_parts import EYES, HEAD, part_of_vertices, used_vertices
from backend.geometry.nearest import nearest_vertices
from backend.geometry.normals import vertex_normals
from backend.geometry.scene import BodySamples
from backend.geometry.skin_transfer import nearest_weights
from backend.geometry.skinning import pose
from backend.settings import Settings
from backend.stages.canonicalize import canonicalize
from backend.stages.fuse import fuse
from backend.types import BindBody, PosedSurface, SkinnedMesh

GREY = 0.5
"""Of all surfaces: no metric here looks at colours."""

Weigher = Callable[[Surface, SkinnedMesh, Settings], Float[Tensor, "V J"]]
"""Bone weights of a posed surface's vertices, from the surface and the posed body in it."""


def nearest_vertex(surface: Surface, body: SkinnedMesh, settings: Settings) -> Float[Tensor, "V J"]:
    """Return the weights of the body's vertex nearest to each vertex of a posed surface."""
    del settings
    used = used_vertices(body.faces, len(body.vertices))
    nearest = nearest_vertices(surface.vertices, body.vertices[used], 1, torch.inf)
    return body.weights[used][nearest.index[:, 0]]


def pipeline_weights(
    surface: Surface, body: SkinnedMesh, settings: Settings
) -> Float[Tensor, "V J"]:
    """Return the weights that the pipeline's maps give to what lies beside the body.

    Of the nearest body points that face the same way, blended (`predict_maps`). What the maps add
    from the picture, smoothing within the mask and the rules of head wear, has no meaning here.
    """
    normals = vertex_normals(surface.vertices, surface.faces)
    weights, _ = nearest_weights(
        _samples(body),
        surface.vertices.double().cpu().numpy(),
        normals.double().cpu().numpy(),
        count=settings.predict_maps.neighbours,
        normal_scale_m=settings.predict_maps.normal_scale_m,
    )
    return torch.from_numpy(weights).to(surface.vertices)


def _samples(body: SkinnedMesh) -> BodySamples:
    normals = vertex_normals(body.vertices, body.faces).double().cpu().numpy()
    points, weights = (x.double().cpu().numpy() for x in (body.vertices, body.weights))
    part = part_of_vertices(points, normals, weights)
    # Lids and the skin around them must not turn with the eyes.
    weights[:, HEAD] += weights[:, EYES].sum(1)
    weights[:, EYES] = 0
    used = used_vertices(body.faces, len(points)).cpu().numpy()
    return BodySamples(
        points=points[used],
        normals=normals[used],
        weights=weights[used],
        part=part[used],
        eyes=points.mean(0),
    )


def weigh(given: Given, body: BodyModel, weigher: Weigher, settings: Settings) -> list[Tensor]:
    """Return weights for each scan, from the scan, the body's shape and its pose."""
    template = _template(body.bind(given.shape), body)
    return [
        weigher(scan, _posed(template, bones), settings)
        for scan, bones in zip(given.scans, _bones(given, body), strict=True)
    ]


def canonical_surface(
    given: Given, weights: Sequence[Float[Tensor, "V J"]], body: BodyModel, settings: Settings
) -> SkinnedMesh:
    """Return the surface that canonicalisation and fusion make of scans with weights.

    Args:
        given: Scans, shape and poses.
        weights: Of the first scans; scans beyond are not used.
        body: On the same device.
        settings: Of the stages.
    """
    scans = []
    for scan, own, bones in zip(given.scans, weights, _bones(given, body), strict=False):
        all_of_it = torch.ones(len(own), dtype=torch.bool, device=own.device)
        posed = PosedSurface(
            mesh=SkinnedMesh(
                vertices=scan.vertices,
                faces=scan.faces,
                weights=own,
                colours=torch.full_like(scan.vertices, GREY),
            ),
            is_front=all_of_it,
            is_observed=all_of_it,
        )
        scans.append(canonicalize(posed, bones, settings.canonicalize))
    template = _template(body.bind(given.shape), body)
    return fuse(scans, template, settings.fuse, report=lambda _stage, _fraction: None)


def _bones(given: Given, body: BodyModel) -> Float[Tensor, "P J 4 4"]:
    return bone_matrices(body.bind(given.shape).joints, body.parents, given.rotations)


def _template(bind: BindBody, body: BodyModel) -> SkinnedMesh:
    return SkinnedMesh(
        vertices=bind.vertices,
        faces=body.faces,
        weights=body.weights,
        colours=torch.full_like(bind.vertices, GREY),
    )


def _posed(template: SkinnedMesh, bones: Float[Tensor, "J 4 4"]) -> SkinnedMesh:
    return SkinnedMesh(
        vertices=pose(template.vertices, template.weights, bones),
        faces=template.faces,
        weights=template.weights,
        colours=template.colours,
    )
