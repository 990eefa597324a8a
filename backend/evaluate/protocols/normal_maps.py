"""Orthographic pictures of normals."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from backend.evaluate.protocols.mesh import Surface
from backend.geometry.normals import vertex_normals
from backend.render.rasterizer import interpolate, rasterize
from backend.types import Camera

DISTANCE_M = 1000.0
"""Of the pinhole that stands for parallel rays: 0.3 m of depth move a body's outline 0.05 px."""


def normal_map(
    surface: Surface,
    yaw_rad: float,
    centre: Float[Tensor, " 3"],
    *,
    half_width_m: float,
    size_px: int = 512,
) -> Float[Tensor, "H W 3"]:
    """Return (n + 1) / 2 where a pixel's centre sees the surface, 0 (black) elsewhere.

    n is the interpolated vertex normal, of unit length, in the frame of the view: +X right, +Y up,
    +Z towards the viewer. Both sides of a face are seen, with the same n.

    Args:
        surface: Body frame (+Y up, +Z forward), metres.
        yaw_rad: 0 sees the front (from +Z), a quarter turn the person's left side (from +X).
        centre: Is seen in the middle of the picture.
        half_width_m: From there to each border of the square picture.
        size_px: Width and height.
    """
    turned = (surface.vertices - centre) @ _view_from_body(yaw_rad).to(surface.vertices).T
    vertices = turned * turned.new_tensor([1, -1, -1]) + turned.new_tensor([0, 0, DISTANCE_M])
    raster = rasterize(vertices, surface.faces, _far_camera(half_width_m, size_px))
    normals = interpolate(raster, surface.faces, vertex_normals(turned, surface.faces))
    unit = torch.nn.functional.normalize(normals, dim=-1)
    return torch.where(raster.mask[..., None], (unit + 1) / 2, 0.0)


def map_errors(
    predicted: Surface,
    truth: Surface,
    yaws_rad: Sequence[float],
    *,
    centre: Float[Tensor, " 3"],
    half_width_m: float,
) -> list[float]:
    """Return for each yaw the mean over all pixels of the squared difference of the maps.

    The three channels are summed. Background is a part of it: where one map is black and the other
    is not, the outline's error counts; where both are black, the error is 0.
    """
    errors = []
    for yaw in yaws_rad:
        maps = [normal_map(it, yaw, centre, half_width_m=half_width_m) for it in (predicted, truth)]
        errors.append(float((maps[0] - maps[1]).double().square().sum(-1).mean()))
    return errors


def _view_from_body(yaw_rad: float) -> Float[Tensor, "3 3"]:
    c, s = math.cos(yaw_rad), math.sin(yaw_rad)
    return torch.tensor([[c, 0.0, -s], [0.0, 1.0, 0.0], [s, 0.0, c]])


def _far_camera(half_width_m: float, size_px: int) -> Camera:
    focal = DISTANCE_M * size_px / (2 * half_width_m)
    middle = size_px / 2
    intrinsics = torch.tensor([[focal, 0.0, middle], [0.0, focal, middle], [0.0, 0.0, 1.0]])
    return Camera(intrinsics=intrinsics, width=size_px, height=size_px)
