"""Warp kernels of the edge-driven antialias; one source for CPU and CUDA.

Lines, crossings and their records: see `crossing_kernels`.
"""
# ruff: noqa: PLR0913, PLR0917 - a kernel is launched with plain positional arguments

import typing

import warp as wp

from backend.render.crossing_kernels import crossed, part_of, pixel_of, place_of


@wp.struct
@typing.no_type_check
class Blend:
    """A pixel moves by a share towards its neighbour, or towards the surface at its edge."""

    changed: wp.vec2i
    neighbour: wp.vec2i
    share: wp.float32
    rise: wp.float32
    """What the share gains while the crossing moves by a pixel along its line."""
    is_entered: wp.bool
    """Whether the outer pixel changes: the surface enters it with its edge."""
    ends: wp.vec2i
    """The edge's vertices."""
    part: wp.float32
    """Where the line meets the edge as seen: 0 at its first end, 1 at its second."""
    weight: wp.float32
    """The same place in space."""
    normal: wp.vec2
    """What the place along the line gains while the edge moves by a pixel along x and y."""


@wp.func
@typing.no_type_check
def blend_of(
    vertices: wp.array(dtype=wp.vec3),
    edges: wp.array2d(dtype=wp.int32),
    intrinsics: wp.mat33,
    size: wp.vec2i,
    record: wp.vec2i,
    pixels: wp.vec2i,
) -> Blend:
    """Return what a crossing does.

    With t from the lower pixel's centre (0) to the upper's (1): below 1/2 the lower changes by
    (1/2 - t), else the upper by (t - 1/2)    Laine et al. 2020, section 3.6
    """
    does = Blend()
    does.ends = wp.vec2i(edges[record[0], 0], edges[record[0], 1])
    p = vertices[does.ends[0]]
    q = vertices[does.ends[1]]
    seen = crossed(p, q, intrinsics, size, record[1])
    kind = seen.kind
    line = seen.line
    does.part = part_of(seen, line)
    does.weight = does.part * p[2] / ((1.0 - does.part) * q[2] + does.part * p[2])
    t = place_of(seen, does.part) - float(pixels[0])
    does.changed = pixel_of(kind, line, pixels[0])
    does.neighbour = pixel_of(kind, line, pixels[0] + 1)
    does.rise = -1.0
    does.is_entered = pixels[1] == 1
    if t >= 0.5:
        does.neighbour = does.changed
        does.changed = pixel_of(kind, line, pixels[0] + 1)
        does.rise = 1.0
        does.is_entered = pixels[1] == 0
    does.share = wp.abs(t - 0.5)
    tilt = (seen.along[1] - seen.along[0]) / (seen.across[1] - seen.across[0])
    does.normal = wp.vec2(1.0, -tilt)
    if kind == 1:
        does.normal = wp.vec2(-tilt, 1.0)
    return does


@wp.func
@typing.no_type_check
def entering(
    does: Blend, image: wp.array3d(dtype=wp.float32), values: wp.array2d(dtype=wp.float32), c: int
) -> float:
    """Return a channel of the colour that the changed pixel moves to."""
    if does.is_entered and values.shape[0] > 0:
        first = values[does.ends[0], c]
        return first + does.weight * (values[does.ends[1], c] - first)
    return image[does.neighbour[0], does.neighbour[1], c]


@wp.kernel(enable_backward=False)
@typing.no_type_check
def blend_pixels(
    vertices: wp.array2d(dtype=wp.vec3),
    edges: wp.array2d(dtype=wp.int32),
    cameras: wp.array(dtype=wp.mat33),
    records: wp.array2d(dtype=wp.vec2i),
    pixels: wp.array2d(dtype=wp.vec2i),
    count: wp.array(dtype=wp.int32),
    values: wp.array3d(dtype=wp.float32),
    image: wp.array4d(dtype=wp.float32),
    blended: wp.array4d(dtype=wp.float32),
) -> None:
    """Move the pixel that the outline enters by the share it covers."""
    view, index = wp.tid()
    if index >= count[view]:
        return
    size = wp.vec2i(image.shape[1], image.shape[2])
    record = records[view, index]
    does = blend_of(vertices[view], edges, cameras[view], size, record, pixels[view, index])
    row = does.changed[0]
    column = does.changed[1]
    for channel in range(image.shape[3]):
        there = entering(does, image[view], values[view], channel)
        here = image[view, row, column, channel]
        wp.atomic_add(blended, view, row, column, channel, does.share * (there - here))


@wp.func
@typing.no_type_check
def add_pixel_slope(
    gradient: wp.array(dtype=wp.vec3), vertex: int, point: wp.vec3, slope: wp.vec2, k: wp.mat33
) -> None:
    """Add to a vertex what a slope of its place in the image (1 / pixel) asks of it."""
    x = k[0, 0] * slope[0] / point[2]
    y = (k[0, 1] * slope[0] + k[1, 1] * slope[1]) / point[2]
    z = -(x * point[0] + y * point[1]) / point[2]
    wp.atomic_add(gradient, vertex, wp.vec3(x, y, z))


@wp.func
@typing.no_type_check
def spread_to_colours(
    does: Blend,
    values: wp.array2d(dtype=wp.float32),
    image: wp.array3d(dtype=wp.float32),
    blended_gradient: wp.array3d(dtype=wp.float32),
    value_gradient: wp.array2d(dtype=wp.float32),
    image_gradient: wp.array3d(dtype=wp.float32),
) -> float:
    """Add what a crossing asks of both its colours, and return what it asks of its place."""
    row = does.changed[0]
    column = does.changed[1]
    place_gradient = float(0.0)  # noqa: UP018 - Warp: a literal is constant, this changes
    for channel in range(image.shape[2]):
        g = blended_gradient[row, column, channel]
        moved = does.share * g
        wp.atomic_add(image_gradient, row, column, channel, -moved)
        if does.is_entered and values.shape[0] > 0:
            wp.atomic_add(value_gradient, does.ends[0], channel, (1.0 - does.weight) * moved)
            wp.atomic_add(value_gradient, does.ends[1], channel, does.weight * moved)
        else:
            wp.atomic_add(image_gradient, does.neighbour[0], does.neighbour[1], channel, moved)
        there = entering(does, image, values, channel)
        place_gradient += g * does.rise * (there - image[row, column, channel])
    return place_gradient


@wp.kernel(enable_backward=False)
@typing.no_type_check
def spread_blend_gradients(
    vertices: wp.array2d(dtype=wp.vec3),
    edges: wp.array2d(dtype=wp.int32),
    cameras: wp.array(dtype=wp.mat33),
    records: wp.array2d(dtype=wp.vec2i),
    pixels: wp.array2d(dtype=wp.vec2i),
    count: wp.array(dtype=wp.int32),
    values: wp.array3d(dtype=wp.float32),
    image: wp.array4d(dtype=wp.float32),
    blended_gradient: wp.array4d(dtype=wp.float32),
    value_gradient: wp.array3d(dtype=wp.float32),
    image_gradient: wp.array4d(dtype=wp.float32),
    vertex_gradient: wp.array2d(dtype=wp.vec3),
) -> None:
    """Add the gradients of `blend_pixels`; `image_gradient` starts as the blended one's.

    With g from the changed pixel, the place t gets g . (entering - changed), times the share's
    rise; from t to the edge's ends, where the line meets it at a part m: (1 - m) and m, and the
    edge's own slope across the lines. The entering colour's place on the edge is constant.
    """
    view, index = wp.tid()
    if index >= count[view]:
        return
    size = wp.vec2i(image.shape[1], image.shape[2])
    record = records[view, index]
    does = blend_of(vertices[view], edges, cameras[view], size, record, pixels[view, index])
    place_gradient = spread_to_colours(
        does,
        values[view],
        image[view],
        blended_gradient[view],
        value_gradient[view],
        image_gradient[view],
    )
    slope = place_gradient * does.normal
    i = does.ends[0]
    j = does.ends[1]
    first = (1.0 - does.part) * slope
    add_pixel_slope(vertex_gradient[view], i, vertices[view, i], first, cameras[view])
    add_pixel_slope(vertex_gradient[view], j, vertices[view, j], does.part * slope, cameras[view])
