"""Maps -> the closed posed surface of one photo, with bone weights and colours."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from backend.geometry.depth_surface import Sheets, close_sheets, is_wall, sheet_depth
from backend.types import Camera, PosedSurface, SkinnedMesh, SurfaceMaps


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconstructSettings:
    """How the two depth maps become a surface."""

    thickness_m: float = 0.003
    """Least distance from front to back: as thick as cloth; no two sheets coincide."""
    max_slope: float = 6.7
    """Depth over breadth above which a face is a wall between two parts of the body: a step of
    3 cm on a pixel of 4.5 mm, stated as an angle (81°) so that it holds at every resolution."""
    max_step_m: float = 0.03
    """The same for coarse pixels, on which a step of this height looks like a slope."""
    rim_step_m: float = 0.06
    """At the outline every rounded surface is steep: within a pixel of 5 mm a trunk of radius 30 cm
    sinks by √(2·30·0.5) = 5.5 cm. Only more than that is a wall there."""
    border_px: float = 2.0
    """The surface this close to the photo's border is a cut, not an outline."""


def reconstruct(
    maps: SurfaceMaps,
    settings: ReconstructSettings,
    *,
    photo_size: tuple[int, int],
) -> PosedSurface:
    """Return the closed surface between the front and the back depth map.

    Args:
        maps: Of one photo.
        settings: See there.
        photo_size: Width and height of the whole photo, pixels; surfaces that its border cuts off
            are closed, but not observed there.
    """
    sheets = close_sheets(maps.level)
    depth = sheet_depth(sheets, maps.depth, settings.thickness_m)
    vertices = back_project(sheets.position_px, depth, maps.camera)
    walls = _walls(vertices, sheets, settings)
    is_observed = torch.ones(len(vertices), dtype=torch.bool, device=vertices.device)
    is_observed[sheets.faces[walls].flatten()] = False
    is_observed &= ~_is_cut(sheets, maps, photo_size, settings.border_px)
    count = sheets.rim_start // 2
    is_front = torch.ones_like(is_observed)
    is_front[count : 2 * count] = False
    colours = maps.colour[:, sheets.inside]
    mesh = SkinnedMesh(
        vertices=vertices,
        faces=sheets.faces,
        weights=_per_vertex(maps.weights, sheets),
        colours=_per_vertex(colours, sheets),
    )
    return PosedSurface(mesh=mesh, is_front=is_front, is_observed=is_observed)


def back_project(
    position_px: Float[Tensor, "V 2"], depth: Float[Tensor, " V"], camera: Camera
) -> Float[Tensor, "V 3"]:
    """Return the points (metres, camera frame) seen at pixels, with `depth` along +Z."""
    ones = torch.ones_like(depth)[:, None]
    rays = torch.cat([position_px, ones], 1) @ torch.linalg.inv(camera.intrinsics).T
    return rays * depth[:, None]


def _walls(
    vertices: Float[Tensor, "V 3"], sheets: Sheets, settings: ReconstructSettings
) -> Bool[Tensor, " F"]:
    faces, slope = sheets.faces, settings.max_slope
    inner = is_wall(vertices, faces, max_slope=slope, max_step_m=settings.max_step_m)
    rim = is_wall(vertices, faces, max_slope=torch.inf, max_step_m=settings.rim_step_m)
    return torch.where((faces >= sheets.rim_start).any(1), rim, inner)


def _per_vertex(attribute: Float[Tensor, "2 N C"], sheets: Sheets) -> Float[Tensor, "V C"]:
    """Spread values of the inside pixels over the sheets; the rim takes the mean of both sides."""
    front, back = attribute
    rim = sheets.pixel[sheets.rim_start :]
    return torch.cat([front, back, (front[rim] + back[rim]) / 2])


def _is_cut(
    sheets: Sheets, maps: SurfaceMaps, photo_size: tuple[int, int], border_px: float
) -> Bool[Tensor, " V"]:
    ones = torch.ones_like(sheets.position_px[:, :1])
    photo_px = torch.cat([sheets.position_px, ones], 1) @ maps.camera_from_crop_px.T
    photo_px = photo_px[:, :2] / photo_px[:, 2:]
    size = torch.tensor(photo_size, dtype=photo_px.dtype, device=photo_px.device)
    # A crop pixel can be larger than a photo pixel.
    scale = maps.camera_from_crop_px[0, 0].clamp(min=1)
    return ((photo_px < border_px * scale) | (photo_px > size - border_px * scale)).any(1)
