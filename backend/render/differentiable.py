"""Several views of a mesh, differentiable in positions and values: one interface, three ways.

`rasterize` finds the surface that each pixel sees; `interpolate` makes images of values given at
the vertices; `antialias` blends the pixels at outlines, which alone tells an outline's position.

Backends: **warp** (CPU and CUDA, the default), **nvdiffrast** (CUDA, where the user has installed
it; its licence allows no commercial use), **torch** (brute force in plain PyTorch: the oracle of
tests, and for machines without Warp).

Memory of the Warp backend, in bytes for each pixel of each view: 8 kept for face and depth (and 8
for each pixel that sees a face), 16 more while rasterising, and 4 C for each image of C channels
(`antialias` returns a new one, and its backward pass one more). 8 views of 512 x 512 pixels with 7
channels: 0.06 GB an image, below 0.3 GB in all.
"""

import functools
import importlib
import importlib.util
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from backend.geometry import normals
from backend.render.fragments import (
    DEFAULT,
    Backend,
    Cameras,
    DifferentiationSettings,
    Fragments,
    Layer,
    Topology,
)

MODULES: dict[Backend, str] = {
    "warp": "backend.render.warp_differentiable",
    "nvdiffrast": "backend.render.nvdiffrast_rasterizer",
    "torch": "backend.render.torch_rasterizer",
}
"""Imported when they are first used: each needs what another machine may lack."""


def rasterize(
    vertices_camera: Float[Tensor, "P V 3"],
    topology: Topology,
    cameras: Cameras,
    *,
    layer: Layer = "nearest",
    backend: Backend | None = None,
    settings: DifferentiationSettings = DEFAULT,
) -> Fragments:
    """Return the nearest or the farthest surface along the ray of each pixel centre.

    Both sides of a face are seen. A face with a corner at or behind the camera's plane is dropped
    (nvdiffrast clips it). Faces and depths carry no gradients.

    Args:
        vertices_camera: Metres, camera frame of each view.
        topology: Of the mesh, on the vertices' device.
        cameras: One for each view.
        layer: Which surface is kept where several lie on a ray.
        backend: None takes `default_backend`.
        settings: For the gradients of `interpolate` and `antialias`.
    """
    name = backend or default_backend(vertices_camera.device)
    face, depth, native = _module(name).rasterize(vertices_camera, topology, cameras, layer)
    return Fragments(
        vertices=vertices_camera,
        topology=topology,
        cameras=cameras,
        layer=layer,
        backend=name,
        settings=settings,
        face=face,
        depth=depth,
        native=native,
    )


def interpolate(
    fragments: Fragments, attributes: Float[Tensor, "P V C"]
) -> Float[Tensor, "P H W C"]:
    """Return values given at vertices for each pixel; 0 where there is no face.

    Perspective-correct (Olano and Greer 1997). Differentiable in the values and in the vertices'
    positions; which face a pixel sees is constant. A channel of ones is the mask.

    Args:
        fragments: From `rasterize`.
        attributes: For each view; `expand` what all views share.
    """
    return _module(fragments.backend).interpolate(fragments, attributes)


def antialias(
    fragments: Fragments,
    image: Float[Tensor, "P H W C"],
    attributes: Float[Tensor, "P V C"] | None = None,
) -> Float[Tensor, "P H W C"]:
    """Return the image with pixels blended where an outline passes between them.

    Blends as nvdiffrast does (Laine et al. 2020, section 3.6), but starts from the mesh's edges:
    also outlines of faces smaller than a pixel are found. Differentiable in the image, in the
    attributes and in the positions of the edges' end points; which edges take part, and which of
    an edge's points, is constant.

    Without attributes, a surface enters a pixel with the colour of its last pixel's centre. Normals
    turn quickly towards an outline: gradients of losses of theirs then are 10 % too large.

    Args:
        fragments: From `rasterize`.
        image: From `interpolate`, or computed from such.
        attributes: What the image was interpolated from: a surface enters a pixel with the values
            at its edge. nvdiffrast has no use for them.
    """
    return _module(fragments.backend).antialias(fragments, image, attributes)


def vertex_normals(vertices: Float[Tensor, "P V 3"], topology: Topology) -> Float[Tensor, "P V 3"]:
    """Return `geometry.normals.vertex_normals` of each view; differentiable in the vertices.

    With Warp in single precision and a fraction of the time.

    Args:
        vertices: Any frame; the normals' frame is the same.
        topology: Faces counter-clockwise from outside give normals that point outwards.
    """
    if not _is_installed("warp"):
        return torch.stack([normals.vertex_normals(one, topology.faces) for one in vertices])
    sums = importlib.import_module("backend.render.warp_normals").normal_sums(vertices, topology)
    return torch.nn.functional.normalize(sums, dim=-1, eps=1e-18)


def default_backend(device: torch.device) -> Backend:
    """Return nvdiffrast on CUDA if it is installed, else Warp, else plain PyTorch."""
    if device.type == "cuda" and _is_installed("nvdiffrast"):
        return "nvdiffrast"
    return "warp" if _is_installed("warp") else "torch"


@functools.cache
def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _module(backend: Backend) -> Any:
    return importlib.import_module(MODULES[backend])
