"""Masks as PNG."""

from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor


def eight_bits(image: Float[Tensor, "..."]) -> UInt8[np.ndarray, "..."]:
    """Return values from 0 to 1 as 0 to 255."""
    return (image.detach().clamp(0, 1) * 255).round().byte().cpu().numpy()


def save_png(path: Path, image: UInt8[np.ndarray, "H W *C"]) -> None:
    """Write a grey (H W) or an sRGB picture (H W 3)."""
    Image.fromarray(image).save(path, format="PNG")
