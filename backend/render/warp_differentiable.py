"""The differentiable rasteriser in Warp: gradients as kernels, one source for CPU and CUDA."""

from dataclasses import dataclass
from typing import Any

import torch
import warp as wp
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from backend.geometry.warp_runtime import launch, start
from backend.render.antialias_kernels import (
    blend_pixels,
    count_crossings,
    find_visible,
    spread_blend_gradients,
)
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
    """Where outlines pass between two pixels; see `antialias_kernels`."""

    records: Int[Tensor, "N 3"]
    """View, edge, rank; 32 bits."""
    pixels: Int[Tensor, "N 2"]
    """The one of the two that comes first on its line, and 1 if it is the outer one; 32 bits."""


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
        inputs += [_array(tensor) for tensor in (values, colours, blended)]
        launch(blend_pixels, len(crossings.records), inputs, vertices.device)
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
        inputs += [*(_array(tensor) for tensor in passed), _array(vertex_gradient, wp.vec3)]
        launch(spread_blend_gradients, len(ctx.crossings.records), inputs, vertices.device)
        return vertex_gradient, value_gradient, image_gradient, None


def _crossings(fragments: Fragments) -> _Crossings:
    """Return the visible crossings of outlines with lines of pixel centres, one a pixel pair."""
    start()
    vertices = plain(fragments.vertices)
    device = vertices.device
    records = _all_crossings(fragments, vertices)
    pixels = torch.empty((len(records), 2), dtype=torch.int32, device=device)
    keys = torch.empty(len(records), dtype=torch.int64, device=device)
    settings = fragments.settings
    sign = -1.0 if fragments.layer == "farthest" else 1.0
    inputs = [*_outline(vertices, fragments), _array(fragments.depth), sign]
    inputs += [settings.behind_m, settings.gap_m, _array(records, wp.vec3i)]
    inputs += [_array(pixels, wp.vec2i), _array(keys, wp.int64)]
    launch(find_visible, len(records), inputs, device)
    visible = (pixels[:, 0] >= 0).nonzero()[:, 0]
    order = keys[visible].argsort(stable=True)
    pair = keys[visible][order] >> 32
    is_first = torch.ones_like(pair, dtype=torch.bool)
    is_first[1:] = pair[1:] != pair[:-1]
    is_blended = keys[visible][order] & 1 == 0
    kept = visible[order[is_first & is_blended]]
    return _Crossings(records=records[kept], pixels=pixels[kept])


def _all_crossings(fragments: Fragments, vertices: Float[Tensor, "P V 3"]) -> Int[Tensor, "N 3"]:
    """Return records of the crossings of all edges of the outline, hidden ones among them."""
    topology, cameras = fragments.topology, fragments.cameras
    device = vertices.device
    size = (len(vertices), len(topology.edges))
    counts = torch.zeros(size, dtype=torch.int32, device=device)
    inputs = [
        per_view(vertices, wp.vec3),
        shared(topology.edges, wp.int32),
        shared(topology.opposite, wp.int32),
        per_view(plain(cameras.intrinsics).to(device), wp.mat33),
        NEAR_M,
        cameras.height,
        cameras.width,
        per_view(counts, wp.int32),
    ]
    launch_views(count_crossings, size, inputs, device)
    view, edge = counts.nonzero(as_tuple=True)
    count = counts[view, edge].long()
    candidate = torch.arange(len(count), device=device).repeat_interleave(count)
    rank = torch.arange(len(candidate), device=device) - (count.cumsum(0) - count)[candidate]
    return torch.stack([view[candidate], edge[candidate], rank], 1).to(torch.int32)


def _outline(vertices: Float[Tensor, "P V 3"], fragments: Fragments) -> list[wp.array]:
    """Return the kernels' first arguments: vertices, edges, cameras."""
    intrinsics = plain(fragments.cameras.intrinsics).to(vertices.device)
    return [
        _array(plain(vertices), wp.vec3),
        _array(fragments.topology.edges, wp.int32),
        _array(intrinsics, wp.mat33),
    ]


def _listed(crossings: _Crossings) -> list[wp.array]:
    return [_array(crossings.records, wp.vec3i), _array(crossings.pixels, wp.vec2i)]


def _array(tensor: Tensor, kind: Any = wp.float32) -> wp.array:
    return wp.from_torch(tensor, dtype=kind, requires_grad=False)
