"""Warp kernels of vertex normals and their gradient; one source for CPU and CUDA."""

import typing

import warp as wp


@wp.kernel(enable_backward=False)
@typing.no_type_check
def add_face_normals(
    vertices: wp.array2d(dtype=wp.vec3),
    faces: wp.array2d(dtype=wp.int32),
    total: wp.array2d(dtype=wp.vec3),
) -> None:
    """Add to each corner of a face (b - a) x (c - a), as long as twice the area."""
    view, face = wp.tid()
    i = faces[face, 0]
    j = faces[face, 1]
    k = faces[face, 2]
    a = vertices[view, i]
    normal = wp.cross(vertices[view, j] - a, vertices[view, k] - a)
    wp.atomic_add(total, view, i, normal)
    wp.atomic_add(total, view, j, normal)
    wp.atomic_add(total, view, k, normal)


@wp.kernel(enable_backward=False)
@typing.no_type_check
def spread_normal_gradients(
    vertices: wp.array2d(dtype=wp.vec3),
    faces: wp.array2d(dtype=wp.int32),
    total_gradient: wp.array2d(dtype=wp.vec3),
    vertex_gradient: wp.array2d(dtype=wp.vec3),
) -> None:
    """Add the gradients of `add_face_normals`: with g of e x f, e gets f x g and f gets g x e."""
    view, face = wp.tid()
    i = faces[face, 0]
    j = faces[face, 1]
    k = faces[face, 2]
    a = vertices[view, i]
    to_b = vertices[view, j] - a
    to_c = vertices[view, k] - a
    g = total_gradient[view, i] + total_gradient[view, j] + total_gradient[view, k]
    of_b = wp.cross(to_c, g)
    of_c = wp.cross(g, to_b)
    wp.atomic_add(vertex_gradient, view, i, -of_b - of_c)
    wp.atomic_add(vertex_gradient, view, j, of_b)
    wp.atomic_add(vertex_gradient, view, k, of_c)
