"""Warp kernels of closest-point queries on triangle meshes."""
# ruff: noqa: PLR0917 - a kernel is launched with plain positional arguments

import typing

import warp as wp


@wp.kernel(enable_backward=False)
@typing.no_type_check
def find_closest(
    mesh: wp.uint64,
    points: wp.array(dtype=wp.vec3),
    max_distance_m: float,
    distance: wp.array(dtype=wp.float32),
    face: wp.array(dtype=wp.int64),
    barycentric: wp.array(dtype=wp.vec3),
) -> None:
    """Write where the closest point of the surface is; face -1 where it is too far."""
    i = wp.tid()
    point = points[i]
    query = wp.mesh_query_point_no_sign(mesh, point, max_distance_m)
    if query.result:
        closest = wp.mesh_eval_position(mesh, query.face, query.u, query.v)
        distance[i] = wp.length(point - closest)
        face[i] = wp.int64(query.face)
        barycentric[i] = wp.vec3(query.u, query.v, 1.0 - query.u - query.v)
    else:
        distance[i] = max_distance_m
        face[i] = wp.int64(-1)


@wp.kernel(enable_backward=False)
@typing.no_type_check
def sign_by_normal(
    mesh: wp.uint64,
    points: wp.array(dtype=wp.vec3),
    max_distance_m: float,
    distance: wp.array(dtype=wp.float32),
) -> None:
    """Write signed distances; the side is that of the pseudo-normal at the closest point."""
    i = wp.tid()
    point = points[i]
    query = wp.mesh_query_point_sign_normal(mesh, point, max_distance_m)
    if query.result:
        closest = wp.mesh_eval_position(mesh, query.face, query.u, query.v)
        distance[i] = query.sign * wp.length(point - closest)
    else:
        distance[i] = max_distance_m
