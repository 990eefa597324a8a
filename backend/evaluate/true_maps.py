"""Front and back maps as photos of a scan would truly show them, and what they say of the surface.

The photos are those of `photographs`: the same cameras, yaws and poses in turn. Bone weights are
not part of the maps: a row finds its own.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from backend.evaluate.inputs import GREY
from backend.evaluate.photographs import PhotographSettings, aimed
from backend.evaluate.protocols.mesh import Surface
from backend.evaluate.truth import Given
from backend.geometry.crop import crop_camera, square_around
from backend.render.preview import scaled
from backend.render.rasterizer import Layer, rasterize
from backend.stages.reconstruct import ReconstructSettings, reconstruct
from backend.types import Camera, PosedSurface, SurfaceMaps

SIDES: tuple[Layer, Layer] = ("nearest", "farthest")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueMapsSettings:
    """How true maps are drawn."""

    resolution: int = 512
    """Pixels per side of the square crop."""
    margin: float = 0.03
    """Share of the crop's side that stays free around the person."""
    rays: int = 3
    """Along each side of a pixel, for the mask; odd: the middle one gives the depth."""
    photographs: PhotographSettings = field(default_factory=PhotographSettings)


DEFAULT = TrueMapsSettings()


def seen_in_photos(
    given: Given,
    count: int,
    reconstruction: ReconstructSettings,
    settings: TrueMapsSettings = DEFAULT,
) -> Given:
    """Return the surfaces that the first photos show instead of the whole scans.

    Args:
        given: Scans in the body frame; the photos take them in turns.
        count: Of photos.
        reconstruction: Maps -> surface, as in the pipeline.
        settings: See there.
    """
    poses = [k % len(given.scans) for k in range(count)]
    taken = [_taken(given.scans[pose], k, settings.photographs) for k, pose in enumerate(poses)]
    surfaces = [
        _seen(given.scans[pose], *view, reconstruction, settings=settings)
        for pose, view in zip(poses, taken, strict=True)
    ]
    return Given(
        shape=given.shape,
        rotations=given.rotations[poses],
        camera_from_body=torch.stack([camera_from_body for camera_from_body, _ in taken]),
        scans=tuple(Surface(vertices=one.mesh.vertices, faces=one.mesh.faces) for one in surfaces),
        is_front=tuple(one.is_front for one in surfaces),
        is_observed=tuple(one.is_observed for one in surfaces),
    )


def _taken(
    scan: Surface, number: int, settings: PhotographSettings
) -> tuple[Float[Tensor, "4 4"], Camera]:
    """Return where a photo is taken from."""
    yaw_deg = settings.yaws_deg[number]
    return aimed(scan.vertices, yaw_deg, np.random.default_rng(number), settings)


def _seen(
    scan: Surface,
    camera_from_body: Float[Tensor, "4 4"],
    camera: Camera,
    reconstruction: ReconstructSettings,
    *,
    settings: TrueMapsSettings,
) -> PosedSurface:
    points = scan.vertices @ camera_from_body[:3, :3].T + camera_from_body[:3, 3]
    maps = true_maps(Surface(vertices=points, faces=scan.faces), camera, settings)
    return reconstruct(maps, reconstruction, photo_size=(camera.width, camera.height))


def true_maps(scan: Surface, camera: Camera, settings: TrueMapsSettings = DEFAULT) -> SurfaceMaps:
    """Return the true maps of a photo: without bone weights, and grey.

    Args:
        scan: Camera frame, metres.
        camera: Of the whole photo, which shows all of the scan.
        settings: See there.
    """
    pixels = scan.vertices @ camera.intrinsics.T
    pixels = pixels[:, :2] / pixels[:, 2:]
    photo_from_crop = square_around(pixels, settings.margin, settings.resolution)
    crop = crop_camera(camera, photo_from_crop, settings.resolution)
    rays = scaled(crop, settings.rays)
    rasters = [rasterize(scan.vertices, scan.faces, rays, side) for side in SIDES]
    depth = torch.stack([raster.depth for raster in rasters])
    level = _blocks(rasters[0].mask, settings.rays).float().mean(-1)
    is_inside = level > 0.5
    return SurfaceMaps(
        camera=crop,
        camera_from_crop_px=photo_from_crop,
        level=level,
        depth=is_inside * _of_pixels(depth, settings.rays),
        weights=depth.new_zeros((2, int(is_inside.sum()), 0)),
        colour=torch.full((2, *level.shape, 3), GREY).to(depth),
    )


def _of_pixels(depth: Float[Tensor, "2 h w"], rays: int) -> Float[Tensor, "2 H W"]:
    """Return the depth on each pixel's middle ray; the mean of the others if that meets nothing."""
    blocks = _blocks(depth, rays)
    middle = blocks[..., rays**2 // 2]
    mean = blocks.sum(-1) / (blocks > 0).sum(-1).clamp(min=1)
    return torch.where(middle > 0, middle, mean)


def _blocks(
    image: Float[Tensor, "*L h w"] | Bool[Tensor, "*L h w"], rays: int
) -> Float[Tensor, "*L H W R"] | Bool[Tensor, "*L H W R"]:
    """Return the rays of each pixel."""
    rows = image.unflatten(-1, (-1, rays)).unflatten(-3, (-1, rays))  # (*L, H, r, W, r)
    return rows.movedim(-3, -2).flatten(-2)
