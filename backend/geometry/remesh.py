"""Fewer faces for the same surface, and tests of whether a mesh is closed."""

import math

import numpy as np
import torch
from jaxtyping import Float, Int
from manifold3d import Error, Manifold, Mesh64
from torch import Tensor

STEPS = 12
"""Of the search for the tolerance; each halves (in the logarithm) a range of 10^5."""
TOLERANCE_RANGE_M = (1e-6, 0.1)
ENOUGH = 0.9
"""Share of the budget at which the search ends."""


class NotManifold(ValueError):
    """The mesh is not the closed, consistently oriented surface that a step needs."""


def is_watertight(faces: Int[Tensor, "F 3"]) -> bool:
    """Return whether each edge has exactly two faces, which run along it in opposite directions."""
    start = faces.long().flatten()
    end = faces.long().roll(-1, dims=1).flatten()
    base = int(faces.max()) + 1 if len(faces) else 1
    forth = (start * base + end).sort().values
    back = (end * base + start).sort().values
    is_once = bool((forth[1:] != forth[:-1]).all())
    return len(faces) > 0 and is_once and torch.equal(forth, back)


def is_manifold(vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"]) -> bool:
    """Return whether `decimate` accepts the mesh."""
    return is_watertight(faces) and _solid(vertices, faces).status() == Error.NoError


def decimate(
    vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"], face_budget: int
) -> tuple[Float[Tensor, "W 3"], Int[Tensor, "G 3"]]:
    """Return a closed mesh of at most `face_budget` faces, 90 % of it if possible.

    The vertices are a subset of the given ones; the surface moves by the least tolerance (by
    bisection, 1 micrometre to 10 cm) that meets the budget. Values at vertices are for the caller
    to carry over by closest points. A mesh within the budget is returned as it is.

    Args:
        vertices: Metres.
        faces: A closed surface.
        face_budget: What a mesh for this use may cost.

    Raises:
        NotManifold: If the mesh is not closed and consistently oriented, or if no tolerance
            meets the budget.
    """
    if not is_manifold(vertices, faces):
        message = "decimation needs a closed, consistently oriented mesh"
        raise NotManifold(message)
    if len(faces) <= face_budget:
        return vertices, faces
    simplified = _simplify_to_budget(_solid(vertices, faces), face_budget)
    mesh = simplified.to_mesh64()
    points = torch.from_numpy(np.array(mesh.vert_properties[:, :3]))
    corners = torch.from_numpy(np.array(mesh.tri_verts).astype(np.int64))
    return points.to(vertices), corners.to(faces.device)


def _simplify_to_budget(solid: Manifold, face_budget: int) -> Manifold:
    """Bisect the logarithm of the tolerance; the count of faces falls with it."""
    low, high = (math.log(tolerance) for tolerance in TOLERANCE_RANGE_M)
    best = None
    for _ in range(STEPS):
        middle = 0.5 * (low + high)
        candidate = solid.simplify(math.exp(middle))
        if candidate.num_tri() > face_budget:
            low = middle
            continue
        high = middle
        if candidate.is_empty():  # so coarse that nothing is left
            continue
        best = candidate
        if candidate.num_tri() >= ENOUGH * face_budget:
            break
    if best is None:
        message = f"no tolerance up to {TOLERANCE_RANGE_M[1]} m leaves {face_budget} faces"
        raise NotManifold(message)
    return best


def _solid(vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"]) -> Manifold:
    # Double precision: with float32, manifold3d's own tolerance would be 0.1 micrometres a metre.
    points = vertices.detach().cpu().numpy().astype(np.float64)
    return Manifold(Mesh64(points, faces.cpu().numpy().astype(np.uint64)))
