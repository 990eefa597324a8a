"""A body model with only those vertices that a fit looks at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.body.model import BodyModel
from backend.types import BindBody


@runtime_checkable
class Reducible(Protocol):
    """A body model that can leave vertices out and then binds faster."""

    def subset(self, vertices: Int[Tensor, " S"]) -> BodyModel:
        """Return the model whose vertex i is `vertices[i]` of this one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReducedBody:
    """Keypoints and points of the skin."""

    model: BodyModel
    support_rows: Int[Tensor, " S"]
    """Of the model's vertices; those that make up the keypoints."""
    surface_rows: Int[Tensor, " N"]
    """Of the model's vertices, evenly spread over the skin."""
    surface_weights: Float[Tensor, "N J"]
    blend: Float[Tensor, "R S"]
    """Row r is the part of one keypoint that moves with one joint: its share of each vertex times
    the vertex's weight for the joint."""
    blend_joint: Int[Tensor, " R"]
    blend_keypoint: Int[Tensor, " R"]
    keypoint_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReducedBind:
    """A reduced body of one shape in the bind pose; body frame, metres."""

    joints: Float[Tensor, "J 3"]
    surface: Float[Tensor, "N 3"]
    blended: Float[Tensor, "R 4"]
    """Homogeneous; `blend` times the vertices."""


def reduced_body(
    body: BodyModel, keypoints: Sequence[str], surface_points: int, generator: torch.Generator
) -> ReducedBody:
    """Return a body's keypoints of these names and points of its skin, drawn by area."""
    order = [body.keypoint_names.index(name) for name in keypoints]
    supports, shares = body.keypoint_vertices[order], body.keypoint_weights[order]
    drawn = _drawn_by_area(body, surface_points, generator)
    support, place = torch.unique(supports[shares != 0], return_inverse=True)
    matrix = shares.new_zeros(len(order), len(support))
    matrix.index_put_(((shares != 0).nonzero()[:, 0], place), shares[shares != 0], accumulate=True)
    parts = matrix[:, None] * body.weights[support].T  # (K, J, S)
    keypoint, joint = parts.any(-1).nonzero().unbind(1)
    chosen = torch.cat([support, drawn])
    is_reducible = isinstance(body, Reducible)
    rows = torch.arange(len(chosen), device=chosen.device) if is_reducible else chosen
    return ReducedBody(
        model=body.subset(chosen) if is_reducible else body,
        support_rows=rows[: len(support)],
        surface_rows=rows[len(support) :],
        surface_weights=body.weights[drawn],
        blend=parts[keypoint, joint],
        blend_joint=joint,
        blend_keypoint=keypoint,
        keypoint_count=len(order),
    )


def bind_reduced(body: ReducedBody, shape: Float[Tensor, " B"]) -> ReducedBind:
    """Return the points and joints of a shape in the bind pose; differentiable."""
    bind = body.model.bind(shape)
    support = bind.vertices[body.support_rows]
    blended = torch.cat([body.blend @ support, body.blend.sum(1, keepdim=True)], dim=1)
    return ReducedBind(
        joints=bind.joints, surface=bind.vertices[body.surface_rows], blended=blended
    )


def moved_keypoints(
    body: ReducedBody, bind: ReducedBind, posed_from_bind: Float[Tensor, "P J 4 4"]
) -> Float[Tensor, "P K 3"]:
    """Return the keypoints of the posed skin, metres.

    x_k = Σ_v c_kv Σ_j w_vj G_j v = Σ_j G_j (Σ_v c_kv w_vj v): the inner sum is `blended`, so no
    vertex needs to be posed.
    """
    parts = (posed_from_bind[:, body.blend_joint, :3] @ bind.blended[..., None])[..., 0]
    empty = parts.new_zeros(len(parts), body.keypoint_count, 3)
    return empty.index_add(1, body.blend_keypoint, parts)


def stature(body: BodyModel, bind: BindBody) -> Float[Tensor, ""]:
    """Return the height of the skin in the bind pose, m."""
    heights = bind.vertices[body.faces.flatten(), 1]
    return heights.max() - heights.min()


def _drawn_by_area(body: BodyModel, count: int, generator: torch.Generator) -> Int[Tensor, " N"]:
    """Corners of triangles drawn by their area: the mesh is far denser in the face and hands."""
    corners = body.bind(body.mean_shape).vertices[body.faces]
    area = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).norm(
        dim=1
    )
    drawn = torch.multinomial(area.cpu(), count, replacement=True, generator=generator)
    return body.faces[drawn.to(body.faces.device), 0]
