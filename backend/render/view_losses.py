"""A posed surface drawn into photos and compared with them: the image terms of eq 11."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from backend.render.differentiable import antialias, interpolate, rasterize, vertex_normals
from backend.render.fragments import Layer, Topology
from backend.render.map_losses import colour_loss, normal_and_mask_loss
from backend.render.targets import CHANNELS, Targets

SIDE: dict[Layer, int] = {"nearest": 0, "farthest": 1}
"""The nearest layer shows the front, the farthest the back."""
IMAGES = 10
"""Images of all channels that a step and its gradients hold at once, with what rasterising needs;
measured: 6 to 8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageWeights:
    """How much the terms count; their units are those of `map_losses`."""

    normal: float = 1.0
    back_share: float = 0.3
    """Of the back's normals, whose map is guessed."""
    mask: float = 4.0
    colour: float = 0.0
    """Vertex colours follow the photos, and the photos' colours move the surface; off because light
    differs between photos, and colours are made anew from the photos afterwards."""


def view_losses(
    seen: Float[Tensor, "P V 3"],
    colours: Float[Tensor, "V 3"],
    topology: Topology,
    targets: Targets,
    *,
    layer: Layer,
    weights: ImageWeights,
) -> Float[Tensor, " P"]:
    """Return the weighted sum of the image terms of eq 11 for each view.

    Args:
        seen: The posed surface, camera frame of each view, metres.
        colours: sRGB, 0 to 1.
        topology: Of the surface.
        targets: Of the views.
        layer: The nearest is compared with the front, the farthest with the back, whose colour
            nobody saw; the mask is that of both.
        weights: See there.
    """
    fragments = rasterize(seen, topology, targets.cameras, layer=layer)
    attributes = [vertex_normals(seen, topology), torch.ones_like(seen[..., :1])]
    with_colour = weights.colour > 0 and layer == "nearest"
    if with_colour:
        attributes.append(colours.expand_as(seen))
    values = torch.cat(attributes, 2)
    image = antialias(fragments, interpolate(fragments, values), values)
    side = SIDE[layer]
    of_normals, of_mask = normal_and_mask_loss(
        image, targets.normals[:, side], targets.mask, targets.known
    )
    normal_weight = weights.normal * (weights.back_share if side else 1.0)
    loss = normal_weight * of_normals + weights.mask * of_mask
    if with_colour:
        covered, photo = image[..., 3], targets.colour
        loss = loss + weights.colour * colour_loss(image[..., 4:], covered, photo, targets.mask)
    return loss


def memory_bytes(photo_count: int, side_px: int, vertex_count: int, pixels_at_once: int) -> int:
    """Return an upper limit of what targets and one step of rendering hold, in bytes.

    Targets of all photos, at full and at half resolution and cut to the person (9/4); images with 7
    channels, and 60 floats for each vertex of each view (bone matrices of 12, positions, normals
    and their gradients).

    Args:
        photo_count: P.
        side_px: Of the maps.
        vertex_count: V.
        pixels_at_once: A group of views has at most so many, but at least one view.
    """
    views = max(1, min(photo_count, pixels_at_once // side_px**2))
    targets = photo_count * side_px**2 * CHANNELS * 4 * 9 // 4
    images = views * side_px**2 * 7 * 4 * IMAGES
    return targets + images + views * vertex_count * 60 * 4
