"""View and fitted body -> front and back depth, bone weights and colour: the body-guided way.

The posed body gives depth and weights where it lies inside the mask; from there both are carried to
the outline. All rules are stated in metres at the body's depth.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from backend.geometry import colour_fill, head_rules, inflate, skin_transfer
from backend.geometry.body_parts import (
    EYES,
    HEAD,
    Part,
    part_of_vertices,
    part_of_weights,
    used_vertices,
)
from backend.geometry.crop import crop_camera, resample, square_around, to_crop
from backend.geometry.normals import vertex_normals
from backend.geometry.person_mask import back_project, depth_normals, fill_pinholes, keep_person
from backend.geometry.pixel_graph import outline_links, pixel_graph
from backend.geometry.scene import BodyLayers, BodySamples, Scene
from backend.render.rasterizer import Layer, rasterize
from backend.types import Camera, SkinnedMesh, SurfaceMaps, View
from shared.errors import PhotoError

TIGHT = (Part.FACE, Part.LEFT_HAND, Part.RIGHT_HAND)
"""Parts that wear nothing thick; what the outline shows beside them is not in front of them."""
HIDDEN_SKIN = (Part.NECK, Part.LEFT_HAND, Part.RIGHT_HAND)
"""Parts that show skin unless their outline says otherwise."""
SHOWN_SKIN = ((Part.FACE,), (Part.LEFT_HAND, Part.RIGHT_HAND))
"""Where the colour of the skin is taken from, the best place first."""
SIDES: tuple[Layer, Layer] = ("nearest", "farthest")


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictMapsSettings:
    """How the maps are made. Values without a source were set by looking at 29 real photos."""

    resolution: int = 448
    """Pixels per side of the square crop."""
    margin: float = 0.03
    """Share of the crop's side that stays free around mask and body."""
    least_overlap: float = 0.2
    """Share of a part of the mask that the body must cover for it to be the person's."""
    pinhole_m2: float = 0.0015
    """Holes of the mask over the body up to this area are errors of the mask."""
    trust_start_m: float = 0.005
    """The body's depth counts from this far inside its edge …"""
    trust_full_m: float = 0.03
    """… and is taken as it is from here on: its rim must not dent the cloth around it."""
    trust_reach_m: float = 0.005
    """Half-trusted depth is smoothed over this length."""
    gap_share: float = 0.7
    """Cloth stands off in front and behind by this share of its distance at the silhouette."""
    gap_most_m: float = 0.025
    """Most that cloth is moved off the body this way."""
    gap_blur_m: float = 0.02
    """Gaps are averaged over this length."""
    pit_m: float = 0.015
    """Pits of the head up to this width, as between the lips, are closed."""
    step_m: float = 0.02
    """A jump of the body's middle depth between pixels that cuts a link to 1/e: without the cut,
    webs grow between arm and trunk …"""
    step_slope: float = 4.4
    """… but slopes up to this one (77°) are foreshortened limbs, not jumps."""
    step_floor: float = 1e-4
    """What is left of a cut link."""
    step_fade_m: float = 0.05
    """Away from the body jumps of the nearest body depth fade out over this length: a skirt is
    whole between two legs."""
    middle_reach_m: float = 0.32
    """Length over which the pull to the nearest body depth wins over smoothness."""
    round_reach_m: float = 0.06
    """Roundness of what lies beside the body decays over this length: cloth tails are sheets."""
    thick_floor_m: float = 0.035
    """Most half thickness far from the body, …"""
    thick_extra_m: float = 0.12
    """… and what is added to it at the body, …"""
    thick_reach_m: float = 0.15
    """… decaying over this length: skirts between two legs keep the legs' thickness."""
    thin_m: float = 0.001
    """Least half thickness."""
    neighbours: int = 8
    """Body points that are blended."""
    normal_scale_m: float = 0.05
    """A difference of 60° between normals counts like this distance."""
    head_reach_m: float = 0.30
    """Hair and hats are at most this far from the head, along the mask."""
    arm_handicap_m: float = 0.03
    """Pixels this much nearer to an arm than to the head are sleeve, not hair."""
    hand_handicap_m: float = 0.08
    """The same of a hand, which wears little: the hat it holds is the head's."""
    loose_m: float = 0.05
    """Cloth farther than this from the body takes weights that pass smoothly between limbs."""
    weight_smooth_m: float = 0.008
    """Length over which weights beside the body are smoothed."""
    inset_px: float = 2.0
    """Width of the band at the outline, in pixels of photo or crop (the larger), that holds
    background colours."""
    inset_m: float = 0.006
    """Least width of that band: hair and fur are mixed with what is behind them."""
    skin_fewest: int = 30
    """Fewest pixels from which a skin colour is told."""
    face_pull: float = 0.02
    """Pull of the face on the far side to the skin's colour: hair grows no further than 7 pixels
    into it."""
    worn_pull: float = 1e-4
    """The same of clothed parts to the median colour that their near side shows: only where a
    part's outline is hidden it counts."""
    skin_pull: float = 1e-4
    """The same of hands and neck; weak, because gloves and scarves show at the outline."""
    hair_m: float = 0.015
    """What the head's outline has this far outside the body is hair or hat."""
    forehead_m: float = 0.04
    """From this height above the eyes the head's outline has the colour of its back."""
    along: float = 0.05
    """How much less colours of the far side pass along a limb than around it."""
    leak: float = 1e-4
    """How little colours pass between parts of the body on the far side."""


def predict_maps(view: View, body: SkinnedMesh, settings: PredictMapsSettings) -> SurfaceMaps:
    """Return depth, weights and colours of the front and the back of the person in a photo.

    Args:
        view: The photo; its camera is the fitted one.
        body: The fitted body posed in the camera frame of the photo, metres; colours unused.
        settings: See there.

    Raises:
        PhotoError: Mask and body have no pixel in common.
    """
    photo_from_crop = _frame(view, body, settings)
    camera = crop_camera(view.camera, photo_from_crop, settings.resolution)
    scene = _scene(view, body, camera, photo_from_crop, settings=settings)
    links = _links(scene, settings)
    depth = _depth(scene, links, settings)
    weights = _weights(scene, links, depth, settings)
    # A photo pixel at the outline is mixed too, however finely the crop divides it.
    inset_px = settings.inset_px * max(1.0, 1 / float(photo_from_crop[0, 0]))
    inset_px = max(inset_px, settings.inset_m / scene.around.pixel_m)
    colour = _colour(scene, weights[1], inset_px, settings)
    level, depth, weights, colour = (
        torch.from_numpy(array.astype(np.float32)).to(view.color.device)
        for array in (scene.level, depth, weights, colour)
    )
    return SurfaceMaps(
        camera=camera,
        camera_from_crop_px=photo_from_crop,
        level=level,
        depth=depth,
        weights=weights,
        colour=colour,
    )


def _frame(view: View, body: SkinnedMesh, settings: PredictMapsSettings) -> Float[Tensor, "3 3"]:
    """Return `photo_from_crop` of the square around mask and body."""
    points = body.vertices[used_vertices(body.faces, len(body.vertices))]
    seen = points @ view.camera.intrinsics.T
    height, width = view.mask.shape
    size = torch.tensor([width, height], dtype=seen.dtype, device=seen.device)
    # Beyond the photo's border there is nothing to see.
    seen = (seen[:, :2] / seen[:, 2:].clamp(min=1e-3)).clamp(min=torch.zeros_like(size), max=size)
    person = torch.nonzero(view.mask > 0.5).flip(1).to(seen.dtype)
    corners = torch.cat([person, person + 1, seen])
    return square_around(corners, settings.margin, settings.resolution)


def _scene(
    view: View,
    body: SkinnedMesh,
    camera: Camera,
    photo_from_crop: Float[Tensor, "3 3"],
    *,
    settings: PredictMapsSettings,
) -> Scene:
    """Cut out the person and draw the body into the same pixels."""
    ones = torch.ones_like(view.mask)
    photo = torch.cat([view.color, torch.stack([view.mask, ones], -1)], -1)
    image = resample(photo, photo_from_crop, camera.width).double().cpu().numpy()
    share = image[..., 4]  # of the crop pixel that lies on the photo
    image = image / np.maximum(share, 1e-6)[..., None]
    samples, layers = _draw(body, camera)
    is_open = share < 0.5
    level = np.where(is_open, 0, image[..., 3])
    depth = layers.depth[:, layers.covered & (level > 0.5)]
    if not depth.size:
        raise PhotoError(
            view.name, "the fitted body lies beside the person.", "Use a photo of the whole body."
        )
    intrinsics = camera.intrinsics.double().cpu().numpy()
    pixel_m = float(np.median(depth)) / float(intrinsics[0, 0])
    marks = to_crop(view.landmarks.points_px[view.landmarks.visibility > 0.5], photo_from_crop)
    marks = marks.flip(1).floor().long().cpu().numpy()
    level = keep_person(level, layers.covered, marks, settings.least_overlap)
    level = fill_pinholes(level, layers.covered, settings.pinhole_m2 / pixel_m**2)
    level[[0, -1]] = level[:, [0, -1]] = 0  # the surface is closed inside the crop
    return Scene(
        intrinsics=intrinsics,
        level=level,
        open_pixels=is_open,
        colour=image[..., :3],
        layers=layers,
        samples=samples,
        around=inflate.surroundings(level > 0.5, layers.covered, is_open, pixel_m),
        graph=pixel_graph(level > 0.5),
    )


def _draw(body: SkinnedMesh, camera: Camera) -> tuple[BodySamples, BodyLayers]:
    """Return the body as points on the skin and as the pixels of its two layers."""
    normals = vertex_normals(body.vertices, body.faces).double().cpu().numpy()
    points, weights = (x.double().cpu().numpy() for x in (body.vertices, body.weights))
    part = part_of_vertices(points, normals, weights)
    marks = weights[:, EYES].sum(1) + 1e-12
    eyes = marks @ points / marks.sum()
    # Lids and the skin around them must not turn with the eyes.
    weights[:, HEAD] += weights[:, EYES].sum(1)
    weights[:, EYES] = 0
    rasters = [rasterize(body.vertices, body.faces, camera, side) for side in SIDES]
    covered = (rasters[0].mask & rasters[1].mask).cpu().numpy()
    depth, parts = np.zeros((2, *covered.shape)), np.full((2, *covered.shape), -1)
    layer_weights = np.zeros((2, int(covered.sum()), weights.shape[1]))
    for side, raster in enumerate(rasters):
        corners = body.faces[raster.face].cpu().numpy()[covered]  # (M, 3)
        shares = raster.barycentric.double().cpu().numpy()[covered]
        parts[side][covered] = part[corners[np.arange(len(corners)), shares.argmax(1)]]
        layer_weights[side] = sum(shares[:, k, None] * weights[corners[:, k]] for k in range(3))
        depth[side][covered] = raster.depth.double().cpu().numpy()[covered]
    used = used_vertices(body.faces, len(points)).cpu().numpy()
    return BodySamples(
        points=points[used],
        normals=normals[used],
        weights=weights[used],
        part=part[used],
        eyes=eyes,
    ), BodyLayers(covered=covered, depth=depth, part=parts, weights=layer_weights)


def _links(scene: Scene, settings: PredictMapsSettings) -> Float[np.ndarray, " E"]:
    """Return how firmly neighbouring pixels hold together: not at all over depth steps."""
    around, mask = scene.around, scene.mask
    middle = scene.layers.depth.mean(0)[tuple(around.nearest)]
    step = max(settings.step_m, settings.step_slope * around.pixel_m)
    scale = step * np.exp(around.to_body / settings.step_fade_m)
    return inflate.links_across(scene.graph, middle[mask], scale[mask], settings.step_floor)


def _depth(
    scene: Scene, links: Float[np.ndarray, " E"], settings: PredictMapsSettings
) -> Float[np.ndarray, "2 H W"]:
    """Return front and back depth."""
    around, mask = scene.around, scene.mask
    bare_front, bare_back = scene.layers.depth[:, mask]
    gap = _gap(scene, settings)
    front, back = _dressed(scene, gap, settings)
    trust = inflate.trust(around, gap, settings.trust_start_m, settings.trust_full_m)[mask]
    reach_px, cloth_px = settings.trust_reach_m / around.pixel_m, gap[mask] / around.pixel_m
    pull = inflate.anchors(trust, reach_px, cloth_px)
    weak = (around.pixel_m / settings.middle_reach_m) ** 2
    middle = ((front + back) / 2)[tuple(around.nearest)][mask]
    middle = inflate.solve_middle(scene.graph, links, pull, middle, weak_pull=weak)
    away = around.to_body[mask]
    half = inflate.solve_half_thickness(
        scene.graph,
        links,
        pull,
        ((back - front) / 2)[mask],
        source=_roundness(scene, settings)[mask] * around.pixel_m**2,
        outline=outline_links(scene.level, scene.open_pixels),
    )
    extra = settings.thick_extra_m * np.exp(-away / settings.thick_reach_m)
    cap = np.where(away > 0, settings.thick_floor_m + extra, np.inf)
    half = np.clip(half, settings.thin_m, cap)
    depth = np.zeros((2, *mask.shape))
    # Cloth is outside the body: where the body is trusted, the surface never enters it.
    depth[0][mask] = middle - half - trust * np.maximum(middle - half - bare_front, 0)
    depth[1][mask] = middle + half + trust * np.maximum(bare_back - middle - half, 0)
    return depth


def _roundness(scene: Scene, settings: PredictMapsSettings) -> Float[np.ndarray, "H W"]:
    """Return -Δ(half thickness²): 2 for a limb, 4 for a ball as the head, less on loose cloth."""
    nearest = scene.layers.part[0][tuple(scene.around.nearest)]
    shape = np.where(np.isin(nearest, (Part.FACE, Part.SKULL)), 4.0, 2.0)
    return shape * np.exp(-scene.around.to_body / settings.round_reach_m)


def _gap(scene: Scene, settings: PredictMapsSettings) -> Float[np.ndarray, "H W"]:
    """Return how far cloth stands off the body's silhouette, between 0 and what is plausible."""
    gap = inflate.cloth_gap(scene.mask, scene.layers.covered, scene.around, settings.gap_blur_m)
    worn = ~np.isin(scene.layers.part[0], TIGHT)
    return np.clip(np.where(worn, gap, 0), 0, settings.gap_most_m)


def _dressed(
    scene: Scene, gap: Float[np.ndarray, "H W"], settings: PredictMapsSettings
) -> Float[np.ndarray, "2 H W"]:
    """Return the body's front and back depth, moved out by the cloth; 0 where the body is not."""
    layers, pixel_m = scene.layers, scene.around.pixel_m
    head = np.isin(layers.part, (Part.FACE, Part.SKULL))
    depth = inflate.without_pits(layers.depth, head, round(settings.pit_m / pixel_m) + 1)
    offset = np.where(np.isin(layers.part, TIGHT), 0, settings.gap_share * gap)
    return inflate.dress(depth, layers.covered, offset, settings.gap_blur_m / pixel_m)


def _weights(
    scene: Scene,
    links: Float[np.ndarray, " E"],
    depth: Float[np.ndarray, "2 H W"],
    settings: PredictMapsSettings,
) -> Float[np.ndarray, "2 N J"]:
    """Return bone weights of both sides."""
    front, back = (back_project(side, scene.intrinsics) for side in depth)
    is_head = head_rules.is_head_wear(
        scene,
        (front + back) / 2,
        reach_m=settings.head_reach_m,
        arm_handicap_m=settings.arm_handicap_m,
        hand_handicap_m=settings.hand_handicap_m,
    )
    on_body = (scene.around.inside_body > settings.trust_start_m)[scene.mask]
    firm = (scene.around.pixel_m / settings.weight_smooth_m) ** 2
    sides = []
    for side, points in enumerate((front, back)):
        found, is_loose = _found_weights(scene, points, side, settings)
        found[is_head] = np.eye(found.shape[1])[HEAD]
        pull = np.where(on_body, np.inf, np.where(is_loose & ~is_head, 0, firm))
        sides.append(skin_transfer.blend_weights(scene.graph, links, found, pull))
    return np.stack(sides)


def _found_weights(
    scene: Scene, points: Float[np.ndarray, "H W 3"], side: int, settings: PredictMapsSettings
) -> tuple[Float[np.ndarray, "N J"], Bool[np.ndarray, " N"]]:
    """Return the weights of one side's points, and which of them are loose cloth.

    In front of the body (behind it) they are those that the camera would see through the cloth,
    beside it those of the nearest points that face the same way.
    """
    mask, layers = scene.mask, scene.layers
    deep = mask & (scene.around.inside_body > settings.trust_start_m)
    beside = mask & ~deep
    weights = np.zeros((*mask.shape, layers.weights.shape[2]))
    weights[deep] = layers.weights[side][deep[layers.covered]]
    normals = depth_normals(points, mask)[beside]
    weights[beside], away = skin_transfer.nearest_weights(
        scene.samples,
        points[beside],
        normals if side == 0 else -normals,
        count=settings.neighbours,
        normal_scale_m=settings.normal_scale_m,
    )
    is_loose = np.zeros(mask.shape, dtype=bool)
    is_loose[beside] = away > settings.loose_m
    return weights[mask], is_loose[mask]


def _colour(
    scene: Scene,
    back_weights: Float[np.ndarray, "N J"],
    inset_px: float,
    settings: PredictMapsSettings,
) -> Float[np.ndarray, "2 H W 3"]:
    """Return the colours of both sides, everywhere in the crop."""
    mask, hidden = scene.mask, scene.layers.part[1][scene.mask]
    inside_px = scene.around.inside_outline / scene.around.pixel_m
    front = colour_fill.pull_inwards(scene.colour, inside_px, inset_px)
    part = np.where(hidden >= 0, hidden, part_of_weights(back_weights))
    rim = (inside_px[mask] > 0) & (inside_px[mask] < 1)
    hair = rim & head_rules.shows_hair(
        scene, part, forehead_m=settings.forehead_m, hair_m=settings.hair_m
    )
    if hair.any():
        rim &= hair | (part != Part.SKULL)
    shown = scene.layers.part[0][mask]
    values, is_worn = colour_fill.part_medians(front[mask], shown, part, settings.skin_fewest)
    is_worn &= ~np.isin(part, (Part.FACE, Part.SKULL))
    known = np.where(rim, np.inf, np.where(is_worn, settings.worn_pull, 0))
    values[rim] = front[mask][rim]
    skin = colour_fill.first_median(front[mask], shown, SHOWN_SKIN, fewest=settings.skin_fewest)
    if skin is not None:
        face, bare = (np.isin(part, one) & ~rim for one in (Part.FACE, HIDDEN_SKIN))
        known[face], known[bare] = settings.face_pull, settings.skin_pull
        values[face | bare] = skin
    back = np.zeros_like(front)
    links = colour_fill.links_around_limbs(
        scene.graph, part, leak=settings.leak, along=settings.along
    )
    back[mask] = colour_fill.grow_colours(scene.graph, links, known, values)
    back = colour_fill.pull_inwards(back, mask.astype(np.float64), 1.0)
    return np.stack([front, back])
