"""Photos -> one colour per vertex: each region from the photo that shows it best."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample, max_pool2d

from backend.geometry import colour_blend, colour_regions
from backend.geometry.colour_blend import GainRules
from backend.geometry.colour_sampling import fit_vertex_colours
from backend.geometry.normals import vertex_normals
from backend.geometry.skinning import pose
from backend.geometry.smoothness import fill_attributes
from backend.render.rasterizer import Raster, mask_iou, rasterize
from backend.types import SkinnedMesh, View


@dataclass(frozen=True, slots=True, kw_only=True)
class TextureSettings:
    """Which photo colours which vertex. Values were set by looking at samples and real photos."""

    min_facing: float = 0.2
    """Cosine between normal and ray below which a surface is seen too obliquely."""
    facing_power: float = 2.0
    """The score falls with this power of the cosine: sharpness along and across the slope."""
    enough_pixels_per_edge: float = 4.0
    """More photo pixels on a mesh edge than this show nothing more of the person."""
    overlap_power: float = 4.0
    """The score falls with this power of the overlap (IoU) of surface and mask: where the outline
    misses its place, so do the colours inside."""
    depth_tolerance_m: float = 0.015
    """A vertex this far behind the visible surface is still that surface."""
    occluder_step_m: float = 0.03
    """A jump of depth from which two surfaces in the photo are different parts of the body, whose
    fitted outline may be off by `margin_body` …"""
    margin_body: float = 0.006
    """… as a share of the body's height in the photo; colours this close to such a jump, on either
    side of it, or to the outline are not taken."""
    samples_per_edge: float = 2.0
    """First guess: the photo is averaged down until a mesh edge spans this many pixels."""
    fit_pull: float = 1.0
    """Weight of that guess against the photo's pixels, in pixels per vertex."""
    fit_pull_unseen: float = 0.01
    """The same of vertices that the photo does not show: their guess is another surface's."""
    fit_rounds: int = 20
    """Steps towards the vertex colours that reproduce the photo best."""
    exposure: GainRules = field(default_factory=GainRules)
    max_gain: float = 1.6
    """Most that exposure matching brightens or darkens a photo."""
    score_rounds: int = 60
    """Rounds of smoothing the scores over the mesh: about ten edges."""
    region_power: float = 2.0
    """The score falls with this power of how well the photo shows the whole side of the part of
    the body, in comparison: fewer seams."""
    choice_rounds: int = 30
    choice_bond: float = 1.0
    """What agreeing with all neighbours is worth, where the best photo's score is 1."""
    choice_softness: float = 0.1
    seam_rounds: int = 2
    """Rounds of smoothing that make the seam of details: about two edges."""
    shade_rounds: int = 30
    """The same of shade: about ten edges."""
    shift_reach_edges: float = 5.0
    """Colours that no photo shows are shifted to meet the seen ones, over this length."""
    speck: float = 0.1
    """Unseen vertices that differ from all neighbours by this much take the neighbours' colour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What one photo shows at each vertex."""

    colours: Float[Tensor, "V 3"]
    score: Float[Tensor, " V"]
    """How well it is shown, 0 to 1; 0 = not shown."""
    is_doubtful: Bool[Tensor, " V"]
    """Before the camera, but so near an outline that the colour may be another surface's."""


def texture(
    surface: SkinnedMesh,
    views: Sequence[View],
    camera_from_bind: Float[Tensor, "P J 4 4"],
    settings: TextureSettings,
) -> Float[Tensor, "V 3"]:
    """Return sRGB colours of the vertices.

    Args:
        surface: Bind pose; its colours are what vertices take that no photo shows.
        views: The photos.
        camera_from_bind: Bone matrices of each photo.
        settings: See there.
    """
    mean = colour_blend.averaging(surface.faces, len(surface.vertices))
    sightings = [
        sight(surface, view, bones, settings)
        for view, bones in zip(views, camera_from_bind, strict=True)
    ]
    colours = torch.stack([sighting.colours for sighting in sightings])
    scores = torch.stack([sighting.score for sighting in sightings])
    gains = colour_blend.exposure_gains(colours, scores > 0, settings.exposure)
    gains = gains.clamp(1 / settings.max_gain, settings.max_gain)
    colours = (colours * gains[:, None]).clamp(0, 1)
    normals = vertex_normals(surface.vertices, surface.faces)
    is_face = colour_regions.face_vertices(normals, surface.weights)
    region = colour_regions.sides_of_parts(normals, surface.weights)
    scores = scores * colour_blend.standing(scores, region) ** settings.region_power
    scores = colour_regions.face_from_one_photo(scores, is_face, surface.vertices[:, 0])
    is_hand = colour_regions.hand_vertices(surface.weights)
    skin = colour_regions.skin_tone(
        colours, scores, surface.vertices, normals, weights=surface.weights
    )
    prior, is_doubtful = surface.colours, torch.stack([s.is_doubtful for s in sightings]).any(0)
    if skin is not None:
        bare = colour_regions.is_skin(colours, skin)
        scores = torch.where(is_hand & ~bare, 0.0, scores)
        prior = torch.where(is_hand[:, None], skin, prior)
        is_doubtful = is_doubtful & ~is_hand
    shown = _blend(colours, scores, mean, settings)
    return _complete(
        replace(surface, colours=prior),
        shown,
        mean,
        is_seen=(scores > 0).any(0),
        is_doubtful=is_doubtful,
        settings=settings,
    )


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
    raster = rasterize(posed, surface.faces, view.camera)
    body_px = float(pixels[:, 1].max() - pixels[:, 1].min())
    is_clean = _clean_pixels(raster, view, max(1, round(settings.margin_body * body_px)), settings)
    in_photo, (column, row) = _whole_pixels(pixels, view)
    depth = torch.where(raster.mask, raster.depth, torch.inf)[row, column]
    before = in_photo & (facing > settings.min_facing)
    before &= posed[:, 2] < depth + settings.depth_tolerance_m
    is_shown = before & is_clean[row, column]
    edge_px = _median_edge(pixels, surface)
    score = facing.clamp(min=0) ** settings.facing_power
    score = score * min(1.0, edge_px / settings.enough_pixels_per_edge)
    score = score * mask_iou(raster.mask, view.mask > 0.5) ** settings.overlap_power
    first = _sample(view.color, is_clean, pixels, edge_px / settings.samples_per_edge)
    return Sighting(
        colours=fit_vertex_colours(
            surface.faces[raster.face[is_clean]],
            raster.barycentric[is_clean],
            view.color[is_clean],
            first,
            pull=torch.where(is_shown, settings.fit_pull, settings.fit_pull_unseen),
            rounds=settings.fit_rounds,
        ).clamp(0, 1),
        score=torch.where(is_shown, score, 0.0),
        is_doubtful=before & ~is_shown & (view.mask[row, column] > 0.5),
    )


def _blend(
    colours: Float[Tensor, "P V 3"],
    scores: Float[Tensor, "P V"],
    mean: Float[Tensor, "V V"],
    settings: TextureSettings,
) -> Float[Tensor, "V 3"]:
    """Return each vertex's colour in the photo that shows its neighbourhood best."""
    is_seen = scores > 0
    around = colour_blend.smoothed(scores.T, mean, settings.score_rounds).T
    chosen = colour_blend.coherent_choice(
        torch.where(is_seen, around, 0.0),
        mean,
        rounds=settings.choice_rounds,
        bond=settings.choice_bond,
        softness=settings.choice_softness,
    )
    return colour_blend.blend_bands(
        colours,
        chosen,
        is_seen,
        mean,
        narrow=settings.seam_rounds,
        wide=settings.shade_rounds,
    )


def _complete(
    surface: SkinnedMesh,
    shown: Float[Tensor, "V 3"],
    mean: Float[Tensor, "V V"],
    *,
    is_seen: Bool[Tensor, " V"],
    is_doubtful: Bool[Tensor, " V"],
    settings: TextureSettings,
) -> Float[Tensor, "V 3"]:
    """Colour what no photo shows: by the surface's own colours, shifted to meet the seen ones.

    Next to outlines these come from the wrong side of the outline as well: what lies between known
    vertices there is interpolated.
    """
    shift = shown - surface.colours
    shift = colour_blend.decaying_fill(shift, is_seen, mean, settings.shift_reach_edges)
    colours = surface.colours + shift
    is_known = is_seen | ~is_doubtful
    colours = fill_attributes(colours, is_known, surface.faces, surface.vertices).clamp(0, 1)
    return colour_blend.without_specks(colours, ~is_seen, surface.faces, mean, least=settings.speck)


def _clean_pixels(
    raster: Raster, view: View, margin_px: int, settings: TextureSettings
) -> Bool[Tensor, "H W"]:
    """Tell which pixels show the surface far from the outline and from jumps of depth."""
    nearest = -_spread(-torch.where(raster.mask, raster.depth, torch.inf), margin_px)
    farthest = _spread(torch.where(raster.mask, raster.depth, -torch.inf), margin_px)
    return (
        raster.mask
        & (raster.depth < nearest + settings.occluder_step_m)
        & (raster.depth > farthest - settings.occluder_step_m)
        & (_spread(1 - view.mask, margin_px) < 0.5)
    )


def _whole_pixels(
    pixels: Float[Tensor, "V 2"], view: View
) -> tuple[Bool[Tensor, " V"], tuple[Tensor, Tensor]]:
    """Return whether each point is in the photo, and the column and row of the nearest pixel."""
    column, row = pixels.floor().long().unbind(1)
    width, height = view.camera.width, view.camera.height
    inside = (column >= 0) & (row >= 0) & (column < width) & (row < height)
    return inside, (column.clamp(0, width - 1), row.clamp(0, height - 1))


def _spread(image: Float[Tensor, "H W"], radius_px: int) -> Float[Tensor, "H W"]:
    """Maximum over a square window, axis by axis; what lies beyond the image does not count."""
    size = 2 * radius_px + 1
    rows = max_pool2d(image[None, None], (size, 1), stride=1, padding=(radius_px, 0))
    return max_pool2d(rows, (1, size), stride=1, padding=(0, radius_px))[0, 0]


def _median_edge(pixels: Float[Tensor, "V 2"], surface: SkinnedMesh) -> float:
    edges = pixels[surface.faces[:, 0]] - pixels[surface.faces[:, 1]]
    return float(edges.norm(dim=1).median())


def _sample(
    image: Float[Tensor, "H W 3"],
    is_clean: Bool[Tensor, "H W"],
    pixels: Float[Tensor, "V 2"],
    block_px: float,
) -> Float[Tensor, "V 3"]:
    """Average the clean pixels of blocks, then interpolate between the blocks' centres."""
    block = max(1, int(block_px))
    clean = is_clean[..., None].float()
    planes = torch.cat([image * clean, clean], 2).permute(2, 0, 1)[None]
    planes = avg_pool2d(planes, block, ceil_mode=True)
    height, width = planes.shape[2:]
    size = block * torch.tensor([width, height], device=pixels.device)
    where = (2 * pixels / size - 1)[None, None]
    found = grid_sample(planes, where, align_corners=False, padding_mode="border")[0, :, 0].T
    return found[:, :3] / found[:, 3:].clamp(min=1e-6)
