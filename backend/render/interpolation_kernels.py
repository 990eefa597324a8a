"""Warp kernels of interpolation and its gradient; one source for CPU and CUDA.

With (u, v, 1) the ray of a pixel and q_j = (X_j - u Z_j, Y_j - v Z_j) of a face's corners:
a_0 = q_1 x q_2 and cyclic, s = a_0 + a_1 + a_2, value o = sum_j a_j h_j / s    Olano and Greer 1997
"""
# ruff: noqa: PLR0913, PLR0917 - a kernel is launched with plain positional arguments

import typing

import warp as wp

from backend.render.rasterizer_kernels import pixel_ray, ray_areas


@wp.kernel(enable_backward=False)
@typing.no_type_check
def interpolate_values(
    vertices: wp.array2d(dtype=wp.vec3),
    faces: wp.array2d(dtype=wp.int32),
    cameras: wp.array(dtype=wp.mat33),
    face_of_pixel: wp.array3d(dtype=wp.int32),
    covered: wp.array2d(dtype=wp.vec2i),
    count: wp.array(dtype=wp.int32),
    values: wp.array3d(dtype=wp.float32),
    image: wp.array4d(dtype=wp.float32),
) -> None:
    """Write o into every pixel that sees a face."""
    view, index = wp.tid()
    if index >= count[view]:
        return
    row = covered[view, index][0]
    column = covered[view, index][1]
    face = face_of_pixel[view, row, column]
    ray = pixel_ray(column, row, cameras[view])
    areas = ray_areas(vertices[view], faces, face, ray)
    shares = areas / (areas[0] + areas[1] + areas[2])
    i = faces[face, 0]
    j = faces[face, 1]
    k = faces[face, 2]
    for channel in range(image.shape[3]):
        image[view, row, column, channel] = (
            shares[0] * values[view, i, channel]
            + shares[1] * values[view, j, channel]
            + shares[2] * values[view, k, channel]
        )


@wp.func
@typing.no_type_check
def spread_to_values(
    shares: wp.vec3,
    corners: wp.vec3i,
    gradient: wp.array(dtype=wp.float32),
    values: wp.array2d(dtype=wp.float32),
    value_gradient: wp.array2d(dtype=wp.float32),
) -> wp.vec3:
    """Add what a pixel asks of its corners' values, and return h."""
    h = wp.vec3(0.0, 0.0, 0.0)
    for channel in range(gradient.shape[0]):
        g = gradient[channel]
        if g != 0.0:
            for corner in range(3):
                h[corner] += g * values[corners[corner], channel]
                wp.atomic_add(value_gradient, corners[corner], channel, g * shares[corner])
    return h


@wp.func
@typing.no_type_check
def bounded(areas: wp.vec3, depth: float, least_area_px2: float, k: wp.mat33) -> float:
    """Return s, or that of a face whose area as seen is the least one."""
    total = areas[0] + areas[1] + areas[2]
    # s is twice the area as seen, times depth^2 / (fx fy).
    least = 2.0 * least_area_px2 * depth * depth / (k[0, 0] * k[1, 1])
    if wp.abs(total) < least:
        total = wp.sign(total) * least
    return total


@wp.func
@typing.no_type_check
def slope(d_b: float, b: wp.vec3, d_c: float, c: wp.vec3, ray: wp.vec2) -> wp.vec3:
    """Return the gradient of a corner; b and c follow it around the face."""
    x = d_c * (b[1] - ray[1] * b[2]) - d_b * (c[1] - ray[1] * c[2])
    y = d_b * (c[0] - ray[0] * c[2]) - d_c * (b[0] - ray[0] * b[2])
    return wp.vec3(x, y, -(ray[0] * x + ray[1] * y))


@wp.kernel(enable_backward=False)
@typing.no_type_check
def spread_gradients(
    vertices: wp.array2d(dtype=wp.vec3),
    faces: wp.array2d(dtype=wp.int32),
    cameras: wp.array(dtype=wp.mat33),
    face_of_pixel: wp.array3d(dtype=wp.int32),
    covered: wp.array2d(dtype=wp.vec2i),
    count: wp.array(dtype=wp.int32),
    least_area_px2: float,
    values: wp.array3d(dtype=wp.float32),
    image_gradient: wp.array4d(dtype=wp.float32),
    vertex_gradient: wp.array2d(dtype=wp.vec3),
    value_gradient: wp.array3d(dtype=wp.float32),
) -> None:
    """Add what each pixel asks of the corners of its face.

    With g from the pixel and h_j = g . value_j: value_j gets g a_j / s; a_j gets
    d_j = (h_j - g . o) / s; q_0 gets (d_2 y_1 - d_1 y_2, d_1 x_2 - d_2 x_1) and cyclic.
    """
    view, index = wp.tid()
    if index >= count[view]:
        return
    row = covered[view, index][0]
    column = covered[view, index][1]
    face = face_of_pixel[view, row, column]
    ray = pixel_ray(column, row, cameras[view])
    areas = ray_areas(vertices[view], faces, face, ray)
    shares = areas / (areas[0] + areas[1] + areas[2])
    corners = wp.vec3i(faces[face, 0], faces[face, 1], faces[face, 2])
    gradient = image_gradient[view, row, column]
    h = spread_to_values(shares, corners, gradient, values[view], value_gradient[view])
    a = vertices[view, corners[0]]
    b = vertices[view, corners[1]]
    c = vertices[view, corners[2]]
    depth = wp.dot(shares, wp.vec3(a[2], b[2], c[2]))
    mean = wp.dot(shares, h)
    d = (h - wp.vec3(mean, mean, mean)) / bounded(areas, depth, least_area_px2, cameras[view])
    wp.atomic_add(vertex_gradient, view, corners[0], slope(d[1], b, d[2], c, ray))
    wp.atomic_add(vertex_gradient, view, corners[1], slope(d[2], c, d[0], a, ray))
    wp.atomic_add(vertex_gradient, view, corners[2], slope(d[0], a, d[1], b, ray))
