"""The visibility rasteriser in Warp: one kernel source for CPU and CUDA."""

import torch
import warp as wp
from jaxtyping import Float, Int
from torch import Tensor

from backend.render.rasterizer_kernels import keep_first_face, resolve_pixels, share_pixels
from backend.render.warp_views import launch_views, per_view, shared
from backend.types import Camera

NEAR_M = 1e-6
EMPTY = -1  # all bits set: no key of a face is greater
KEEP_NEAREST = 0
KEEP_FARTHEST = 0xFFFFFFFF


def visible_faces(
    vertices_camera: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"], camera: Camera, flip: int
) -> tuple[Int[Tensor, "H W"], Float[Tensor, "H W 3"], Float[Tensor, "H W"]]:
    """Return face (-1 = none), barycentrics and depth of each pixel; see `rasterizer.Raster`.

    Args:
        vertices_camera: Metres, camera frame.
        faces: Triangles; either side is seen.
        camera: Its skew is heeded; the last row of its intrinsics must be 0 0 1.
        flip: `KEEP_NEAREST` or `KEEP_FARTHEST`.
    """
    vertices = plain(vertices_camera[None])
    corners = faces.to(vertices.device, torch.int32).contiguous()
    intrinsics = plain(camera.intrinsics[None]).to(vertices.device)
    size = (1, camera.height, camera.width)
    face, depth = faces_of_views(vertices, corners, intrinsics, size=size, flip=flip)
    barycentric = torch.zeros((*size, 3), device=vertices.device)
    inputs = [
        per_view(vertices, wp.vec3),
        shared(corners, wp.int32),
        per_view(intrinsics, wp.mat33),
        per_view(face, wp.int32),
        per_view(barycentric, wp.vec3),
    ]
    if len(corners):
        launch_views(share_pixels, size, inputs, vertices.device)
    return face[0].long(), barycentric[0], depth[0]


def faces_of_views(
    vertices: Float[Tensor, "P V 3"],
    corners: Int[Tensor, "F 3"],
    intrinsics: Float[Tensor, "P 3 3"],
    *,
    size: tuple[int, int, int],
    flip: int,
) -> tuple[Int[Tensor, "P H W"], Float[Tensor, "P H W"]]:
    """Return the face (32 bits, -1 = none) and the depth (0 = none) that each pixel sees.

    Args:
        vertices: Metres, camera frame of each view; plain single precision, see `plain`.
        corners: 32-bit triangles on the same device.
        intrinsics: Pixels; like the vertices.
        size: Views, height, width.
        flip: `KEEP_NEAREST` or `KEEP_FARTHEST`.
    """
    device = vertices.device
    keys = torch.full(size, EMPTY, dtype=torch.int64, device=device)
    face = torch.empty(size, dtype=torch.int32, device=device)
    depth = torch.empty(size, device=device)
    order = per_view(keys, wp.uint64)
    inputs = [per_view(vertices, wp.vec3), shared(corners, wp.int32)]
    inputs += [per_view(intrinsics, wp.mat33), NEAR_M, flip, order]
    launch_views(keep_first_face, (size[0], len(corners)), inputs, device)
    results = [per_view(face, wp.int32), per_view(depth, wp.float32)]
    launch_views(resolve_pixels, size, [order, flip, *results], device)
    return face, depth


def plain(tensor: Float[Tensor, "*N"]) -> Float[Tensor, "*N"]:
    """Return the values as kernels read them: single precision, in one piece, no gradients."""
    return tensor.detach().to(torch.float32).contiguous()
