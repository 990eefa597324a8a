"""The visibility rasteriser in Warp: one kernel source for CPU and CUDA."""

from dataclasses import dataclass

import torch
import warp as wp
from jaxtyping import Float, Int
from torch import Tensor

from backend.render.rasterizer_kernels import keep_first_face, resolve_pixels, share_pixels
from backend.render.warp_views import Array, launch_views, per_view, shared
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
    seen = faces_of_views(vertices, corners, intrinsics, size=size, flip=flip)
    barycentric = torch.zeros((*size, 3), device=vertices.device)
    inputs = [
        per_view(vertices, wp.vec3),
        shared(corners, wp.int32),
        per_view(intrinsics, wp.mat33),
        *seen_arrays(seen),
        per_view(barycentric, wp.vec3),
    ]
    launch_views(share_pixels, seen.covered.shape[:2], inputs, vertices.device)
    return seen.face[0].long(), barycentric[0], seen.depth[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenFaces:
    """What each pixel of P views sees; all integers have 32 bits."""

    face: Int[Tensor, "P H W"]
    """-1 = none."""
    depth: Float[Tensor, "P H W"]
    """Metres; 0 = none."""
    covered: Int[Tensor, "P N 2"]
    """Rows and columns of the pixels that see a face, of each view only the first `count`."""
    count: Int[Tensor, " P"]


def faces_of_views(
    vertices: Float[Tensor, "P V 3"],
    corners: Int[Tensor, "F 3"],
    intrinsics: Float[Tensor, "P 3 3"],
    *,
    size: tuple[int, int, int],
    flip: int,
) -> SeenFaces:
    """Return what each pixel of each view sees.

    Args:
        vertices: Metres, camera frame of each view; plain single precision, see `plain`.
        corners: 32-bit triangles on the same device.
        intrinsics: Pixels; like the vertices.
        size: Views, height, width.
        flip: `KEEP_NEAREST` or `KEEP_FARTHEST`.
    """
    device = vertices.device
    keys = torch.full(size, EMPTY, dtype=torch.int64, device=device)
    inputs = [per_view(vertices, wp.vec3), shared(corners, wp.int32)]
    inputs += [per_view(intrinsics, wp.mat33), NEAR_M, flip, per_view(keys, wp.uint64)]
    launch_views(keep_first_face, (size[0], len(corners)), inputs, device)
    face = torch.empty(size, dtype=torch.int32, device=device)
    depth = torch.empty(size, device=device)
    covered = torch.empty((size[0], size[1] * size[2], 2), dtype=torch.int32, device=device)
    count = torch.zeros(size[0], dtype=torch.int32, device=device)
    inputs = [per_view(keys, wp.uint64), flip, per_view(face, wp.int32)]
    inputs += [per_view(depth, wp.float32), per_view(covered, wp.vec2i), per_view(count, wp.int32)]
    launch_views(resolve_pixels, size, inputs, device)
    longest = int(count.max()) if len(count) else 0
    return SeenFaces(face=face, depth=depth, covered=covered[:, :longest].clone(), count=count)


def seen_arrays(seen: SeenFaces) -> list[Array]:
    """Return face, covered pixels and their count as kernels take them."""
    return [
        per_view(seen.face, wp.int32),
        per_view(seen.covered, wp.vec2i),
        per_view(seen.count, wp.int32),
    ]


def plain(tensor: Float[Tensor, "*N"]) -> Float[Tensor, "*N"]:
    """Return the values as kernels read them: single precision, in one piece, no gradients."""
    return tensor.detach().to(torch.float32).contiguous()
