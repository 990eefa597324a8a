"""Photos as JPEG."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

QUALITY = 92
"""Of 100: no difference to be seen beside the original."""


def save_jpeg(path: Path, image: UInt8[np.ndarray, "H W 3"]) -> None:
    """Write an sRGB picture."""
    Image.fromarray(image).save(path, format="JPEG", quality=QUALITY)
