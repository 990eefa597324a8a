# SPDX-License-Identifier: GPL-3.0-or-later
"""Which faces of a dressed person can be seen from somewhere outside."""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
# The bpy wheel (with mathutils) is not among the project's requirements.

import bpy  # noqa: F401 - mathutils exists only once bpy is imported
import numpy as np
from jaxtyping import Float, Int
from mathutils import Vector
from mathutils.bvhtree import BVHTree

DIRECTIONS = 96
START_M = 2e-4
"""Rays start this far off the face, so that they do not hit it."""
ENOUGH = 2
"""Escaping rays that make a face an outer one; a single one may slip through a seam."""


def fibonacci_sphere(count: int) -> Float[np.ndarray, "N 3"]:
    """Return evenly spread unit vectors."""
    place = np.arange(count) + 0.5
    height = 1 - 2 * place / count
    angle = np.pi * (1 + np.sqrt(5)) * place
    flat = np.sqrt(1 - height**2)
    return np.stack([flat * np.cos(angle), flat * np.sin(angle), height], axis=1)


def outer_faces(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]
) -> Int[np.ndarray, "N 3"]:
    """Return the faces from whose centre some rays escape, on either side."""
    tree = BVHTree.FromPolygons(vertices.tolist(), faces.tolist())
    centres = [Vector(centre) for centre in vertices[faces].mean(axis=1)]
    rays = [Vector(direction) for direction in fibonacci_sphere(DIRECTIONS)]

    def is_outer(centre: Vector) -> bool:
        free = 0
        for ray in rays:
            free += tree.ray_cast(centre + START_M * ray, ray)[0] is None
            if free >= ENOUGH:
                return True
        return False

    return faces[[is_outer(centre) for centre in centres]]
