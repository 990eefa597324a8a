"""Weights that fade without a step."""

from jaxtyping import Float
from torch import Tensor


def smoothstep(value: Float[Tensor, "*N"], start: float, end: float) -> Float[Tensor, "*N"]:
    """Return 0 up to `start`, 1 from `end` and 3t² − 2t³ between, without a kink at either end."""
    share = ((value - start) / (end - start)).clamp(0, 1)
    return share * share * (3 - 2 * share)
