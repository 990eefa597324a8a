"""Photos -> one colour per vertex: by visibility and angle, exposure matched, gaps filled."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample, max_pool2d

from backend.geometry.normals import vertex_normals
from backend.geometry.skinning import pose
from backend.geometry.smoothness import fill_attributes
from backend.render.rasterizer import rasterize
from backend.types import SkinnedMesh, View


@dataclass(frozen=True, slots=True, kw_only=True)
class TextureSettings:
    """Which photo colours which vertex."""

    min_facing: float = 0.2
    """Cosine between normal and ray below which a surface is seen too obliquely."""
    facing_power: float = 3.0
    """The photo that sees a vertex most squarely shall rule; a plain mean blurs."""
    depth_tolerance_m: float = 0.015
    """A vertex this far behind the visible surface is still that surface."""
    occluder_step_m: float = 0.03
    """A nearer surface by more than this is another part of the body, whose fitted outline may be
    off by `margin_body` …"""
    margin_body: float = 0.006
    """… as a share of the body's height in the photo; colours this close to an occluder or to the
    outline are not taken."""
    samples_per_edge: float = 2.0
    """The photo is averaged down until a mesh edge spans this many pixels: finer detail would only
    flicker from vertex to vertex."""
    max_gain: float = 1.6
    """Most that exposure matching brightens or darkens a photo."""
    matching_rounds: int = 10
    enough: float = 0.02
    """Total weight from which a vertex counts as seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What one photo shows at each vertex."""

    colours: Float[Tensor, "V 3"]
    weight: Float[Tensor, " V"]
    """0 = not seen."""


def texture(
    surface: SkinnedMesh,
    views: Sequence[View],
    camera_from_bind: Float[Tensor, "P J 4 4"],
    settings: TextureSettings,
) -> Float[Tensor, "V 3"]:
    """Return sRGB colours of the vertices.

    Args:
        surface: Bind pose; its colours are what vertices take that no photo shows, shifted so that
            no seam is left where seen and unseen meet.
        views: The photos.
        camera_from_bind: Bone matrices of each photo.
        settings: See there.
    """
    sightings = [
        sight(surface, view, bones, settings)
        for view, bones in zip(views, camera_from_bind, strict=True)
    ]
    colours = torch.stack([sighting.colours for sighting in sightings])
    weights = torch.stack([sighting.weight for sighting in sightings])
    colours = (colours * match_exposure(colours, weights, settings)[:, None]).clamp(0, 1)
    total = weights.sum(0)
    seen = (weights[..., None] * colours).sum(0) / total.clamp(min=1e-9)[:, None]
    known = total > settings.enough
    shift = fill_attributes(seen - surface.colours, known, surface.faces, surface.vertices)
    return torch.where(known[:, None], seen, surface.colours + shift).clamp(0, 1)


def sight(
    surface: SkinnedMesh,
    view: View,
    camera_from_bind: Float[Tensor, "J 4 4"],
    settings: TextureSettings,
) -> Sighting:
    """Return the colours that a photo shows at the vertices, and how well it shows them."""
    posed = pose(surface.vertices, surface.weights, camera_from_bind)
    rays = torch.nn.functional.normalize(posed, dim=-1)
    facing = -(vertex_normals(posed, surface.faces) * rays).sum(1)
    homogeneous = posed @ view.camera.intrinsics.T
    pixels = homogeneous[:, :2] / homogeneous[:, 2:]
    body_px = float(pixels[:, 1].max() - pixels[:, 1].min())
    margin_px = max(1, round(settings.margin_body * body_px))
    visible = _is_visible(surface, posed, pixels, view, margin_px=margin_px, settings=settings)
    weight = facing.clamp(min=0) ** settings.facing_power * visible
    edge_px = _median_edge(pixels, surface)
    return Sighting(
        colours=_sample(view.color, pixels, edge_px / settings.samples_per_edge),
        weight=torch.where(facing > settings.min_facing, weight, 0.0),
    )


def match_exposure(
    colours: Float[Tensor, "P V 3"], weights: Float[Tensor, "P V"], settings: TextureSettings
) -> Float[Tensor, "P 3"]:
    """Return per-photo gains that make photos agree where they see the same vertices.

    Alternates between each vertex's mean colour and each photo's gain, in logarithms; the mean
    log-gain stays 0, so that no photo is the standard.
    """
    logs = colours.clamp(min=0.02).log()
    shared = weights * ((weights > 0).sum(0) > 1)
    gains = torch.zeros(len(colours), 3, device=colours.device)
    if not bool(shared.any()):
        return gains.exp()
    share = shared[..., None] / shared.sum(0).clamp(min=1e-9)[:, None]
    for _ in range(settings.matching_rounds):
        mean = (share * (logs + gains[:, None])).sum(0)
        gains = (shared[..., None] * (mean - logs)).sum(1) / shared.sum(1).clamp(min=1e-9)[:, None]
        gains = gains - gains.mean(0)
    return gains.exp().clamp(1 / settings.max_gain, settings.max_gain)


def _is_visible(
    surface: SkinnedMesh,
    posed: Float[Tensor, "V 3"],
    pixels: Float[Tensor, "V 2"],
    view: View,
    *,
    margin_px: int,
    settings: TextureSettings,
) -> Bool[Tensor, " V"]:
    raster = rasterize(posed, surface.faces, view.camera)
    depth = torch.where(raster.mask, raster.depth, torch.inf)
    nearest_around = -_spread(-depth, margin_px)
    outside_around = _spread(1 - view.mask, margin_px)
    column, row = pixels.long().unbind(1)
    in_photo = (
        (column >= 0) & (row >= 0) & (column < view.camera.width) & (row < view.camera.height)
    )
    column, row = column.clamp(0, view.camera.width - 1), row.clamp(0, view.camera.height - 1)
    z = posed[:, 2]
    return (
        in_photo
        & (z < depth[row, column] + settings.depth_tolerance_m)
        & (z < nearest_around[row, column] + settings.occluder_step_m)
        & (outside_around[row, column] < 0.5)
    )


def _spread(image: Float[Tensor, "H W"], radius_px: int) -> Float[Tensor, "H W"]:
    """Maximum over a square window, axis by axis; what lies beyond the image does not count."""
    size = 2 * radius_px + 1
    rows = max_pool2d(image[None, None], (size, 1), stride=1, padding=(radius_px, 0))
    return max_pool2d(rows, (1, size), stride=1, padding=(0, radius_px))[0, 0]


def _median_edge(pixels: Float[Tensor, "V 2"], surface: SkinnedMesh) -> float:
    edges = pixels[surface.faces[:, 0]] - pixels[surface.faces[:, 1]]
    return float(edges.norm(dim=1).median())


def _sample(
    image: Float[Tensor, "H W 3"], pixels: Float[Tensor, "V 2"], block_px: float
) -> Float[Tensor, "V 3"]:
    """Average the image in blocks, then interpolate between their centres."""
    block = max(1, int(block_px))
    planes = avg_pool2d(image.permute(2, 0, 1)[None], block, ceil_mode=True)
    height, width = planes.shape[2:]
    size = block * torch.tensor([width, height], device=pixels.device)
    where = (2 * pixels / size - 1)[None, None]
    return grid_sample(planes, where, align_corners=False, padding_mode="border")[0, :, 0].T
