"""Warp kernels of the image terms of eq 11 and their gradients: `map_losses`, row by row.

Rendered images: outward normals in channels 0 to 2, the mask in channel 3.
"""
# ruff: noqa: PLR0913, PLR0917 - a kernel is launched with plain positional arguments

import typing

import warp as wp


@wp.func
@typing.no_type_check
def sign_of(value: float) -> float:
    """Return -1, 0 or 1: the slope of |value|."""
    if value > 0.0:
        return 1.0
    if value < 0.0:
        return -1.0
    return 0.0


@wp.kernel(enable_backward=False)
@typing.no_type_check
def add_up_rows(
    image: wp.array4d(dtype=wp.float32),
    normals: wp.array3d(dtype=wp.vec3),
    mask: wp.array3d(dtype=wp.float32),
    known: wp.array3d(dtype=wp.float32),
    full: float,
    sums: wp.array2d(dtype=wp.vec4),
) -> None:
    """Write each row's sums: |n - n*|, how many such pixels, (m - m*)^2 where known, m*."""
    view, row = wp.tid()
    total = wp.vec4(0.0, 0.0, 0.0, 0.0)
    for column in range(mask.shape[2]):
        covered = image[view, row, column, 3]
        target = mask[view, row, column]
        if covered != 0.0 or target != 0.0:
            difference = covered - target
            total[2] += difference * difference * known[view, row, column]
            total[3] += target
            normal = normals[view, row, column]
            if covered > full and normal[2] != 0.0:
                for axis in range(3):
                    total[0] += wp.abs(image[view, row, column, axis] - normal[axis])
                total[1] += 1.0
    sums[view, row] = total


@wp.kernel(enable_backward=False)
@typing.no_type_check
def spread_loss_gradients(
    image: wp.array4d(dtype=wp.float32),
    normals: wp.array3d(dtype=wp.vec3),
    mask: wp.array3d(dtype=wp.float32),
    known: wp.array3d(dtype=wp.float32),
    full: float,
    weights: wp.array(dtype=wp.vec2),
    image_gradient: wp.array4d(dtype=wp.float32),
) -> None:
    """Write the gradients of a view's two losses, weighted; 0 stays where nothing is compared."""
    view, row = wp.tid()
    weight = weights[view]
    for column in range(mask.shape[2]):
        covered = image[view, row, column, 3]
        target = mask[view, row, column]
        if covered != 0.0 or target != 0.0:
            slope = 2.0 * (covered - target) * known[view, row, column]
            image_gradient[view, row, column, 3] = weight[1] * slope
            normal = normals[view, row, column]
            if covered > full and normal[2] != 0.0:
                for axis in range(3):
                    turned = sign_of(image[view, row, column, axis] - normal[axis])
                    image_gradient[view, row, column, axis] = weight[0] * turned
