"""The differentiable rasteriser in Warp: gradients as kernels, one source for CPU and CUDA."""

from dataclasses import dataclass
from typing import Any

import torch
import warp as wp
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from backend.geometry.warp_runtime import start
from backend.render.antialias_kernels import blend_pixels, spread_blend_gradients
from backend.render.crossing_kernels import list_edges, write_crossings
from backend.render.fragments import Cameras, Fragments, Layer, Topology
from backend.render.interpolation_kernels import interpolate_values, spread_gradients
from backend.render.warp_rasterizer import (
    KEEP_FARTHEST,
    KEEP_NEAREST,
    NEAR_M,
    SeenFaces,
    faces_of_views,
    plain,
    seen_arrays,
)
from backend.render.warp_views import Array, launch_views, per_view, shared

LAST_KEY = 2**63 - 1
"""Of no crossing."""


def rasterize(
    vertices_camera: Float[Tensor, "P V 3"], topology: Topology, cameras: Cameras, layer: Layer
) -> tuple[Int[Tensor, "P H W"], Float[Tensor, "P H W"], SeenFaces]:
    """Return face, depth and the pixels that see one; see `differentiable.rasterize`."""
    vertices = plain(vertices_camera)
    intrinsics = plain(cameras.intrinsics).to(vertices.device)
    size = (len(vertices), cameras.height, cameras.width)
    flip = KEEP_FARTHEST if layer == "farthest" else KEEP_NEAREST
    seen = faces_of_views(vertices, topology.faces, intrinsics, size=size, flip=flip)
    return seen.face, seen.depth, seen


def interpolate(
    fragments: Fragments, attributes: Float[Tensor, "P V C"]
) -> Float[Tensor, "P H W C"]:
    """See `differentiable.interpolate`; in single precision."""
    return _Interpolation.apply(fragments.vertices.float(), attributes.float(), fragments)


def antialias(
    fragments: Fragments,
    image: Float[Tensor, "P H W C"],
    attributes: Float[Tensor, "P V C"] | None = None,
) -> Float[Tensor, "P H W C"]:
    """See `differentiable.antialias`; in single precision."""
    vertices = fragments.vertices.float()
    if attributes is None:
        attributes = image.new_zeros((len(image), 0, image.shape[3]))
    colours = (attributes.float(), image.float())
    return _Antialias.apply(vertices, *colours, (fragments, _crossings(fragments)))


class _Interpolation(torch.autograd.Function):
    """Values of vertices -> images, and back to values and positions."""

    @staticmethod
    def forward(ctx: Any, vertices: Tensor, attributes: Tensor, fragments: Fragments) -> Tensor:
        ctx.save_for_backward(vertices, attributes)
        ctx.fragments = fragments
        size = fragments.face.shape
        # Memory that is never written is never fetched: most pixels see no face.
        image = torch.zeros((*size, attributes.shape[2]), device=vertices.device)
        inputs = [*_seen(vertices, fragments), per_view(plain(attributes), wp.float32)]
        inputs.append(per_view(image, wp.float32))
        launch_views(
            interpolate_values, fragments.native.covered.shape[:2], inputs, vertices.device
        )
        return image

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride] - the decorator's types
        ctx: Any, *gradients: Tensor
    ) -> tuple[Tensor | None, ...]:
        vertices, attributes = ctx.saved_tensors
        fragments: Fragments = ctx.fragments
        vertex_gradient = torch.zeros_like(vertices, memory_format=torch.contiguous_format)
        value_gradient = torch.zeros_like(attributes, memory_format=torch.contiguous_format)
        inputs = [*_seen(vertices, fragments), fragments.settings.least_area_px2]
        inputs += [per_view(plain(t), wp.float32) for t in (attributes, gradients[0])]
        inputs += [per_view(vertex_gradient, wp.vec3), per_view(value_gradient, wp.float32)]
        launch_views(spread_gradients, fragments.native.covered.shape[:2], inputs, vertices.device)
        return vertex_gradient, value_gradient, None


def _seen(vertices: Float[Tensor, "P V 3"], fragments: Fragments) -> list[Array]:
    """Return the kernels' first arguments: vertices, faces, cameras, what pixels see."""
    intrinsics = plain(fragments.cameras.intrinsics).to(vertices.device)
    return [
        per_view(plain(vertices), wp.vec3),
        shared(fragments.topology.faces, wp.int32),
        per_view(intrinsics, wp.mat33),
        *seen_arrays(fragments.native),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Crossings:
    """Where outlines pass between two pixels; see `crossing_kernels`. All have 32 bits."""

    records: Int[Tensor, "P N 2"]
    """Edge, rank; of each view only the first `count`, in the order of the pixels."""
    pixels: Int[Tensor, "P N 2"]
    """The one of the two that comes first on its line, and 1 if it is the outer one."""
    count: Int[Tensor, " P"]


class _Antialias(torch.autograd.Function):
    """Image -> image blended at outlines, and back to the image and the outlines."""

    @staticmethod
    def forward(ctx: Any, *given: Any) -> Tensor:
        vertices, attributes, image, (fragments, crossings) = given
        values, colours = plain(attributes), plain(image)
        ctx.save_for_backward(vertices, values, colours)
        ctx.fragments, ctx.crossings = fragments, crossings
        blended = colours.clone()
        inputs = [*_outline(vertices, fragments), *_listed(crossings)]
        inputs += [per_view(tensor, wp.float32) for tensor in (values, colours, blended)]
        launch_views(blend_pixels, crossings.records.shape[:2], inputs, vertices.device)
        return blended

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride] - the decorator's types
        ctx: Any, *gradients: Tensor
    ) -> tuple[Tensor | None, ...]:
        vertices, values, image = ctx.saved_tensors
        arriving = plain(gradients[0])
        value_gradient = torch.zeros_like(values)
        image_gradient = arriving.clone()
        vertex_gradient = torch.zeros_like(vertices, memory_format=torch.contiguous_format)
        inputs = [*_outline(vertices, ctx.fragments), *_listed(ctx.crossings)]
        passed = (values, image, arriving, value_gradient, image_gradient)
        inputs += [*(per_view(tensor, wp.float32) for tensor in passed)]
        inputs.append(per_view(vertex_gradient, wp.vec3))
        launch_views(
            spread_blend_gradients, ctx.crossings.records.shape[:2], inputs, vertices.device
        )
        return vertex_gradient, value_gradient, image_gradient, None


def _crossings(fragments: Fragments) -> _Crossings:
    """Return the visible crossings of outlines with lines of pixel centres, one a pixel pair."""
    start()
    vertices, depth = plain(fragments.vertices), fragments.depth
    limits = _limits(fragments)
    listed, totals = _seen_edges(vertices, fragments, limits)
    edge_count, count = totals.amax(0).tolist() if len(totals) else (0, 0)
    size = (len(vertices), count)
    records, pixels = torch.empty((2, *size, 2), dtype=torch.int32, device=depth.device)
    keys = torch.full(size, LAST_KEY, dtype=torch.int64, device=depth.device)
    inputs = [*_outline(vertices, fragments), per_view(depth, wp.float32), *limits]
    inputs += [per_view(listed, wp.vec2i), per_view(totals, wp.vec2i)]
    inputs += [per_view(records, wp.vec2i), per_view(pixels, wp.vec2i), per_view(keys, wp.int64)]
    launch_views(write_crossings, (len(vertices), edge_count), inputs, depth.device)
    keys, order = keys.sort(dim=1, stable=True)
    pair = keys >> 32
    is_first = torch.ones_like(pair, dtype=torch.bool)
    is_first[:, 1:] = pair[:, 1:] != pair[:, :-1]
    is_blended = keys & 1 == 0  # the last key's bit is 1
    return _chosen(records, pixels, order, is_first & is_blended)


def _chosen(
    records: Int[Tensor, "P N 2"],
    pixels: Int[Tensor, "P N 2"],
    order: Int[Tensor, "P N"],
    is_kept: Bool[Tensor, "P N"],
) -> _Crossings:
    """Return the crossings that are kept, told in the given order, each view's from its start."""
    count = is_kept.sum(1)
    longest = int(count.max()) if len(count) else 0
    view, place = is_kept.nonzero(as_tuple=True)
    rank = torch.arange(len(view), device=view.device) - (count.cumsum(0) - count)[view]
    slot = order[view, place]
    lists = records.new_zeros((2, len(count), longest, 2))
    lists[0, view, rank], lists[1, view, rank] = records[view, slot], pixels[view, slot]
    return _Crossings(records=lists[0], pixels=lists[1], count=count.to(torch.int32))


def _seen_edges(
    vertices: Float[Tensor, "P V 3"], fragments: Fragments, limits: tuple[float, float, float]
) -> tuple[Int[Tensor, "P E 2"], Int[Tensor, "P 2"]]:
    """Return the edges of the outline that have visible crossings; see `list_edges`."""
    topology, depth = fragments.topology, fragments.depth
    device = depth.device
    size = (len(vertices), len(topology.edges))
    listed = torch.empty((*size, 2), dtype=torch.int32, device=device)
    totals = torch.zeros((len(vertices), 2), dtype=torch.int32, device=device)
    corners, edges, cameras = _outline(vertices, fragments)
    inputs = [corners, edges, shared(topology.opposite, wp.int32), cameras]
    inputs += [per_view(depth, wp.float32), NEAR_M, *limits]
    inputs += [per_view(listed, wp.vec2i), per_view(totals, wp.vec2i)]
    launch_views(list_edges, size, inputs, device)
    return listed, totals


def _limits(fragments: Fragments) -> tuple[float, float, float]:
    """Return the sign of ordered depths, and how far outlines lie before and behind surfaces."""
    sign = -1.0 if fragments.layer == "farthest" else 1.0
    return sign, fragments.settings.behind_m, fragments.settings.gap_m


def _outline(vertices: Float[Tensor, "P V 3"], fragments: Fragments) -> list[Array]:
    """Return the kernels' first arguments: vertices, edges, cameras."""
    intrinsics = plain(fragments.cameras.intrinsics).to(vertices.device)
    return [
        per_view(plain(vertices), wp.vec3),
        shared(fragments.topology.edges, wp.int32),
        per_view(intrinsics, wp.mat33),
    ]


def _listed(crossings: _Crossings) -> list[Array]:
    return [
        per_view(crossings.records, wp.vec2i),
        per_view(crossings.pixels, wp.vec2i),
        per_view(crossings.count, wp.int32),
    ]
