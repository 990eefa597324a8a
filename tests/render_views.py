"""Small scenes for the differentiable rasterisers."""

import math

import torch
import trimesh
from torch import Tensor

from backend.render.differentiable import antialias, interpolate, rasterize
from backend.render.fragments import Cameras, Topology, mesh_topology

CENTRE = torch.tensor([0.0, 0, 2])


def square_cameras(size_px: int, focal_px: float, count: int = 1) -> Cameras:
    middle = size_px / 2
    intrinsics = torch.tensor([[focal_px, 0, middle], [0, focal_px, middle], [0, 0, 1]])
    return Cameras(intrinsics=intrinsics.repeat(count, 1, 1), width=size_px, height=size_px)


def ball(radius_m: float, level: int = 4) -> tuple[Tensor, Topology]:
    """Vertices (1 V 3) and topology of a sphere 2 m before the camera."""
    mesh = trimesh.creation.icosphere(level)
    vertices = radius_m * torch.tensor(mesh.vertices, dtype=torch.float32) + CENTRE
    return vertices[None], mesh_topology(torch.tensor(mesh.faces))


def soft_mask(vertices: Tensor, topology: Topology, cameras: Cameras) -> Tensor:
    """Antialiased masks (P H W)."""
    seen = rasterize(vertices, topology, cameras)
    return antialias(seen, interpolate(seen, torch.ones_like(vertices[..., :1])))[..., 0]


def ball_area_px2(radius_m: float, focal_px: float) -> float:
    """Of a sphere 2 m before the camera: its outline is a circle of tan(asin(r / d))."""
    return math.pi * focal_px**2 * radius_m**2 / (4 - radius_m**2)
