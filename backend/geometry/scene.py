"""A person in a square crop of a photo, and the fitted body behind its pixels."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from backend.geometry.pixel_graph import PixelGraph


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLayers:
    """The posed body as the crop sees it, on the crop's pixels; side 0 = front, 1 = back."""

    covered: Bool[np.ndarray, "H W"]
    depth: Float[np.ndarray, "2 H W"]
    """Metres; 0 where the body is not."""
    part: Int[np.ndarray, "2 H W"]
    """`Part`; -1 where the body is not."""
    weights: Float[np.ndarray, "2 M J"]
    """Of the M covered pixels, row-major."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BodySamples:
    """Points on the skin of a posed body, camera frame, metres."""

    points: Float[np.ndarray, "V 3"]
    normals: Float[np.ndarray, "V 3"]
    weights: Float[np.ndarray, "V J"]
    part: Int[np.ndarray, " V"]
    """`Part`."""
    eyes: Float[np.ndarray, " 3"]
    """The middle between the eyes; the body's middle if it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """How the pixels of the crop lie to the body and to the outline, metres."""

    pixel_m: float
    """Size of a pixel at the body's depth."""
    inside_outline: Float[np.ndarray, "H W"]
    """From the outline inwards; the photo's border is no outline. 0 outside."""
    inside_body: Float[np.ndarray, "H W"]
    """From the edge of body and mask inwards; 0 outside."""
    to_body: Float[np.ndarray, "H W"]
    """To the body's silhouette; 0 on the body."""
    nearest: Int[np.ndarray, "2 H W"]
    """Row and column of the nearest pixel of the body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the crop shows: the person, the body, and how they lie to each other."""

    intrinsics: Float[np.ndarray, "3 3"]
    """Of the crop's camera."""
    level: Float[np.ndarray, "H W"]
    """Share of the person, 0 to 1; the outline is at 0.5."""
    open_pixels: Bool[np.ndarray, "H W"]
    """Outside of the photo: neither person nor not."""
    colour: Float[np.ndarray, "H W 3"]
    """sRGB, 0 to 1."""
    layers: BodyLayers
    samples: BodySamples
    around: Surroundings
    graph: PixelGraph
    """Of the pixels with `level` > 0.5."""

    @property
    def mask(self) -> Bool[np.ndarray, "H W"]:
        """The person's pixels."""
        return self.graph.mask
