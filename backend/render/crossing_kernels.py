"""Warp kernels that find where outlines pass between two pixels; one source for CPU and CUDA.

An edge of the outline steeper than 45 degrees is met by the rows of pixel centres, a flatter one by
the columns: each crossing lies between two neighbouring pixels. Such a row or column is called a
line; `along` is the coordinate on it (x on a row), `across` the one from line to line. A crossing's
record is (edge, rank): the rank counts the rows that cross an edge and then the columns.
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


@wp.struct
@typing.no_type_check
class Limits:
    """See `DifferentiationSettings`, and `ordered_depth` for the sign."""

    sign: wp.float32
    behind_m: wp.float32
    gap_m: wp.float32


@wp.func
@typing.no_type_check
def limits_of(sign: float, behind_m: float, gap_m: float) -> Limits:
    """Return the three as one."""
    limits = Limits()
    limits.sign = sign
    limits.behind_m = behind_m
    limits.gap_m = gap_m
    return limits


@wp.struct
@typing.no_type_check
class Crossing:
    """Where a line meets an edge."""

    is_visible: wp.bool
    pixels: wp.vec2i
    """The lower pixel on the line, and 0 where it is the inner one, 1 where the upper is."""
    key: wp.int64


@wp.func
@typing.no_type_check
def crossing_of(
    seen: Segment, p: wp.vec3, q: wp.vec3, depth: wp.array2d(dtype=wp.float32), limits: Limits
) -> Crossing:
    """Return what the line of a segment meets; the rest is empty where it is hidden or outside.

    The inner pixel is the one whose surface hides the other's.
    """
    found = Crossing()
    size = wp.vec2i(depth.shape[0], depth.shape[1])
    part = part_of(seen, seen.line)
    place = place_of(seen, part)
    count = size[1 - seen.kind]
    lower = int(wp.floor(wp.clamp(place, -1.0, float(count))))
    if lower < 0 or lower + 1 >= count:
        return found
    pixel = pixel_of(seen.kind, seen.line, lower)
    before = ordered_depth(depth, pixel, limits.sign)
    after = ordered_depth(depth, pixel_of(seen.kind, seen.line, lower + 1), limits.sign)
    inner = wp.min(before, after)
    z = limits.sign / ((1.0 - part) / p[2] + part / q[2])
    if inner < 1.0e29 and z <= inner + limits.behind_m and wp.max(before, after) > z + limits.gap_m:
        found.is_visible = True
        closeness = place - float(lower)
        found.pixels = wp.vec2i(lower, 1)
        if before < after:
            closeness = 1.0 - closeness
            found.pixels = wp.vec2i(lower, 0)
        found.key = key_of((seen.kind * size[0] + pixel[0]) * size[1] + pixel[1], closeness, seen)
    return found


@wp.kernel(enable_backward=False)
@typing.no_type_check
def list_edges(
    vertices: wp.array2d(dtype=wp.vec3),
    edges: wp.array2d(dtype=wp.int32),
    opposite: wp.array2d(dtype=wp.int32),
    cameras: wp.array(dtype=wp.mat33),
    depth: wp.array3d(dtype=wp.float32),
    near_m: float,
    sign: float,
    behind_m: float,
    gap_m: float,
    listed: wp.array2d(dtype=wp.vec2i),
    totals: wp.array(dtype=wp.vec2i),
) -> None:
    """List the edges of the outline that are seen somewhere, and the crossings before theirs.

    Totals: how many edges are listed, and how many visible crossings they have.
    """
    view, edge = wp.tid()
    p = vertices[view, edges[edge, 0]]
    q = vertices[view, edges[edge, 1]]
    if not (p[2] > near_m and q[2] > near_m):
        return
    if opposite[edge, 1] >= 0:
        r = vertices[view, opposite[edge, 0]]
        s = vertices[view, opposite[edge, 1]]
        if not is_outline(p, q, r, s):
            return
    limits = limits_of(sign, behind_m, gap_m)
    count = int(0)  # noqa: UP018, RUF046 - Warp: a literal is constant, this changes
    for kind in range(2):
        size = wp.vec2i(depth.shape[1], depth.shape[2])
        seen = segment(p, q, cameras[view], size, kind)
        for line in range(seen.first, seen.stop):
            seen.line = line
            found = crossing_of(seen, p, q, depth[view], limits)
            if found.is_visible:
                count += 1
    if count > 0:
        before = wp.atomic_add(totals, view, wp.vec2i(1, count))
        listed[view, before[0]] = wp.vec2i(edge, before[1])


@wp.kernel(enable_backward=False)
@typing.no_type_check
def write_crossings(
    vertices: wp.array2d(dtype=wp.vec3),
    edges: wp.array2d(dtype=wp.int32),
    cameras: wp.array(dtype=wp.mat33),
    depth: wp.array3d(dtype=wp.float32),
    sign: float,
    behind_m: float,
    gap_m: float,
    listed: wp.array2d(dtype=wp.vec2i),
    totals: wp.array(dtype=wp.vec2i),
    records: wp.array2d(dtype=wp.vec2i),
    pixels: wp.array2d(dtype=wp.vec2i),
    keys: wp.array2d(dtype=wp.int64),
) -> None:
    """Write the visible crossings of the listed edges: record, pixels and key.

    Keys are ordered by the pair of pixels and then by the place, the farthest from the inner
    pixel's centre first. The last bit is 1 where the line does not blend at the edge.
    """
    view, index = wp.tid()
    if index >= totals[view][0]:
        return
    edge = listed[view, index][0]
    slot = listed[view, index][1]
    p = vertices[view, edges[edge, 0]]
    q = vertices[view, edges[edge, 1]]
    limits = limits_of(sign, behind_m, gap_m)
    rank = int(0)  # noqa: UP018, RUF046 - Warp: a literal is constant, this changes
    for kind in range(2):
        size = wp.vec2i(depth.shape[1], depth.shape[2])
        seen = segment(p, q, cameras[view], size, kind)
        for line in range(seen.first, seen.stop):
            seen.line = line
            found = crossing_of(seen, p, q, depth[view], limits)
            if found.is_visible:
                records[view, slot] = wp.vec2i(edge, rank)
                pixels[view, slot] = found.pixels
                keys[view, slot] = found.key
                slot += 1
            rank += 1
