"""The protocol of PINA (Dong et al. 2022)."""

from dataclasses import dataclass

import torch

from backend.evaluate.protocols.mesh import (
    CM_PER_M,
    Samples,
    Surface,
    bounding_box,
    closest_points,
    face_normals,
    sample_surface,
)
from backend.geometry.grid import grid_around
from backend.geometry.winding import winding_numbers

SAMPLES = 100_000
VOXEL_M = 0.005
MAX_VOXELS = 30_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pina:
    """Shared volume, distance and likeness of normals."""

    volume_iou: float
    """0 to 1; 1 is perfect."""
    chamfer_cm: float
    """C-l2: the mean of both directions' mean Euclidean distances; 0 is perfect."""
    normal_consistency: float
    """0 to 1; 1 is perfect."""


def pina(predicted: Surface, truth: Surface, *, seed: int = 0) -> Pina:
    """Return volumetric IoU, Chamfer distance and normal consistency.

    The paper gives no sample count: it is that of Occupancy Networks (Mescheder et al. 2019),
    100 000 a surface. Distances and normals are those at the exact closest point of the other
    surface's triangles, not at its nearest sample (about 2 mm away even on the same surface).
    Normal consistency = (mean |n n*| from the prediction + mean |n n*| from the truth) / 2, n those
    of the faces.

    Args:
        predicted: Watertight; metres.
        truth: The same, in the same frame.
        seed: Of the samples.
    """
    generator = torch.Generator().manual_seed(seed)
    there = _compare(predicted, sample_surface(predicted, SAMPLES, generator), truth)
    back = _compare(truth, sample_surface(truth, SAMPLES, generator), predicted)
    return Pina(
        volume_iou=volume_iou(predicted, truth),
        chamfer_cm=(there[0] + back[0]) / 2,
        normal_consistency=(there[1] + back[1]) / 2,
    )


def volume_iou(predicted: Surface, truth: Surface) -> float:
    """Return the volume that lies in both surfaces over the volume that lies in either.

    Volume is counted in voxels of 5 mm (more, where a box would need too many), inside where the
    winding number is above 0: pieces that overlap count once.
    """
    corners = torch.cat([torch.stack(bounding_box(surface)) for surface in (predicted, truth)])
    grid = grid_around(corners, VOXEL_M / 2, VOXEL_M, MAX_VOXELS)
    inside = [winding_numbers(it.vertices, it.faces, grid) > 0 for it in (predicted, truth)]
    union = int((inside[0] | inside[1]).sum())
    return int((inside[0] & inside[1]).sum()) / union if union else 0.0


def _compare(source: Surface, samples: Samples, target: Surface) -> tuple[float, float]:
    """Return mean distance in cm and mean |n n*| of the samples to their closest points."""
    closest = closest_points(samples.points, target)
    normals = face_normals(source)[samples.face], face_normals(target)[closest.face]
    likeness = (normals[0] * normals[1]).sum(-1).abs().clamp(max=1)
    return CM_PER_M * float(closest.distance.double().mean()), float(likeness.double().mean())
