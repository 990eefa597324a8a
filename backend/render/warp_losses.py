"""The image terms of eq 11 in Warp: one pass over the images, and one back."""

from typing import Any

import torch
import warp as wp
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from backend.render.loss_kernels import add_up_rows, spread_loss_gradients
from backend.render.map_losses import FULL
from backend.render.warp_rasterizer import plain
from backend.render.warp_views import Array, launch_views, per_view


def normal_and_mask_loss(
    image: Float[Tensor, "P H W C"],
    normals: Float[Tensor, "P H W 3"],
    mask: Float[Tensor, "P H W"],
    known: Float[Tensor, "P H W"],
) -> tuple[Float[Tensor, " P"], Float[Tensor, " P"]]:
    """See `map_losses.normal_and_mask_loss`; in single precision."""
    both = _Losses.apply(image.float(), (normals.float(), mask.float(), known.float()))
    return both[:, 0], both[:, 1]


class _Losses(torch.autograd.Function):
    """Images -> their two losses, and back."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, targets: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        rows = torch.empty((*image.shape[:2], 4), device=image.device)
        inputs = [*_compared(image, *targets), per_view(rows, wp.vec4)]
        launch_views(add_up_rows, image.shape[:2], inputs, image.device)
        sums = rows.sum(1)
        pixels = sums[:, 1::2].clamp(min=1)  # of known normals, of the person
        ctx.save_for_backward(image, *targets, pixels)
        return sums[:, 0::2] / pixels

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride] - the decorator's types
        ctx: Any, *gradients: Tensor
    ) -> tuple[Tensor | None, ...]:
        *compared, pixels = ctx.saved_tensors
        image = compared[0]
        # Memory that is never written is never fetched: most pixels see nothing.
        result = torch.zeros_like(image, memory_format=torch.contiguous_format)
        weights = plain(gradients[0] / pixels)
        inputs = [*_compared(*compared), per_view(weights, wp.vec2), per_view(result, wp.float32)]
        launch_views(spread_loss_gradients, image.shape[:2], inputs, image.device)
        return result, None


def _compared(
    image: Float[Tensor, "P H W C"],
    normals: Float[Tensor, "P H W 3"],
    mask: Float[Tensor, "P H W"],
    known: Float[Tensor, "P H W"],
) -> list[Array | float]:
    """Return the kernels' first arguments. Targets are not copied: slices of them may come."""
    compared = [per_view(plain(image), wp.float32), per_view(normals.detach(), wp.vec3)]
    compared += [per_view(target.detach(), wp.float32) for target in (mask, known)]
    return [*compared, FULL]
