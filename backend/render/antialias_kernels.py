"""Warp kernels of the edge-driven antialias; one source for CPU and CUDA.

An edge of the outline steeper than 45 degrees is met by the rows of pixel centres, a flatter one by
the columns: each crossing lies between two neighbouring pixels. Such a row or column is called a
line; `along` is the coordinate on it (x on a row), `across` the one from line to line. A crossing's
record is (view, edge, kind, rank): kind 0 are rows, 1 columns; the rank counts an edge's lines of
one kind. Lines of the other kind blend nothing at an edge, but there, too, it may be the outline:
then it hides the fold just within that they would blend.
"""
# ruff: noqa: PLR0913, PLR0917 - a kernel is launched with plain positional arguments

import typing

import warp as wp

from backend.render.rasterizer_kernels import project


@wp.struct
@typing.no_type_check
class Segment:
    """An edge as seen, in pixels."""

    along: wp.vec2
    """Of its two ends."""
    across: wp.vec2
    first: wp.int32
    """The first line that crosses it."""
    stop: wp.int32
    """The line after the last."""


@wp.func
@typing.no_type_check
def segment(p: wp.vec3, q: wp.vec3, intrinsics: wp.mat33, size: wp.vec2i, kind: int) -> Segment:
    """Return an edge as the camera sees it; no line crosses it if it is not finite.

    `size` are the image's rows and columns; `kind` tells whether rows or columns are asked for.
    """
    a = project(p, intrinsics)
    b = project(q, intrinsics)
    seen = Segment()
    if kind == 0:
        seen.along = wp.vec2(a[0], b[0])
        seen.across = wp.vec2(a[1], b[1])
    else:
        seen.along = wp.vec2(a[1], b[1])
        seen.across = wp.vec2(a[0], b[0])
    if wp.isfinite(a[0] + a[1]) and wp.isfinite(b[0] + b[1]):
        low = wp.min(seen.across[0], seen.across[1]) - 0.5
        high = wp.max(seen.across[0], seen.across[1]) - 0.5
        lines = float(size[kind])
        seen.first = int(wp.ceil(wp.clamp(low, 0.0, lines)))
        seen.stop = int(wp.ceil(wp.clamp(high, 0.0, lines)))
    return seen


@wp.func
@typing.no_type_check
def is_blended(seen: Segment, kind: int) -> bool:
    """Return whether lines of this kind blend pixels at an edge; at 45 degrees rows do."""
    along = wp.abs(seen.along[1] - seen.along[0])
    across = wp.abs(seen.across[1] - seen.across[0])
    return across > along or (kind == 0 and across == along)


@wp.func
@typing.no_type_check
def part_of(seen: Segment, line: int) -> float:
    """Return where a line meets an edge: 0 at its first end, 1 at its second."""
    return (float(line) + 0.5 - seen.across[0]) / (seen.across[1] - seen.across[0])


@wp.func
@typing.no_type_check
def place_of(seen: Segment, part: float) -> float:
    """Return that place along the line; whole numbers are pixel centres."""
    return seen.along[0] + part * (seen.along[1] - seen.along[0]) - 0.5


@wp.func
@typing.no_type_check
def pixel_of(kind: int, line: int, along: int) -> wp.vec2i:
    """Return row and column of a pixel on a line."""
    if kind == 0:
        return wp.vec2i(line, along)
    return wp.vec2i(along, line)


@wp.func
@typing.no_type_check
def is_outline(p: wp.vec3, q: wp.vec3, r: wp.vec3, s: wp.vec3) -> bool:
    """Return whether the faces p q r and p q s are seen on one side of their edge."""
    # p x q loses all digits where the edge is short; p x (q - p) does not.
    normal = wp.cross(p, q - p)
    return wp.dot(normal, r - p) * wp.dot(normal, s - p) >= 0.0


@wp.kernel(enable_backward=False)
@typing.no_type_check
def count_crossings(
    vertices: wp.array2d(dtype=wp.vec3),
    edges: wp.array2d(dtype=wp.int32),
    opposite: wp.array2d(dtype=wp.int32),
    cameras: wp.array(dtype=wp.mat33),
    near_m: float,
    rows: int,
    columns: int,
    counts: wp.array3d(dtype=wp.int32),
) -> None:
    """Write how many rows and columns cross each edge of the outline, 0 for other edges."""
    view, edge = wp.tid()
    counts[view, edge, 0] = 0
    counts[view, edge, 1] = 0
    p = vertices[view, edges[edge, 0]]
    q = vertices[view, edges[edge, 1]]
    if not (p[2] > near_m and q[2] > near_m):
        return
    if opposite[edge, 1] >= 0:
        r = vertices[view, opposite[edge, 0]]
        s = vertices[view, opposite[edge, 1]]
        if not is_outline(p, q, r, s):
            return
    for kind in range(2):
        seen = segment(p, q, cameras[view], wp.vec2i(rows, columns), kind)
        counts[view, edge, kind] = seen.stop - seen.first


@wp.func
@typing.no_type_check
def ordered_depth(depth: wp.array2d(dtype=wp.float32), pixel: wp.vec2i, sign: float) -> float:
    """Return the depth, negative for the farthest layer: the lesser hides the greater."""
    value = depth[pixel[0], pixel[1]]
    if value == 0.0:
        return 1.0e30
    return sign * value


@wp.func
@typing.no_type_check
def key_of(pair: int, closeness: float, seen: Segment, kind: int) -> wp.int64:
    """Return a crossing's key; see `find_visible`. Closeness runs from 0 to 1."""
    # The bits of positive floats have the order of the floats.
    order = wp.int64(wp.cast(closeness, wp.uint32)) << wp.int64(1)
    if not is_blended(seen, kind):
        order += wp.int64(1)
    return (wp.int64(pair) << wp.int64(32)) | order


@wp.kernel(enable_backward=False)
@typing.no_type_check
def find_visible(
    vertices: wp.array2d(dtype=wp.vec3),
    edges: wp.array2d(dtype=wp.int32),
    cameras: wp.array(dtype=wp.mat33),
    depth: wp.array3d(dtype=wp.float32),
    sign: float,
    behind_m: float,
    gap_m: float,
    records: wp.array(dtype=wp.vec4i),
    lower_pixel: wp.array(dtype=wp.int32),
    keys: wp.array(dtype=wp.int64),
) -> None:
    """Write the lower pixel of each crossing, -1 where it is hidden or outside, and its key.

    Keys are ordered by the pair of pixels and then by the place, the farthest from the inner
    pixel's centre first; the inner pixel is the one whose surface hides the other's. The last bit
    is 1 where the line does not blend at the edge.
    """
    index = wp.tid()
    record = records[index]
    view = record[0]
    p = vertices[view, edges[record[1], 0]]
    q = vertices[view, edges[record[1], 1]]
    size = wp.vec2i(depth.shape[1], depth.shape[2])
    kind = record[2]
    seen = segment(p, q, cameras[view], size, kind)
    line = seen.first + record[3]
    part = part_of(seen, line)
    place = place_of(seen, part)
    count = size[1 - kind]
    lower = int(wp.floor(wp.clamp(place, -1.0, float(count))))
    lower_pixel[index] = -1
    if lower < 0 or lower + 1 >= count:
        return
    pixel = pixel_of(kind, line, lower)
    before = ordered_depth(depth[view], pixel, sign)
    after = ordered_depth(depth[view], pixel_of(kind, line, lower + 1), sign)
    inner = wp.min(before, after)
    z = sign / ((1.0 - part) / p[2] + part / q[2])
    if inner < 1.0e29 and z <= inner + behind_m and wp.max(before, after) > z + gap_m:
        closeness = place - float(lower)
        if before < after:
            closeness = 1.0 - closeness
        lower_pixel[index] = lower
        pair = ((view * 2 + kind) * size[0] + pixel[0]) * size[1] + pixel[1]
        keys[index] = key_of(pair, closeness, seen, kind)


@wp.kernel(enable_backward=False)
@typing.no_type_check
def blend_pixels(
    vertices: wp.array2d(dtype=wp.vec3),
    edges: wp.array2d(dtype=wp.int32),
    cameras: wp.array(dtype=wp.mat33),
    records: wp.array(dtype=wp.vec4i),
    lower_pixel: wp.array(dtype=wp.int32),
    image: wp.array4d(dtype=wp.float32),
    blended: wp.array4d(dtype=wp.float32),
) -> None:
    """Move the pixel that the outline enters towards its neighbour by the share it covers.

    With t from the lower pixel's centre (0) to the upper's (1): below 1/2 the lower changes by
    (1/2 - t), else the upper by (t - 1/2)    Laine et al. 2020, section 3.6
    """
    index = wp.tid()
    record = records[index]
    view = record[0]
    p = vertices[view, edges[record[1], 0]]
    q = vertices[view, edges[record[1], 1]]
    kind = record[2]
    seen = segment(p, q, cameras[view], wp.vec2i(image.shape[1], image.shape[2]), kind)
    line = seen.first + record[3]
    lower = lower_pixel[index]
    t = place_of(seen, part_of(seen, line)) - float(lower)
    changed = pixel_of(kind, line, lower)
    other = pixel_of(kind, line, lower + 1)
    if t >= 0.5:
        changed = other
        other = pixel_of(kind, line, lower)
    share = wp.abs(t - 0.5)
    for channel in range(image.shape[3]):
        there = image[view, other[0], other[1], channel]
        here = image[view, changed[0], changed[1], channel]
        wp.atomic_add(blended, view, changed[0], changed[1], channel, share * (there - here))


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
def spread_to_pixels(
    image: wp.array3d(dtype=wp.float32),
    blended_gradient: wp.array3d(dtype=wp.float32),
    image_gradient: wp.array3d(dtype=wp.float32),
    low: wp.vec2i,
    high: wp.vec2i,
    t: float,
) -> float:
    """Add what a crossing asks of its two pixels' colours, and return what it asks of t."""
    share = 0.5 - t  # signed: what the changed pixel loses, the other one gains
    t_gradient = float(0.0)  # noqa: UP018 - Warp: a literal is a constant, and this one changes
    for channel in range(image.shape[2]):
        g = blended_gradient[low[0], low[1], channel]
        if t >= 0.5:
            g = blended_gradient[high[0], high[1], channel]
        wp.atomic_add(image_gradient, low[0], low[1], channel, -share * g)
        wp.atomic_add(image_gradient, high[0], high[1], channel, share * g)
        lower = image[low[0], low[1], channel]
        t_gradient += g * (lower - image[high[0], high[1], channel])
    return t_gradient


@wp.kernel(enable_backward=False)
@typing.no_type_check
def spread_blend_gradients(
    vertices: wp.array2d(dtype=wp.vec3),
    edges: wp.array2d(dtype=wp.int32),
    cameras: wp.array(dtype=wp.mat33),
    records: wp.array(dtype=wp.vec4i),
    lower_pixel: wp.array(dtype=wp.int32),
    image: wp.array4d(dtype=wp.float32),
    blended_gradient: wp.array4d(dtype=wp.float32),
    image_gradient: wp.array4d(dtype=wp.float32),
    vertex_gradient: wp.array2d(dtype=wp.vec3),
) -> None:
    """Add the gradients of `blend_pixels`; `image_gradient` starts as the blended one's.

    With g from the changed pixel, t gets g . (lower - upper); from t to the edge's ends, where the
    line meets it at a part m: (1 - m) and m, and the edge's own slope across the lines.
    """
    index = wp.tid()
    record = records[index]
    view = record[0]
    i = edges[record[1], 0]
    j = edges[record[1], 1]
    p = vertices[view, i]
    q = vertices[view, j]
    kind = record[2]
    seen = segment(p, q, cameras[view], wp.vec2i(image.shape[1], image.shape[2]), kind)
    line = seen.first + record[3]
    lower = lower_pixel[index]
    part = part_of(seen, line)
    t = place_of(seen, part) - float(lower)
    low = pixel_of(kind, line, lower)
    high = pixel_of(kind, line, lower + 1)
    t_gradient = spread_to_pixels(
        image[view], blended_gradient[view], image_gradient[view], low, high, t
    )
    tilt = (seen.along[1] - seen.along[0]) / (seen.across[1] - seen.across[0])
    slope = t_gradient * wp.vec2(1.0, -tilt)
    if kind == 1:
        slope = t_gradient * wp.vec2(-tilt, 1.0)
    add_pixel_slope(vertex_gradient[view], i, p, (1.0 - part) * slope, cameras[view])
    add_pixel_slope(vertex_gradient[view], j, q, part * slope, cameras[view])
