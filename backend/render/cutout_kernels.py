"""Warp kernels that draw textured meshes with see-through places; one source for CPU and CUDA.

A texture is a pyramid of pictures, each half as large as the one before; its sides are powers of
two. A face takes its level from the number of texels that a pixel covers on it.
"""
# ruff: noqa: PLR0913, PLR0917 - a kernel is launched with plain positional arguments
# pyright: reportInvalidTypeForm=false
# Warp reads the fields of a struct from calls that type checkers take for values.

import typing

import warp as wp

from backend.render.rasterizer_kernels import (
    first_pixel,
    last_pixel,
    pixel_ray,
    project,
    ray_areas,
)

LEAST_FACING = wp.constant(0.25)
"""A pixel on a face seen edge-on covers endless texels along one side and few along the other: the
face is not blurred beyond one level."""
OPAQUE = wp.constant(0.5)
"""Least alpha of what is there."""


@wp.struct
@typing.no_type_check
class Surface:
    """Triangles of several parts in the camera frame, and the parts' textures."""

    vertices: wp.array(dtype=wp.vec3)
    faces: wp.array2d(dtype=wp.int32)
    corner_uv: wp.array2d(dtype=wp.vec2)  # per face and corner, v upwards
    part: wp.array(dtype=wp.int32)  # of each face
    texels: wp.array(dtype=wp.vec4ub)  # all levels of all parts, one after the other
    first_texel: wp.array(dtype=wp.int32)  # of each part
    texture_size: wp.array(dtype=wp.vec2i)  # of each part: width and height of level 0
    is_cut: wp.array(dtype=wp.int32)  # of each part: 1 = transparent texels are not there


@wp.func
@typing.no_type_check
def read_texel(surface: Surface, start: int, width: int, height: int, place: wp.vec2i) -> wp.vec4:
    """Return one texel, 0 to 1; the picture repeats on all sides."""
    column = place[0] & (width - 1)
    row = place[1] & (height - 1)
    value = surface.texels[start + row * width + column]
    scale = 1.0 / 255.0
    return wp.vec4(float(value[0]), float(value[1]), float(value[2]), float(value[3])) * scale


@wp.func
@typing.no_type_check
def read_level(surface: Surface, part: int, uv: wp.vec2, level: int) -> wp.vec4:
    """Return the bilinear value of one level of a part's texture."""
    start = surface.first_texel[part]
    width = surface.texture_size[part][0]
    height = surface.texture_size[part][1]
    for _ in range(level):
        start += width * height
        width = wp.max(width >> 1, 1)
        height = wp.max(height >> 1, 1)
    x = uv[0] * float(width) - 0.5
    y = (1.0 - uv[1]) * float(height) - 0.5
    column = int(wp.floor(x))
    row = int(wp.floor(y))
    right = x - float(column)
    down = y - float(row)
    a = read_texel(surface, start, width, height, wp.vec2i(column, row))
    b = read_texel(surface, start, width, height, wp.vec2i(column + 1, row))
    c = read_texel(surface, start, width, height, wp.vec2i(column, row + 1))
    d = read_texel(surface, start, width, height, wp.vec2i(column + 1, row + 1))
    return (a * (1.0 - right) + b * right) * (1.0 - down) + (c * (1.0 - right) + d * right) * down


@wp.func
@typing.no_type_check
def read_texture(surface: Surface, part: int, uv: wp.vec2, level: float) -> wp.vec4:
    """Return the value between two levels of a part's texture."""
    size = surface.texture_size[part]
    last = int(wp.floor(wp.log2(float(wp.max(size[0], size[1]))) + 0.5))
    clamped = wp.clamp(level, 0.0, float(last))
    lower = int(wp.floor(clamped))
    share = clamped - float(lower)
    value = read_level(surface, part, uv, lower)
    if share > 0.0:
        finer = value * (1.0 - share)
        value = finer + read_level(surface, part, uv, lower + 1) * share
    return value


@wp.func
@typing.no_type_check
def doubled_area(a: wp.vec2, b: wp.vec2, c: wp.vec2) -> float:
    """Return twice the area of a triangle in the plane."""
    return wp.abs((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))


@wp.func
@typing.no_type_check
def texture_level(surface: Surface, face: int, intrinsics: wp.mat33) -> float:
    """Return the level at which one texel is as large as one pixel on the face."""
    size = surface.texture_size[surface.part[face]]
    a = surface.vertices[surface.faces[face, 0]]
    b = surface.vertices[surface.faces[face, 1]]
    c = surface.vertices[surface.faces[face, 2]]
    texels = doubled_area(
        surface.corner_uv[face, 0], surface.corner_uv[face, 1], surface.corner_uv[face, 2]
    ) * float(size[0] * size[1])
    pixels = doubled_area(project(a, intrinsics), project(b, intrinsics), project(c, intrinsics))
    depth = (a[2] + b[2] + c[2]) / 3.0
    facing = wp.length(wp.cross(b - a, c - a)) * intrinsics[0, 0] * intrinsics[1, 1]
    covered = wp.max(pixels, LEAST_FACING * facing / (depth * depth))
    if texels <= covered or covered <= 0.0:
        return 0.0
    return 0.5 * wp.log2(texels / covered)


@wp.func
@typing.no_type_check
def face_uv(surface: Surface, face: int, shares: wp.vec3) -> wp.vec2:
    """Return the texture coordinates at barycentric shares of a face."""
    return (
        surface.corner_uv[face, 0] * shares[0]
        + surface.corner_uv[face, 1] * shares[1]
        + surface.corner_uv[face, 2] * shares[2]
    )


@wp.func
@typing.no_type_check
def is_opaque(surface: Surface, face: int, shares: wp.vec3, level: float) -> bool:
    """Tell whether a face is there at a point."""
    if surface.is_cut[surface.part[face]] == 0:
        return True
    uv = face_uv(surface, face, shares)
    return read_texture(surface, surface.part[face], uv, level)[3] >= OPAQUE


@wp.func
@typing.no_type_check
def covered_pixels(
    a: wp.vec3, b: wp.vec3, c: wp.vec3, intrinsics: wp.mat33, height: int, width: int
) -> wp.vec4i:
    """Return the first and last column, first and last row that may see a triangle."""
    pa = project(a, intrinsics)
    pb = project(b, intrinsics)
    pc = project(c, intrinsics)
    return wp.vec4i(
        first_pixel(pa[0], pb[0], pc[0], width),
        last_pixel(pa[0], pb[0], pc[0], width),
        first_pixel(pa[1], pb[1], pc[1], height),
        last_pixel(pa[1], pb[1], pc[1], height),
    )


@wp.func
@typing.no_type_check
def keep(keys: wp.array3d(dtype=wp.uint64), row: int, column: int, depth: float, face: int) -> int:
    """Keep a face where it is the nearest one so far, and in layer 1 where it is the farthest."""
    # The bits of positive floats have the order of the floats.
    order = wp.cast(depth, wp.uint32)
    wp.atomic_min(keys, 0, row, column, (wp.uint64(order) << wp.uint64(32)) | wp.uint64(face))
    if keys.shape[0] > 1:
        turned = wp.uint64(~order) << wp.uint64(32)
        wp.atomic_min(keys, 1, row, column, turned | wp.uint64(face))
    return 0


@wp.kernel(enable_backward=False)
@typing.no_type_check
def keep_opaque_faces(
    surface: Surface, intrinsics: wp.mat33, near_m: float, keys: wp.array3d(dtype=wp.uint64)
) -> None:
    """Keep in each pixel the least (depth, face) of what is opaque; in layer 1 the greatest depth.

    Where there is only one layer, the greatest depth is not looked for.
    """
    face = wp.tid()
    a = surface.vertices[surface.faces[face, 0]]
    b = surface.vertices[surface.faces[face, 1]]
    c = surface.vertices[surface.faces[face, 2]]
    if not (a[2] > near_m and b[2] > near_m and c[2] > near_m):
        return
    bounds = covered_pixels(a, b, c, intrinsics, keys.shape[1], keys.shape[2])
    if bounds[0] > bounds[1] or bounds[2] > bounds[3]:
        return
    level = texture_level(surface, face, intrinsics)
    for row in range(bounds[2], bounds[3] + 1):
        for column in range(bounds[0], bounds[1] + 1):
            ray = pixel_ray(column, row, intrinsics)
            areas = ray_areas(surface.vertices, surface.faces, face, ray)
            total = areas[0] + areas[1] + areas[2]
            lowest = wp.min(areas)
            if total != 0.0 and (lowest >= 0.0 or wp.max(areas) <= 0.0):
                shares = areas / total
                if is_opaque(surface, face, shares, level):
                    depth = shares[0] * a[2] + shares[1] * b[2] + shares[2] * c[2]
                    keep(keys, row, column, depth, face)


@wp.kernel(enable_backward=False)
@typing.no_type_check
def read_surface(
    surface: Surface,
    normals: wp.array(dtype=wp.vec3),
    intrinsics: wp.mat33,
    keys: wp.array3d(dtype=wp.uint64),
    face_of_pixel: wp.array3d(dtype=wp.int64),
    barycentric: wp.array3d(dtype=wp.vec3),
    depth: wp.array3d(dtype=wp.float32),
    normal: wp.array3d(dtype=wp.vec3),
    texel: wp.array3d(dtype=wp.vec3),
) -> None:
    """Write what each pixel sees of the nearest (layer 0) and the farthest surface (layer 1).

    A sheet has one normal but two sides: that of the nearest surface is turned to the camera, that
    of the farthest one away from it.
    """
    layer, row, column = wp.tid()
    key = keys[layer, row, column]
    if key == ~wp.uint64(0):
        return
    face = int(key & wp.uint64(0xFFFFFFFF))
    areas = ray_areas(surface.vertices, surface.faces, face, pixel_ray(column, row, intrinsics))
    total = areas[0] + areas[1] + areas[2]
    shares = areas / total
    i = surface.faces[face, 0]
    j = surface.faces[face, 1]
    k = surface.faces[face, 2]
    smooth = wp.normalize(shares[0] * normals[i] + shares[1] * normals[j] + shares[2] * normals[k])
    # The sum of the areas is the face's own normal times the ray.
    if (total > 0.0) == (layer == 0):
        smooth = -smooth
    level = texture_level(surface, face, intrinsics)
    value = read_texture(surface, surface.part[face], face_uv(surface, face, shares), level)
    face_of_pixel[layer, row, column] = wp.int64(face)
    barycentric[layer, row, column] = shares
    depth[layer, row, column] = (
        shares[0] * surface.vertices[i][2]
        + shares[1] * surface.vertices[j][2]
        + shares[2] * surface.vertices[k][2]
    )
    normal[layer, row, column] = smooth
    texel[layer, row, column] = wp.vec3(value[0], value[1], value[2])
