"""The visibility rasteriser in Warp: one kernel source for CPU and CUDA."""

import torch
import warp as wp
from jaxtyping import Float, Int
from torch import Tensor

from backend.geometry.warp_runtime import launch, start
from backend.render.rasterizer_kernels import keep_first_face, resolve_pixels
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
    start()
    device = vertices_camera.device
    size = (camera.height, camera.width)
    vertices = vertices_camera.detach().to(torch.float32).contiguous()
    corners = faces.to(device, torch.int32).contiguous()
    keys = torch.full(size, EMPTY, dtype=torch.int64, device=device)
    face = torch.full(size, -1, dtype=torch.int64, device=device)
    barycentric = torch.zeros((*size, 3), device=device)
    depth = torch.zeros(size, device=device)
    if len(corners) == 0 or keys.numel() == 0:
        return face, barycentric, depth
    points = wp.from_torch(vertices, dtype=wp.vec3)
    triangles = wp.from_torch(corners, dtype=wp.int32)
    intrinsics = wp.mat33(*camera.intrinsics.detach().double().flatten().tolist())
    order = wp.from_torch(keys, dtype=wp.uint64)
    inputs = [points, triangles, intrinsics, NEAR_M, flip, order]
    launch(keep_first_face, len(corners), inputs, device)
    results = [
        wp.from_torch(face, dtype=wp.int64),
        wp.from_torch(barycentric, dtype=wp.vec3),
        wp.from_torch(depth, dtype=wp.float32),
    ]
    launch(resolve_pixels, size, [points, triangles, intrinsics, order, *results], device)
    return face, barycentric, depth
