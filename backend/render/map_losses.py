"""How a rendered surface differs from what photos show: the image terms of eq 11.

CanonicalFusion, eq 11, with the code's norms: L1 for normals, squares for mask and colour. Means
are over the person's pixels, not over the image, so that weights hold at every framing.
"""

import importlib
import importlib.util

from jaxtyping import Float
from torch import Tensor

FULL = 0.999
"""Coverage from which a pixel shows nothing but the surface."""


def normal_and_mask_loss(
    image: Float[Tensor, "P H W C"],
    normals: Float[Tensor, "P H W 3"],
    mask: Float[Tensor, "P H W"],
    known: Float[Tensor, "P H W"],
) -> tuple[Float[Tensor, " P"], Float[Tensor, " P"]]:
    """Return `normal_loss` and `mask_loss`; with Warp in one pass over the images.

    Args:
        image: Rendered normals, mask, and what does not count here.
        normals: See `normal_loss`.
        mask: Of the person.
        known: See `mask_loss`.
    """
    if importlib.util.find_spec("warp"):
        fast = importlib.import_module("backend.render.warp_losses")
        return fast.normal_and_mask_loss(image, normals, mask, known)
    covered = image[..., 3]
    return normal_loss(image[..., :3], covered, normals), mask_loss(covered, mask, known)


def normal_loss(
    normals: Float[Tensor, "P H W 3"],
    covered: Float[Tensor, "P H W"],
    target: Float[Tensor, "P H W 3"],
) -> Float[Tensor, " P"]:
    """Return the mean difference |n − n*| of normals, where both are known.

    Args:
        normals: Rendered, outward, camera frame.
        covered: Rendered mask; normals count where it is full.
        target: 0 where none is known.
    """
    # Normals that face the camera have a z, unless seen 70° off the axis.
    both = ((target[..., 2] != 0) & (covered > FULL)).to(normals)
    difference = (normals - target).abs() * both[..., None]  # sums over 3 channels are slow
    return difference.sum((1, 2, 3)) / both.sum((1, 2)).clamp(min=1)


def mask_loss(
    covered: Float[Tensor, "P H W"],
    target: Float[Tensor, "P H W"],
    known: Float[Tensor, "P H W"],
) -> Float[Tensor, " P"]:
    """Return the squared difference of masks, summed over known pixels, per pixel of the person."""
    difference = (covered - target).square() * known
    return difference.sum((1, 2)) / target.sum((1, 2)).clamp(min=1)


def colour_loss(
    colour: Float[Tensor, "P H W 3"],
    covered: Float[Tensor, "P H W"],
    target: Float[Tensor, "P H W 3"],
    mask: Float[Tensor, "P H W"],
) -> Float[Tensor, " P"]:
    """Return the mean squared difference of colours where the photo and the surface are whole."""
    both = ((mask > FULL) & (covered > FULL)).to(colour)
    difference = (colour - target).square() * both[..., None]
    return difference.sum((1, 2, 3)) / both.sum((1, 2)).clamp(min=1)
