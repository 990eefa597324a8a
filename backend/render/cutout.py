"""What each pixel sees of a textured mesh through the transparent places of its textures."""

from dataclasses import dataclass

import torch
import warp as wp
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from backend.geometry.warp_runtime import launch, start
from backend.render import cutout_kernels
from backend.render.warp_rasterizer import EMPTY, NEAR_M
from backend.types import Camera


@dataclass(frozen=True, slots=True, kw_only=True)
class TexturedFaces:
    """Triangles of K parts, each with a texture."""

    faces: Int[Tensor, "F 3"]
    corner_uv: Float[Tensor, "F 3 2"]
    """Texture coordinates, v upwards; pictures repeat beyond 0..1."""
    part: Int[Tensor, " F"]
    """Which of the K parts each face belongs to."""
    texels: UInt8[Tensor, "T 4"]
    """RGBA, row by row, of each part's texture from the full size down to one texel, each level
    half as large as the one before (at least 1)."""
    first_texel: Int[Tensor, " K"]
    texture_size: Int[Tensor, "K 2"]
    """Width and height at full size; powers of two."""
    is_cut: Bool[Tensor, " K"]
    """True where texels with an alpha below a half are not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The surfaces at the pixels' centres; layer 0 = nearest, 1 = farthest."""

    face: Int[Tensor, "L H W"]
    """-1 where there is none; all else is 0 there."""
    barycentric: Float[Tensor, "L H W 3"]
    """Perspective-correct."""
    depth: Float[Tensor, "L H W"]
    """Metres along the camera's +Z."""
    normal: Float[Tensor, "L H W 3"]
    """Unit, camera frame: that of the nearest layer on the side of the camera, that of the farthest
    on the other one."""
    texel: Float[Tensor, "L H W 3"]
    """The texture's colour, 0 to 1, filtered to the size of a pixel."""


def see(
    mesh: TexturedFaces,
    vertices_camera: Float[Tensor, "V 3"],
    normals_camera: Float[Tensor, "V 3"],
    camera: Camera,
    *,
    layers: int = 2,
) -> Seen:
    """Return the nearest and the farthest surface along the ray of each pixel's centre.

    What a texture cuts out hides nothing. Both sides of a face are seen; a face with a corner at or
    behind the camera's plane is dropped.

    Args:
        mesh: Textured faces.
        vertices_camera: Metres, camera frame.
        normals_camera: Unit, outwards.
        camera: Gives the size of the result; the last row of its intrinsics must be 0 0 1.
        layers: 1 = only the nearest.
    """
    start()
    device = vertices_camera.device
    size = (layers, camera.height, camera.width)
    keys = torch.full(size, EMPTY, dtype=torch.int64, device=device)
    seen = Seen(
        face=torch.full(size, -1, dtype=torch.int64, device=device),
        barycentric=torch.zeros((*size, 3), device=device),
        depth=torch.zeros(size, device=device),
        normal=torch.zeros((*size, 3), device=device),
        texel=torch.zeros((*size, 3), device=device),
    )
    if len(mesh.faces) == 0:
        return seen
    surface = _surface(mesh, vertices_camera)
    intrinsics = wp.mat33(*camera.intrinsics.detach().double().flatten().tolist())
    order = wp.from_torch(keys, dtype=wp.uint64)
    inputs = [surface, intrinsics, NEAR_M, order]
    launch(cutout_kernels.keep_opaque_faces, len(mesh.faces), inputs, device)
    normals = wp.from_torch(normals_camera.float().contiguous(), dtype=wp.vec3)
    results = [
        wp.from_torch(seen.face, dtype=wp.int64),
        wp.from_torch(seen.barycentric, dtype=wp.vec3),
        wp.from_torch(seen.depth, dtype=wp.float32),
        wp.from_torch(seen.normal, dtype=wp.vec3),
        wp.from_torch(seen.texel, dtype=wp.vec3),
    ]
    inputs = [surface, normals, intrinsics, order, *results]
    launch(cutout_kernels.read_surface, size, inputs, device)
    return seen


def _surface(mesh: TexturedFaces, vertices_camera: Float[Tensor, "V 3"]) -> object:
    """Hand the tensors to Warp; nothing is copied that has the right type."""
    tensors = {
        "vertices": (vertices_camera.detach().float(), wp.vec3),
        "faces": (mesh.faces.int(), wp.int32),
        "corner_uv": (mesh.corner_uv.float(), wp.vec2),
        "part": (mesh.part.int(), wp.int32),
        "texels": (mesh.texels, wp.vec4ub),
        "first_texel": (mesh.first_texel.int(), wp.int32),
        "texture_size": (mesh.texture_size.int(), wp.vec2i),
        "is_cut": (mesh.is_cut.int(), wp.int32),
    }
    surface = cutout_kernels.Surface()
    for name, (tensor, kind) in tensors.items():
        setattr(surface, name, wp.from_torch(tensor.contiguous(), dtype=kind))
    return surface
