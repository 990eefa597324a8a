"""The visible meshes of a clothed person."""

from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float, Int
from torch import Tensor

PARTS = ("skin", "hair", "top", "bottom", "dress", "shoes", "hat", "glasses", "other")
"""What a vertex belongs to; the index is its label. `dress` is a dress or a coat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One visible mesh of a person, in the bind pose."""

    name: str
    part: str
    """One of `PARTS`: skin and eyes are `skin`, brows and lashes `hair`."""
    vertices: Float[Tensor, "V 3"]
    faces: Int[Tensor, "F 3"]
    """Counter-clockwise seen from outside."""
    weights: Float[Tensor, "V J"]
    corner_uv: Float[Tensor, "F 3 2"]
    """Texture coordinates, v upwards."""
    texture: Path | None
    colour: tuple[float, float, float]
    """sRGB, 0 to 1; multiplies the texture."""
