"""Skin weights of canonical surfaces against the known ones, over 32 fixed poses.

A point of the canonical surface is compared at the nearest point of the true one: both weights pose
that point, and the distance between the two results counts (`protocols.skinning`). The same from
points of the true surface stands beside: cloth that is missing in the canonical surface counts
there alone, with the weights of what is nearest to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from backend.body.kinematics import bone_matrices
from backend.evaluate.fusion import failures
from backend.evaluate.protocols import skinning
from backend.evaluate.protocols.mesh import EVERYWHERE_M, Surface, sample_surface
from backend.evaluate.subject_files import Place, consolidated_of, truth_folder
from backend.evaluate.truth import Truth, read_given, read_truth
from backend.geometry.body_parts import used_vertices
from backend.geometry.nearest import interpolate_at, nearest_vertices
from backend.geometry.remesh import NotManifold
from backend.geometry.signed_distance import SurfaceQuery
from backend.synthesis.people import PARTS
from backend.synthesis.random_poses import deformation_poses
from backend.types import SkinnedMesh

SAMPLES = 20_000
"""Points of a surface, uniform by area."""
ROWS = ("pipeline", "nearest_vertex", "true_weights")
ON_TRUTH = "nearest_on_truth"
"""The true surface itself with the weights of the nearest body vertex: a check of the truth."""
NO_GARMENT = ("skin", "hair")
LOOSE_PART = {"dress": "dress", "coat": "dress", "skirt": "bottom", "long_hair": "hair"}
"""Part that makes a loose subject loose, by its name."""
METRICS = ("mean_mm", "p95_mm", "p99_mm", "max_mm", "weight_l1")
SHARED = ("mean_mm", "p95_mm", "max_mm")
"""Metrics of the pipeline that are stated as shares of those of the nearest vertex."""


def measure(place: Place, name: str) -> dict[str, Any]:
    """Return one subject's figures, by row: of its garments, and of the whole surface."""
    folder = truth_folder(place, name)
    truth = read_truth(folder)
    rotations = deformation_poses(place.body)
    bones = bone_matrices(truth.joints, place.body.parents, rotations)
    rows: dict[str, Any] = {}
    for row in ROWS:
        place.say(f"{name}: {row.replace('_', ' ')}")
        try:
            mesh = consolidated_of(place, name, row).mesh
        except NotManifold as error:
            rows[row] = {"failed": f"fusion: {error}"}
        else:
            rows[row] = compared(mesh, truth, bones, name)
    bind = place.body.bind(read_given(folder).shape)
    used = used_vertices(place.body.faces, len(bind.vertices))
    nearest = nearest_vertices(truth.surface.vertices, bind.vertices[used], 1, torch.inf)
    guess = SkinnedMesh(
        vertices=truth.surface.vertices,
        faces=truth.surface.faces,
        weights=place.body.weights[used][nearest.index[:, 0]],
        colours=torch.zeros_like(truth.surface.vertices),
    )
    rows[ON_TRUTH] = compared(guess, truth, bones, name)
    return rows


def compared(
    mesh: SkinnedMesh, truth: Truth, bones: Float[Tensor, "P J 4 4"], name: str
) -> dict[str, Any]:
    """Return the errors of a canonical surface's weights.

    Args:
        mesh: Bind pose, body frame, metres.
        truth: Of the same subject.
        bones: Take the bind pose into each pose.
        name: Of the subject; tells which part is its loose one.
    """
    surface = Surface(vertices=mesh.vertices, faces=mesh.faces)
    there, back = (
        _errors(_samples(one), mesh, truth, bones, name=name) for one in (surface, truth.surface)
    )
    stretch = skinning.edge_stretch(mesh.vertices, mesh.faces, mesh.weights, bones)
    return {**there, "from_truth": back, "edge_stretch": asdict(stretch)}


def _samples(surface: Surface) -> Float[Tensor, "N 3"]:
    return sample_surface(surface, SAMPLES, torch.Generator().manual_seed(0)).points


def _errors(
    points: Float[Tensor, "N 3"],
    mesh: SkinnedMesh,
    truth: Truth,
    bones: Float[Tensor, "P J 4 4"],
    *,
    name: str,
) -> dict[str, Any]:
    """Return the figures over points of either surface, at the nearest points of both."""
    true = truth.surface
    own = SurfaceQuery(mesh.vertices, mesh.faces).closest_points(points, EVERYWHERE_M)
    closest = SurfaceQuery(true.vertices, true.faces).closest_points(points, EVERYWHERE_M)
    weights = interpolate_at(own, mesh.faces, mesh.weights)
    true_weights = interpolate_at(closest, true.faces, truth.weights)
    at_truth = interpolate_at(closest, true.faces, true.vertices)
    apart_mm = skinning.deformation_mm(at_truth, true_weights, weights, bones)
    corner = true.faces[closest.face, closest.barycentric.argmax(1)].long()
    worn = is_item(truth.parts[corner], name)

    def figures(chosen: Bool[Tensor, " N"]) -> dict[str, float] | None:
        if not bool(chosen.any()):
            return None
        errors = asdict(skinning.summary(apart_mm[:, chosen]))
        return errors | {"weight_l1": skinning.weight_l1(true_weights[chosen], weights[chosen])}

    return {"item": figures(worn), "whole": figures(torch.ones_like(worn))}


def is_item(parts: Tensor, name: str) -> Bool[Tensor, " N"]:
    """Tell which points are on the subject's garments; of a loose subject, on its loose one."""
    if name in LOOSE_PART:
        return parts == PARTS.index(LOOSE_PART[name])
    body = torch.tensor([PARTS.index(part) for part in NO_GARMENT], device=parts.device)
    return ~torch.isin(parts, body)


def summary(rows: Mapping[str, Mapping[str, Any]], kinds: Mapping[str, str]) -> dict[str, Any]:
    """Return the figures by class: means of the subjects' means and percentiles, greatest maxima.

    Args:
        rows: By subject, as `measure` returns them.
        kinds: `fitted` or `loose`, by subject.
    """
    fitted, loose = (
        [rows[name] for name in rows if kinds[name] == kind] for kind in ("fitted", "loose")
    )
    return {
        "fitted": mean_of(fitted, "pipeline"),
        "loose": mean_of(loose, "pipeline"),
        "nearest_vertex_fitted": mean_of(fitted, "nearest_vertex"),
        "nearest_vertex_loose": mean_of(loose, "nearest_vertex"),
        "true_weights_fitted": mean_of(fitted, "true_weights"),
        "true_weights_loose": mean_of(loose, "true_weights"),
        "check_of_truth_fitted": mean_of(fitted, ON_TRUTH),
        "check_of_truth_loose": mean_of(loose, ON_TRUTH),
        "items": {name: item_of(one) for name, one in rows.items()},
        "failed": failures(rows),
        "subjects": dict(rows),
    }


def item_of(rows: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a subject's garments with the nearest vertex beside; None if a row of it has failed.

    Shares are the pipeline's figures over those of the nearest vertex.
    """
    ours, nearest = (rows[row].get("item") for row in ("pipeline", "nearest_vertex"))
    if ours is None or nearest is None:
        return None
    shares = {metric: ours[metric] / nearest[metric] for metric in SHARED}
    return {**ours, "nearest_vertex": nearest, "share": shares}


def mean_of(subjects: Sequence[Mapping[str, Any]], row: str) -> dict[str, Any] | None:
    """Return the figures of a row's garments over subjects, and of the whole surfaces."""
    subjects = [one for one in subjects if "item" in one[row]]
    items = _mean([one[row]["item"] for one in subjects])
    if items is None:
        return None
    stretch = [one[row]["edge_stretch"]["p99"] for one in subjects]
    return items | {
        "edge_stretch_p99": float(np.mean(stretch)),
        "whole": _mean([one[row]["whole"] for one in subjects]),
        "from_truth": _mean([one[row]["from_truth"]["item"] for one in subjects]),
    }


def _mean(figures: Sequence[Mapping[str, float] | None]) -> dict[str, Any] | None:
    found = [one for one in figures if one is not None]
    if not found:
        return None
    mean = {metric: float(np.mean([one[metric] for one in found])) for metric in METRICS}
    return mean | {"max_mm": max(one["max_mm"] for one in found), "count": len(found)}
