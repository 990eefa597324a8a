"""Shaded pictures of coloured meshes, for people to look at."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.geometry.normals import vertex_normals
from backend.render.rasterizer import interpolate, rasterize
from backend.types import Camera


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewSettings:
    """How previews look."""

    background: float = 1.0
    """Grey level, 0 to 1."""
    ambient: float = 0.45
    """Share of the light that reaches a surface seen edge-on; the rest is a headlight."""
    supersample: int = 2
    """Rays along each side of a pixel: 2 x 2 are enough for smooth outlines."""
    distance_heights: float = 30.0
    """Distance of the turntable's camera in body heights: nearly parallel rays."""
    margin: float = 0.05
    """Empty share of the turntable's picture on each side."""


DEFAULT = PreviewSettings()


def shade(
    vertices_camera: Float[Tensor, "V 3"],
    faces: Int[Tensor, "F 3"],
    colours: Float[Tensor, "V 3"],
    camera: Camera,
    *,
    settings: PreviewSettings = DEFAULT,
) -> Float[Tensor, "H W 3"]:
    """Return the mesh as the camera sees it, lit from the camera, on a plain background.

    Args:
        vertices_camera: Metres, camera frame.
        faces: Triangles; both sides are seen.
        colours: sRGB, 0 to 1.
        camera: Gives the size of the picture.
        settings: Light, background and quality.

    Returns:
        sRGB, 0 to 1.
    """
    times = settings.supersample
    raster = rasterize(vertices_camera, faces, scaled(camera, times))
    normals = vertex_normals(vertices_camera, faces)
    seen = interpolate(raster, faces, torch.cat([colours, normals, vertices_camera], 1))
    colour, normal, point = seen.split(3, dim=2)
    towards = torch.nn.functional.normalize(point, dim=2)
    facing = (torch.nn.functional.normalize(normal, dim=2) * towards).sum(2, keepdim=True).abs()
    lit = colour * (settings.ambient + (1 - settings.ambient) * facing)
    image = torch.where(raster.mask[..., None], lit, settings.background)
    blocks = image.reshape(camera.height, times, camera.width, times, 3)
    return blocks.mean((1, 3)).clamp(0, 1)


def turntable(
    vertices_body: Float[Tensor, "V 3"],
    faces: Int[Tensor, "F 3"],
    colours: Float[Tensor, "V 3"],
    yaws_rad: Float[Tensor, " N"],
    *,
    size_px: tuple[int, int] = (384, 512),
    settings: PreviewSettings = DEFAULT,
) -> Float[Tensor, "N H W 3"]:
    """Return pictures of a mesh from all around at one scale.

    Args:
        vertices_body: Metres, body frame.
        faces: Triangles.
        colours: sRGB, 0 to 1.
        yaws_rad: As in `turntable_view`.
        size_px: Width and height of each picture.
        settings: Light, background and framing.
    """
    images = []
    for yaw_rad in yaws_rad.tolist():
        camera_from_body, camera = turntable_view(
            vertices_body, yaw_rad, size_px=size_px, settings=settings
        )
        points = vertices_body @ camera_from_body[:3, :3].T + camera_from_body[:3, 3]
        images.append(shade(points, faces, colours, camera, settings=settings))
    return torch.stack(images)


def turntable_view(
    vertices_body: Float[Tensor, "V 3"],
    yaw_rad: float,
    *,
    size_px: tuple[int, int] = (384, 512),
    settings: PreviewSettings = DEFAULT,
) -> tuple[Float[Tensor, "4 4"], Camera]:
    """Return a far camera that sees a whole mesh, at the same scale for every angle.

    Args:
        vertices_body: Metres, body frame (Y up).
        yaw_rad: 0 sees the front (from +Z), a quarter turn the person's left side (from +X).
        size_px: Width and height of the picture.
        settings: Distance and margin.

    Returns:
        `camera_from_body`, and the camera.
    """
    lowest, highest = vertices_body.amin(0), vertices_body.amax(0)
    centre = (lowest + highest) / 2
    width, height = size_px
    tall_m = float(highest[1] - lowest[1])
    wide_m = 2 * float((vertices_body - centre)[:, [0, 2]].norm(dim=1).max())
    inner = 1 - 2 * settings.margin
    px_per_m = inner * min(height / max(tall_m, 1e-6), width / max(wide_m, 1e-6))
    distance_m = settings.distance_heights * max(tall_m, wide_m, 1e-6)
    focal_px = px_per_m * distance_m
    offset = torch.tensor([math.sin(yaw_rad), 0.0, math.cos(yaw_rad)]).to(vertices_body)
    camera_from_body = look_at(centre + distance_m * offset, centre)
    intrinsics = [[focal_px, 0, width / 2], [0, focal_px, height / 2], [0, 0, 1]]
    camera = Camera(intrinsics=torch.tensor(intrinsics).to(centre), width=width, height=height)
    return camera_from_body, camera


def look_at(eye: Float[Tensor, " 3"], target: Float[Tensor, " 3"]) -> Float[Tensor, "4 4"]:
    """Return `camera_from_body` of an upright camera at `eye` that looks at `target`.

    Metres, body frame; the direction must not be vertical.
    """
    forward = torch.nn.functional.normalize(target - eye, dim=0)
    up = torch.tensor([0.0, 1.0, 0.0]).to(eye)
    right = torch.nn.functional.normalize(torch.linalg.cross(forward, up), dim=0)
    down = torch.linalg.cross(forward, right)
    rotation = torch.stack([right, down, forward])
    camera_from_body = torch.eye(4).to(eye)
    camera_from_body[:3, :3] = rotation
    camera_from_body[:3, 3] = -rotation @ eye
    return camera_from_body


def scaled(camera: Camera, times: int) -> Camera:
    """Return the camera of a picture that has `times` more pixels along each side."""
    intrinsics = camera.intrinsics.clone()
    intrinsics[:2] *= times  # pixel centres are at +0.5: the principal point scales as it is
    return Camera(intrinsics=intrinsics, width=camera.width * times, height=camera.height * times)
