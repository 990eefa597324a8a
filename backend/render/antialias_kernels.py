"""Warp kernels of the edge-driven antialias; one source for CPU and CUDA.

An edge of the outline steeper than 45 degrees is met by the rows of pixel centres, a flatter one by
the columns: each crossing lies between two neighbouring pixels. Such a row or column is called a
line; `along` is the coordinate on it (x on a row), `across` the one from line to line. A crossing's
record is (view, edge, rank): the rank counts the rows that cross an edge and then the columns.
Lines of the other kind blend nothing at an edge, but there, too, it may be the outline: then it
hides the fold just within that they would blend.
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
    kind: wp.int32
    """0: seen by rows, 1: by columns."""
    first: wp.int32
    """The first line that crosses it."""
    stop: wp.int32
    """The line after the last."""
    line: wp.int32
    """The one asked for; see `crossed`."""


@wp.func
@typing.no_type_check
def segment(p: wp.vec3, q: wp.vec3, intrinsics: wp.mat33, size: wp.vec2i, kind: int) -> Segment:
    """Return an edge as the camera sees it; no line crosses it if it is not finite.

    `size` are the image's rows and columns; `kind` tells whether rows or columns are asked for.
    """
    a = project(p, intrinsics)
    b = project(q, intrinsics)
    seen = Segment()
    seen.kind = kind
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
def crossed(p: wp.vec3, q: wp.vec3, intrinsics: wp.mat33, size: wp.vec2i, rank: int) -> Segment:
    """Return an edge as seen by the lines of which one is asked for by its rank."""
    seen = segment(p, q, intrinsics, size, 0)
    count = seen.stop - seen.first
    if rank < count:
        seen.line = seen.first + rank
        return seen
    seen = segment(p, q, intrinsics, size, 1)
    seen.line = seen.first + rank - count
    return seen


@wp.func
@typing.no_type_check
def is_blended(seen: Segment) -> bool:
    """Return whether the lines of its kind blend pixels at an edge; at 45 degrees rows do."""
    along = wp.abs(seen.along[1] - seen.along[0])
    across = wp.abs(seen.across[1] - seen.across[0])
    return across > along or (seen.kind == 0 and across == along)


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
    counts: wp.array2d(dtype=wp.int32),
) -> None:
    """Write how many rows and columns cross each edge of the outline, 0 for other edges."""
    view, edge = wp.tid()
    counts[view, edge] = 0
    p = vertices[view, edges[edge, 0]]
    q = vertices[view, edges[edge, 1]]
    if not (p[2] > near_m and q[2] > near_m):
        return
    if opposite[edge, 1] >= 0:
        r = vertices[view, opposite[edge, 0]]
        s = vertices[view, opposite[edge, 1]]
        if not is_outline(p, q, r, s):
            return
    by_rows = segment(p, q, cameras[view], wp.vec2i(rows, columns), 0)
    by_columns = segment(p, q, cameras[view], wp.vec2i(rows, columns), 1)
    counts[view, edge] = by_rows.stop - by_rows.first + by_columns.stop - by_columns.first


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
def key_of(pair: int, closeness: float, seen: Segment) -> wp.int64:
    """Return a crossing's key; see `find_visible`. Closeness runs from 0 to 1."""
    # The bits of positive floats have the order of the floats.
    order = wp.int64(wp.cast(closeness, wp.uint32)) << wp.int64(1)
    if not is_blended(seen):
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
    records: wp.array(dtype=wp.vec3i),
    pixels: wp.array(dtype=wp.vec2i),
    keys: wp.array(dtype=wp.int64),
) -> None:
    """Write the lower pixel of each crossing, -1 where it is hidden or outside, and its key.

    Beside the lower pixel: 0 where it is the inner one, 1 where the upper is.

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
    seen = crossed(p, q, cameras[view], size, record[2])
    kind = seen.kind
    line = seen.line
    part = part_of(seen, line)
    place = place_of(seen, part)
    count = size[1 - kind]
    lower = int(wp.floor(wp.clamp(place, -1.0, float(count))))
    pixels[index] = wp.vec2i(-1, 0)
    if lower < 0 or lower + 1 >= count:
        return
    pixel = pixel_of(kind, line, lower)
    before = ordered_depth(depth[view], pixel, sign)
    after = ordered_depth(depth[view], pixel_of(kind, line, lower + 1), sign)
    inner = wp.min(before, after)
    z = sign / ((1.0 - part) / p[2] + part / q[2])
    if inner < 1.0e29 and z <= inner + behind_m and wp.max(before, after) > z + gap_m:
        closeness = place - float(lower)
        pixels[index] = wp.vec2i(lower, 1)
        if before < after:
            closeness = 1.0 - closeness
            pixels[index] = wp.vec2i(lower, 0)
        pair = ((view * 2 + kind) * size[0] + pixel[0]) * size[1] + pixel[1]
        keys[index] = key_of(pair, closeness, seen)


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
    record: wp.vec3i,
    pixels: wp.vec2i,
) -> Blend:
    """Return what a crossing does.

    With t from the lower pixel's centre (0) to the upper's (1): below 1/2 the lower changes by
    (1/2 - t), else the upper by (t - 1/2)    Laine et al. 2020, section 3.6
    """
    does = Blend()
    does.ends = wp.vec2i(edges[record[1], 0], edges[record[1], 1])
    p = vertices[does.ends[0]]
    q = vertices[does.ends[1]]
    seen = crossed(p, q, intrinsics, size, record[2])
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
    records: wp.array(dtype=wp.vec3i),
    pixels: wp.array(dtype=wp.vec2i),
    values: wp.array3d(dtype=wp.float32),
    image: wp.array4d(dtype=wp.float32),
    blended: wp.array4d(dtype=wp.float32),
) -> None:
    """Move the pixel that the outline enters by the share it covers."""
    index = wp.tid()
    view = records[index][0]
    size = wp.vec2i(image.shape[1], image.shape[2])
    does = blend_of(vertices[view], edges, cameras[view], size, records[index], pixels[index])
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
    place_gradient = float(0.0)  # noqa: UP018 - Warp: a literal is a constant, and this one changes
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
    records: wp.array(dtype=wp.vec3i),
    pixels: wp.array(dtype=wp.vec2i),
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
    index = wp.tid()
    view = records[index][0]
    size = wp.vec2i(image.shape[1], image.shape[2])
    does = blend_of(vertices[view], edges, cameras[view], size, records[index], pixels[index])
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
