"""Warp kernel that tells which rays a mesh stops."""
# ruff: noqa: PLR0917 - a kernel is launched with plain positional arguments

import typing

import warp as wp


@wp.kernel(enable_backward=False)
@typing.no_type_check
def find_stopped(
    mesh: wp.uint64,
    origins: wp.array(dtype=wp.vec3),
    directions: wp.array(dtype=wp.vec3),
    reach_m: float,
    stopped: wp.array(dtype=wp.bool),
) -> None:
    """Write which rays meet the mesh within reach."""
    i = wp.tid()
    stopped[i] = wp.mesh_query_ray(mesh, origins[i], directions[i], reach_m).result
