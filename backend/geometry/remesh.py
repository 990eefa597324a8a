"""Fewer faces for the same surface, and tests of whether a mesh is closed."""

import math

import numpy as np
import torch
from jaxtyping import Float, Int
from manifold3d import Error, Manifold, Mesh64
from torch import Tensor

STEPS = 12
"""Of the search for the tolerance."""
FIRST_TOLERANCE_M = 5e-4
FALL = 0.7
"""The count of faces falls about with this power of the tolerance."""
AIM = 0.95
"""Share of the budget that the search aims at."""
NO_RANGE = 1e-3
"""Of the tolerance's logarithm: nothing is left to be searched."""
TOLERANCE_RANGE_M = (1e-4, 0.1)
STEP = 1.15
"""Ratio of two tolerances where the mesh is simplified step by step."""
LONG_EDGE_M = 1.0
"""Beyond this a longest edge is no limit for a person."""
RAGGED = 0.8
"""Share of the budget that a ragged surface takes before its long edges are split."""
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
    vertices: Float[Tensor, "V 3"],
    faces: Int[Tensor, "F 3"],
    face_budget: int,
    *,
    max_edge_m: float = math.inf,
) -> tuple[Float[Tensor, "W 3"], Int[Tensor, "G 3"]]:
    """Return a closed mesh of at most `face_budget` faces, 90 % of it if possible.

    The surface moves by the least tolerance (0.1 mm to 10 cm) that meets the
    budget; edges longer than `max_edge_m` are then split, and that counts. Without a longest edge
    the vertices are a subset of the given ones. Values at vertices are for the caller to carry
    over by closest points. A mesh within the budget is returned as it is.

    Args:
        vertices: Metres.
        faces: A closed surface.
        face_budget: What a mesh for this use may cost.
        max_edge_m: Metres; raised in steps of a quarter if the budget cannot meet it. Geometry
            alone leaves flat parts almost without vertices, and so without colours.

    Raises:
        NotManifold: If the mesh is not closed and consistently oriented, or if nothing of it fits
            the budget.
    """
    if not is_manifold(vertices, faces):
        message = "decimation needs a closed, consistently oriented mesh"
        raise NotManifold(message)
    if len(faces) <= face_budget:
        return vertices, faces
    solid = _solid(vertices, faces)
    simplified = _simplify_to_budget(solid, face_budget, max_edge_m)
    if simplified is None and math.isfinite(max_edge_m) and _is_ragged(solid, face_budget):
        solid = _simplify_step_by_step(solid, round(RAGGED * face_budget))
    while simplified is None and math.isfinite(max_edge_m):
        max_edge_m = 1.25 * max_edge_m if max_edge_m < LONG_EDGE_M else math.inf
        simplified = _simplify_to_budget(solid, face_budget, max_edge_m)
    if simplified is None:
        simplified = _simplify_step_by_step(solid, face_budget)
    mesh = simplified.to_mesh64()
    points = torch.from_numpy(np.array(mesh.vert_properties[:, :3]))
    corners = torch.from_numpy(np.array(mesh.tri_verts).astype(np.int64))
    return points.to(vertices), corners.to(faces.device)


def _simplify_to_budget(solid: Manifold, face_budget: int, max_edge_m: float) -> Manifold | None:
    """Search the tolerance whose mesh just meets the budget; the count of faces falls with it.

    Beyond a sixth of the longest edge it no longer does: the slivers left are split again.
    """
    low, high = (math.log(limit) for limit in TOLERANCE_RANGE_M)
    high = min(high, math.log(max_edge_m / 6)) if math.isfinite(max_edge_m) else high
    guess = min(math.log(FIRST_TOLERANCE_M), high)
    best = None
    for step in range(STEPS):
        candidate = solid.simplify(math.exp(guess))
        if math.isfinite(max_edge_m):
            candidate = candidate.refine_to_length(max_edge_m)
        count = candidate.num_tri()
        if count <= face_budget and count > (0 if best is None else best.num_tri()):
            best = candidate
        if (best is candidate and count >= ENOUGH * face_budget) or high - low < NO_RANGE:
            break
        low, high = (guess, high) if count > face_budget else (low, guess)
        wanted = guess + math.log(max(count, 1) / (AIM * face_budget)) / FALL
        if count > face_budget and wanted > high and best is None:
            guess = high
        elif step >= STEPS // 3:  # the count falls otherwise than expected
            guess = 0.5 * (low + high)
        else:
            guess = min(max(wanted, 0.9 * low + 0.1 * high), 0.1 * low + 0.9 * high)
    return best


def _is_ragged(solid: Manifold, face_budget: int) -> bool:
    """Return whether no single tolerance meets the budget."""
    return solid.simplify(TOLERANCE_RANGE_M[1]).num_tri() > face_budget


def _simplify_step_by_step(solid: Manifold, face_budget: int) -> Manifold:
    """Simplify what was simplified before, a little more each time.

    Ragged surfaces (thin cloth seen in poses that disagree) keep most of their faces at any single
    tolerance; the errors of the steps add up to some eight times the last tolerance.

    Raises:
        NotManifold: nothing of the mesh is left before the budget is met.
    """
    tolerance_m = TOLERANCE_RANGE_M[0]
    while solid.num_tri() > face_budget and tolerance_m < LONG_EDGE_M:
        solid = solid.simplify(tolerance_m)
        tolerance_m *= STEP
    if solid.is_empty() or solid.num_tri() > face_budget:
        message = f"no mesh of {face_budget} faces is left of this surface"
        raise NotManifold(message)
    return solid


def _solid(vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"]) -> Manifold:
    # Double precision: with float32, manifold3d's own tolerance would be 0.1 micrometres a metre.
    points = vertices.detach().cpu().numpy().astype(np.float64)
    return Manifold(Mesh64(points, faces.cpu().numpy().astype(np.uint64)))
