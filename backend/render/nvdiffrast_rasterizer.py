"""The differentiable rasteriser of nvdiffrast, where the user has installed it; CUDA only.

Its own licence applies: Nvidia Source Code License (1-Way Commercial), which allows others than
Nvidia no commercial use; nothing of it is part of this project. It finds outlines from pixels, not
from edges, and misses those of faces smaller than a pixel; faces that reach behind the camera are
clipped, not dropped; `DifferentiationSettings` count for nothing. Never run by this project's own
tests; written against its documentation, release 0.3.
"""

import functools
import importlib
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.render.fragments import Cameras, Fragments, Layer, Topology

MARGIN = 1.01
"""The clipping planes are this much outside the nearest and farthest vertex."""


def rasterize(
    vertices_camera: Float[Tensor, "P V 3"], topology: Topology, cameras: Cameras, layer: Layer
) -> tuple[Int[Tensor, "P H W"], Float[Tensor, "P H W"], tuple[Tensor, Tensor]]:
    """Return face, depth, and nvdiffrast's raster with the clip positions it was made from."""
    clip = clip_positions(vertices_camera, cameras, layer)
    context = _context(vertices_camera.device)
    size = [cameras.height, cameras.width]
    raster, _ = _library().rasterize(context, clip, topology.faces, resolution=size)
    face = raster[..., 3].detach().to(torch.int32) - 1
    z = vertices_camera.detach()[..., 2:].float().contiguous()
    depth = _library().interpolate(z, raster.detach(), topology.faces)[0][..., 0]
    return face, depth, (raster, clip)


def interpolate(
    fragments: Fragments, attributes: Float[Tensor, "P V C"]
) -> Float[Tensor, "P H W C"]:
    """See `differentiable.interpolate`; in single precision."""
    raster, _ = fragments.native
    values = attributes.float().contiguous()
    return _library().interpolate(values, raster, fragments.topology.faces)[0]


def antialias(
    fragments: Fragments,
    image: Float[Tensor, "P H W C"],
    attributes: Float[Tensor, "P V C"] | None = None,
) -> Float[Tensor, "P H W C"]:
    """See `differentiable.antialias`; in single precision, and attributes count for nothing."""
    del attributes
    raster, clip = fragments.native
    return _library().antialias(image.float().contiguous(), raster, clip, fragments.topology.faces)


def clip_positions(
    vertices_camera: Float[Tensor, "P V 3"], cameras: Cameras, layer: Layer
) -> Float[Tensor, "P V 4"]:
    """Return OpenGL clip coordinates whose first image row is the lowest y, as nvdiffrast's is.

    x / w and y / w run from -1 to 1 across the image; w is the depth; z / w runs from -1 at the
    nearest to 1 at the farthest vertex, and the other way round for the farthest layer.
    """
    k = cameras.intrinsics.to(vertices_camera)
    seen = vertices_camera @ k.mT  # pixels times depth
    depth = vertices_camera[..., 2]
    x = 2 * seen[..., 0] / cameras.width - depth
    y = 2 * seen[..., 1] / cameras.height - depth
    far = depth.detach().amax() * MARGIN
    near = depth.detach().amin().clamp(min=1e-3 * far) / MARGIN
    z = (depth * (far + near) - 2 * far * near) / (far - near)
    z = -z if layer == "farthest" else z
    return torch.stack([x, y, z, depth], -1).float().contiguous()


def _library() -> Any:
    """Return nvdiffrast, which is imported nowhere else."""
    return importlib.import_module("nvdiffrast.torch")


@functools.cache
def _context(device: torch.device) -> Any:
    return _library().RasterizeCudaContext(device=device)
