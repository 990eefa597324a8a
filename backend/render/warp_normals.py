"""Vertex normals of several views in Warp, with gradients."""

from typing import Any

import torch
import warp as wp
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from backend.render.fragments import Topology
from backend.render.normal_kernels import add_face_normals, spread_normal_gradients
from backend.render.warp_rasterizer import plain
from backend.render.warp_views import launch_views, per_view, shared


def normal_sums(vertices: Float[Tensor, "P V 3"], topology: Topology) -> Float[Tensor, "P V 3"]:
    """Return the sum of the normals of the faces around each vertex, each twice its face's area.

    In single precision.
    """
    return _NormalSums.apply(vertices.float(), topology)


class _NormalSums(torch.autograd.Function):
    """Positions -> sums of normals, and back."""

    @staticmethod
    def forward(ctx: Any, vertices: Tensor, topology: Topology) -> Tensor:
        ctx.save_for_backward(vertices)
        ctx.topology = topology
        return _added(add_face_normals, topology, [vertices])

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride] - the decorator's types
        ctx: Any, *gradients: Tensor
    ) -> tuple[Tensor, None]:
        (vertices,) = ctx.saved_tensors
        return _added(spread_normal_gradients, ctx.topology, [vertices, gradients[0]]), None


def _added(
    kernel: Any, topology: Topology, values: list[Float[Tensor, "P V 3"]]
) -> Float[Tensor, "P V 3"]:
    """Return what a kernel adds up from the vertices and what follows them."""
    result = torch.zeros_like(values[0], memory_format=torch.contiguous_format)
    first, *rest = [per_view(plain(value), wp.vec3) for value in values]
    inputs = [first, shared(topology.faces, wp.int32), *rest, per_view(result, wp.vec3)]
    size = (len(result), len(topology.faces))
    launch_views(kernel, size, inputs, result.device)
    return result
