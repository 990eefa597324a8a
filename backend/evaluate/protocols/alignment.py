"""Moving a prediction onto the truth before it is measured."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from backend.evaluate.protocols.mesh import (
    EVERYWHERE_M,
    Surface,
    bounding_box,
    sample_surface,
)
from backend.geometry.nearest import interpolate_at
from backend.geometry.signed_distance import SurfaceQuery

ICP_SAMPLES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Similarity:
    """target = scale * rotation @ source + translation."""

    scale: Float[Tensor, "*P"]
    rotation: Float[Tensor, "*P 3 3"]
    translation: Float[Tensor, "*P 3"]


def move(points: Float[Tensor, "*P N 3"], similarity: Similarity) -> Float[Tensor, "*P N 3"]:
    """Return the points in the frame that the similarity leads to."""
    turned = points @ similarity.rotation.mT
    return similarity.scale[..., None, None] * turned + similarity.translation[..., None, :]


def fit_similarity(source: Float[Tensor, "*P N 3"], target: Float[Tensor, "*P N 3"]) -> Similarity:
    """Return the similarity that takes the source nearest to the target in least squares.

    Umeyama 1991, eqs. 40 to 42; never a reflection.
    """
    fit = fit_rigid(source, target)
    from_centre = source - source.mean(-2, keepdim=True)
    towards = target - target.mean(-2, keepdim=True)
    turned = from_centre @ fit.rotation.mT
    variance = from_centre.square().sum((-2, -1)).clamp(min=torch.finfo(source.dtype).tiny)
    scale = (turned * towards).sum((-2, -1)) / variance
    moved = (fit.rotation @ source.mean(-2)[..., None])[..., 0]
    translation = target.mean(-2) - scale[..., None] * moved
    return Similarity(scale=scale, rotation=fit.rotation, translation=translation)


def fit_rigid(source: Float[Tensor, "*P N 3"], target: Float[Tensor, "*P N 3"]) -> Similarity:
    """Return the rotation and translation (scale 1) of least squares; Kabsch 1976."""
    middle, goal = source.mean(-2), target.mean(-2)
    covariance = (target - goal[..., None, :]).mT @ (source - middle[..., None, :])
    u, _, vh = torch.linalg.svd(covariance)
    sign = torch.ones_like(middle)
    sign[..., 2] = torch.where(torch.linalg.det(u @ vh) < 0, -1.0, 1.0)
    rotation = (u * sign[..., None, :]) @ vh
    translation = goal - (rotation @ middle[..., None])[..., 0]
    return Similarity(
        scale=torch.ones_like(translation[..., 0]), rotation=rotation, translation=translation
    )


def match_boxes(moving: Surface, fixed: Surface) -> Surface:
    """Return the moving surface with the fixed one's bounding-box centre and greatest extent."""
    low, high = bounding_box(moving)
    goal_low, goal_high = bounding_box(fixed)
    scale = (goal_high - goal_low).max() / (high - low).max()
    vertices = (moving.vertices - (low + high) / 2) * scale + (goal_low + goal_high) / 2
    return replace(moving, vertices=vertices)


def icp(
    moving: Surface,
    fixed: Surface,
    generator: torch.Generator,
    *,
    max_iterations: int = 200,
    tolerance_m: float = 1e-6,
) -> Surface:
    """Return the moving surface, rotated and shifted onto the fixed one.

    Iterated closest points (Besl and McKay 1992): samples of the moving surface to their exact
    closest points on the fixed one, without scale and without rejection.

    Args:
        moving: Roughly in place already: the nearest minimum is found.
        fixed: Metres, the same frame.
        generator: Draws the samples.
        max_iterations: It ends after these; a smooth body turned by 6 degrees takes 150.
        tolerance_m: It ends once the root-mean-square distance falls by less.
    """
    query = SurfaceQuery(fixed.vertices, fixed.faces)
    start = sample_surface(moving, ICP_SAMPLES, generator).points.double()
    points, before = start, torch.inf
    for _ in range(max_iterations):
        closest = query.closest_points(points, EVERYWHERE_M)
        goal = interpolate_at(closest, fixed.faces, fixed.vertices).double()
        error = float((points - goal).square().sum(-1).mean().sqrt())
        if before - error < tolerance_m:
            break
        before = error
        points = move(points, fit_rigid(points, goal))
    vertices = move(moving.vertices.double(), fit_rigid(start, points))
    return replace(moving, vertices=vertices.to(moving.vertices.dtype))
