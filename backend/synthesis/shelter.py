"""What a garment hides from all who look: neither through its neck nor past its lapels."""

import math

import torch
import warp as wp
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.geometry.warp_runtime import launch, start
from backend.synthesis.shelter_kernels import find_stopped

SLANT_RAD = math.radians(50)
"""From how far beside the normal one may look."""
REACH_M = 0.5
"""Length of the ways out of a garment."""
SIDES = 8
"""Ways from which one looks at a slant."""


def is_sheltered(
    points: Float[Tensor, "N 3"],
    normals: Float[Tensor, "N 3"],
    vertices: Float[Tensor, "V 3"],
    faces: Int[Tensor, "F 3"],
) -> Bool[Tensor, " N"]:
    """Tell which points a mesh covers towards their normal and all around it at a slant."""
    if len(points) == 0 or len(faces) == 0:
        return torch.zeros(len(points), dtype=torch.bool, device=points.device)
    start()
    directions = _cone(normals)  # (N, K, 3)
    origins = points[:, None].expand_as(directions)
    stopped = torch.zeros(directions.shape[:2], dtype=torch.bool, device=points.device)
    mesh = wp.Mesh(
        points=wp.from_torch(vertices.detach().float().contiguous(), dtype=wp.vec3),
        indices=wp.from_torch(faces.int().contiguous().flatten(), dtype=wp.int32),
    )
    inputs = [
        mesh.id,
        wp.from_torch(origins.detach().float().contiguous().view(-1, 3), dtype=wp.vec3),
        wp.from_torch(directions.detach().float().contiguous().view(-1, 3), dtype=wp.vec3),
        REACH_M,
        wp.from_torch(stopped.view(-1), dtype=wp.bool),
    ]
    launch(find_stopped, stopped.numel(), inputs, points.device)
    return stopped.all(dim=1)


def _cone(normals: Float[Tensor, "N 3"]) -> Float[Tensor, "N K 3"]:
    """Return each normal and unit vectors at a slant to it, all around."""
    axis = torch.nn.functional.one_hot(normals.abs().argmin(1), 3).to(normals)
    across = torch.nn.functional.normalize(torch.linalg.cross(normals, axis), dim=1)
    other = torch.linalg.cross(normals, across)
    turn = torch.arange(SIDES).to(normals) * (2 * math.pi / SIDES)
    around = turn.cos()[:, None] * across[:, None] + turn.sin()[:, None] * other[:, None]
    slanted = math.cos(SLANT_RAD) * normals[:, None] + math.sin(SLANT_RAD) * around
    return torch.cat([normals[:, None], slanted], dim=1)
