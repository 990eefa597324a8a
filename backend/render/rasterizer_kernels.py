"""Warp kernels of the visibility rasteriser; one source for CPU and CUDA.

A pixel's ray is (u, v, 1). With q = (X - u Z, Y - v Z) of each corner of a triangle, the three
cross products q_b x q_c, divided by their sum, are the perspective-correct barycentrics of the
pixel (Olano and Greer 1997). They have one sign where the pixel is covered.
"""
# ruff: noqa: PLR0913, PLR0917 - a kernel is launched with plain positional arguments

import typing

import warp as wp


@wp.func
@typing.no_type_check
def edge_area(a: wp.vec3, b: wp.vec3, a_index: int, b_index: int, ray: wp.vec2) -> float:
    """Return q_a x q_b, negated exactly when a and b are swapped: neighbours leave no crack."""
    ax = a[0] - ray[0] * a[2]
    ay = a[1] - ray[1] * a[2]
    bx = b[0] - ray[0] * b[2]
    by = b[1] - ray[1] * b[2]
    # A fused multiply-add rounds x*y - z*w differently from -(z*w - x*y): one fixed order.
    if a_index < b_index:
        return ax * by - ay * bx
    return -(bx * ay - by * ax)


@wp.func
@typing.no_type_check
def corner_areas(a: wp.vec3, b: wp.vec3, c: wp.vec3, index: wp.vec3i, ray: wp.vec2) -> wp.vec3:
    """Return the barycentrics of the ray among three vertices, times a common factor (m^2)."""
    return wp.vec3(
        edge_area(b, c, index[1], index[2], ray),
        edge_area(c, a, index[2], index[0], ray),
        edge_area(a, b, index[0], index[1], ray),
    )


@wp.func
@typing.no_type_check
def ray_areas(
    vertices: wp.array(dtype=wp.vec3), faces: wp.array2d(dtype=wp.int32), face: int, ray: wp.vec2
) -> wp.vec3:
    """Return the barycentrics of the ray in a face, times a common factor (m^2)."""
    i = wp.vec3i(faces[face, 0], faces[face, 1], faces[face, 2])
    return corner_areas(vertices[i[0]], vertices[i[1]], vertices[i[2]], i, ray)


@wp.func
@typing.no_type_check
def pixel_ray(column: int, row: int, intrinsics: wp.mat33) -> wp.vec2:
    """Return x / z and y / z of the ray through a pixel's centre."""
    v = (float(row) + 0.5 - intrinsics[1, 2]) / intrinsics[1, 1]
    u = (float(column) + 0.5 - intrinsics[0, 2] - intrinsics[0, 1] * v) / intrinsics[0, 0]
    return wp.vec2(u, v)


@wp.func
@typing.no_type_check
def project(point: wp.vec3, intrinsics: wp.mat33) -> wp.vec2:
    """Return the pixels at which a point of the camera frame is seen."""
    x = point[0] / point[2]
    y = point[1] / point[2]
    return wp.vec2(
        intrinsics[0, 0] * x + intrinsics[0, 1] * y + intrinsics[0, 2],
        intrinsics[1, 1] * y + intrinsics[1, 2],
    )


@wp.func
@typing.no_type_check
def first_pixel(a: float, b: float, c: float, size: int) -> int:
    """Return the first pixel whose centre is not before all three; 0.01 pixels of margin."""
    lowest = wp.min(wp.min(a, b), c) - 0.51
    return wp.max(int(wp.ceil(wp.clamp(lowest, 0.0, float(size)))), 0)


@wp.func
@typing.no_type_check
def last_pixel(a: float, b: float, c: float, size: int) -> int:
    """Return the last pixel whose centre is not behind all three; 0.01 pixels of margin."""
    highest = wp.max(wp.max(a, b), c) - 0.49
    return wp.min(int(wp.floor(wp.clamp(highest, -1.0, float(size - 1)))), size - 1)


@wp.kernel(enable_backward=False)
@typing.no_type_check
def keep_first_face(
    vertices: wp.array2d(dtype=wp.vec3),
    faces: wp.array2d(dtype=wp.int32),
    cameras: wp.array(dtype=wp.mat33),
    near_m: float,
    flip: wp.uint32,
    keys: wp.array3d(dtype=wp.uint64),
) -> None:
    """Keep in each pixel the least of (depth, face id); `flip` of all ones turns depth round."""
    view, face = wp.tid()
    index = wp.vec3i(faces[face, 0], faces[face, 1], faces[face, 2])
    a = vertices[view, index[0]]
    b = vertices[view, index[1]]
    c = vertices[view, index[2]]
    if not (a[2] > near_m and b[2] > near_m and c[2] > near_m):
        return
    intrinsics = cameras[view]
    pa = project(a, intrinsics)
    pb = project(b, intrinsics)
    pc = project(c, intrinsics)
    height = keys.shape[1]
    width = keys.shape[2]
    first = first_pixel(pa[0], pb[0], pc[0], width)
    last = last_pixel(pa[0], pb[0], pc[0], width)
    top = first_pixel(pa[1], pb[1], pc[1], height)
    bottom = last_pixel(pa[1], pb[1], pc[1], height)
    for row in range(top, bottom + 1):
        for column in range(first, last + 1):
            areas = corner_areas(a, b, c, index, pixel_ray(column, row, intrinsics))
            total = areas[0] + areas[1] + areas[2]
            lowest = wp.min(wp.min(areas[0], areas[1]), areas[2])
            highest = wp.max(wp.max(areas[0], areas[1]), areas[2])
            if total != 0.0 and (lowest >= 0.0 or highest <= 0.0):
                depth = (areas[0] * a[2] + areas[1] * b[2] + areas[2] * c[2]) / total
                # The bits of positive floats have the order of the floats.
                order = wp.cast(depth, wp.uint32) ^ flip
                key = (wp.uint64(order) << wp.uint64(32)) | wp.uint64(face)
                wp.atomic_min(keys, view, row, column, key)


@wp.kernel(enable_backward=False)
@typing.no_type_check
def resolve_pixels(
    keys: wp.array3d(dtype=wp.uint64),
    flip: wp.uint32,
    face_of_pixel: wp.array3d(dtype=wp.int32),
    depth: wp.array3d(dtype=wp.float32),
    covered: wp.array2d(dtype=wp.vec2i),
    count: wp.array(dtype=wp.int32),
) -> None:
    """Write the face, -1 for none, and its depth, 0 for none; list rows and columns of faces."""
    view, row, column = wp.tid()
    key = keys[view, row, column]
    if key == ~wp.uint64(0):
        face_of_pixel[view, row, column] = -1
        depth[view, row, column] = 0.0
    else:
        order = wp.uint32(key >> wp.uint64(32))
        face_of_pixel[view, row, column] = int(key & wp.uint64(0xFFFFFFFF))
        depth[view, row, column] = wp.cast(order ^ flip, wp.float32)
        covered[view, wp.atomic_add(count, view, 1)] = wp.vec2i(row, column)


@wp.kernel(enable_backward=False)
@typing.no_type_check
def share_pixels(
    vertices: wp.array2d(dtype=wp.vec3),
    faces: wp.array2d(dtype=wp.int32),
    cameras: wp.array(dtype=wp.mat33),
    face_of_pixel: wp.array3d(dtype=wp.int32),
    covered: wp.array2d(dtype=wp.vec2i),
    count: wp.array(dtype=wp.int32),
    barycentric: wp.array3d(dtype=wp.vec3),
) -> None:
    """Write the barycentrics of the pixels that a face covers."""
    view, index = wp.tid()
    if index >= count[view]:
        return
    row = covered[view, index][0]
    column = covered[view, index][1]
    face = face_of_pixel[view, row, column]
    ray = pixel_ray(column, row, cameras[view])
    areas = ray_areas(vertices[view], faces, face, ray)
    barycentric[view, row, column] = areas / (areas[0] + areas[1] + areas[2])
