"""Regions of a person that are of one look: sides of parts, face, hands; the colour of skin."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.geometry.body_parts import FACE_COSINE, FACE_JOINTS, HEAD, part_of_weights

HANDS = (20, 21, *range(25, 55))
"""Wrists and fingers."""
JAW = 22
CHEEK_M = 0.08
"""Chin, mouth, nose and cheeks are this close to the middle of what the jaw moves; lips and beard
are the lesser part of them."""
FEWEST = 20
"""Vertices from which a colour is told."""
HUE_STEP = 0.25
"""Skin in light and shade differs less than this in log r and log b relative to log g …"""
SHADE_STEP = 1.0
"""… and less than this in log g."""
ONE_HALF = 0.1
"""What the half of the face that a photo shows better counts, against the other."""

FROM_THE_FRONT = 0.5
"""A photo shows the face from the front if of its lesser half it shows this share of the other."""


def sides_of_parts(
    normals: Float[Tensor, "V 3"], weights: Float[Tensor, "V J"]
) -> Int[Tensor, " V"]:
    """Return a number for each vertex: that of its part of the body, front and back apart.

    Args:
        normals: Bind pose, body frame (+Z forward).
        weights: Rows sum to 1.
    """
    part = torch.from_numpy(part_of_weights(weights.cpu().numpy())).to(weights.device)
    return 2 * part + (normals[:, 2] > 0)


def face_vertices(
    normals: Float[Tensor, "V 3"], weights: Float[Tensor, "V J"]
) -> Bool[Tensor, " V"]:
    """Tell which vertices are on the front of the head.

    Args:
        normals: Bind pose, body frame (+Z forward).
        weights: Rows sum to 1.
    """
    is_head = weights[:, [HEAD, *FACE_JOINTS]].sum(1) > 0.5
    return is_head & (normals[:, 2] > FACE_COSINE)


def hand_vertices(weights: Float[Tensor, "V J"]) -> Bool[Tensor, " V"]:
    """Tell which vertices follow a wrist or a finger."""
    return weights[:, list(HANDS)].sum(1) > 0.5


def skin_tone(
    colours: Float[Tensor, "P V 3"],
    scores: Float[Tensor, "P V"],
    vertices: Float[Tensor, "V 3"],
    normals: Float[Tensor, "V 3"],
    *,
    weights: Float[Tensor, "V J"],
) -> Float[Tensor, " 3"] | None:
    """Return the median colour around the mouth, else of the hands; None if photos show neither.

    Args:
        colours: sRGB.
        scores: How well each photo shows the vertex; 0 = not at all.
        vertices: Bind pose, metres.
        normals: Bind pose, body frame.
        weights: Rows sum to 1.
    """
    jaw = weights[:, JAW, None]
    middle = (jaw * vertices).sum(0) / jaw.sum().clamp(min=1e-9)
    around_mouth = (vertices - middle).norm(dim=1) < CHEEK_M
    around_mouth &= face_vertices(normals, weights) & bool(jaw.any())
    for where in (around_mouth, hand_vertices(weights)):
        is_seen = (scores > 0) & where
        if int(is_seen.sum()) >= FEWEST:
            return colours[is_seen].median(0).values
    return None


def is_skin(colours: Float[Tensor, "*N 3"], tone: Float[Tensor, " 3"]) -> Bool[Tensor, "*N"]:
    """Tell which colours are the skin's in another light."""
    ratio = (colours.clamp(min=1e-3) / tone.clamp(min=1e-3)).log()
    hue = (ratio[..., [0, 2]] - ratio[..., [1]]).abs().amax(-1)
    return (hue < HUE_STEP) & (ratio[..., 1].abs() < SHADE_STEP)


def face_from_one_photo(
    scores: Float[Tensor, "P V"], is_face: Bool[Tensor, " V"], sideways: Float[Tensor, " V"]
) -> Float[Tensor, "P V"]:
    """Let the photo that shows the face best have all of it that it shows, or the whole of it.

    Eyes and mouths of two photos never lie on each other: what a photo from the front leaves out
    at the temples, another would fill with a second eye. Both halves count: from half aside, one
    is seen best of all, and the other has to come from elsewhere.

    Args:
        scores: How well each photo shows the vertex; 0 = not at all.
        is_face: Which vertices count.
        sideways: From the middle of the face, towards either side.
    """
    halves = torch.stack([scores[:, is_face & (sideways * side > 0)].sum(1) for side in (-1, 1)])
    best = (halves.amin(0) + ONE_HALF * halves.amax(0)).argmax()
    shows_both = halves[:, best].amin() > FROM_THE_FRONT * halves[:, best].amax()
    others = torch.arange(len(scores), device=scores.device)[:, None] != best
    return torch.where(others & is_face & (shows_both | (scores[best] > 0)), 0.0, scores)
