"""What the differentiable rasterisers are given, and what they hand on.

P views, V vertices, F faces, E edges, H W image, C channels. Camera frame: metres, +X right, +Y
down, +Z forward; pixel centres at +0.5.
"""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Layer = Literal["nearest", "farthest"]
Backend = Literal["warp", "nvdiffrast", "torch"]

NONE = -1
"""Instead of a face or a vertex where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cameras:
    """Pinhole cameras of P views whose images are of one size."""

    intrinsics: Float[Tensor, "P 3 3"]
    """Pixels; the last row is 0 0 1. Constant to gradients: move the vertices instead."""
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """The faces of a mesh and the edges between them; made once by `mesh_topology`."""

    faces: Int[Tensor, "F 3"]
    """32 bits."""
    edges: Int[Tensor, "E 2"]
    """Each edge once, its vertices in ascending order; 32 bits."""
    opposite: Int[Tensor, "E 2"]
    """The third corner of the edge's two faces; the second is -1 unless the edge has exactly two
    faces: such an edge always counts as an outline. 32 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferentiationSettings:
    """Which outlines are found, and how large gradients may become."""

    behind_m: float = 0.1
    """An outline may lie this far behind the surface seen at its inner pixel: surfaces curve away
    towards their outline, where one of radius r and pixels of size s by (2 r s)^1/2. A trunk at
    3 m in 512 pixels: 0.04, a limit at which every hundredth outline is lost, more on one side."""
    gap_m: float = 0.002
    """What is seen at the outer pixel must lie at least this far behind the outline."""
    least_area_px2: float = 0.01
    """Faces that look smaller (edge-on ones, most of all) have the slopes of one of this size."""


DEFAULT = DifferentiationSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragments:
    """The surface seen at the centre of each pixel of each view, and what it was made from."""

    vertices: Float[Tensor, "P V 3"]
    """Metres, camera frame of each view; the gradients of `interpolate` and `antialias` go here."""
    topology: Topology
    cameras: Cameras
    layer: Layer
    backend: Backend
    settings: DifferentiationSettings
    face: Int[Tensor, "P H W"]
    """Index of the face; -1 where there is none. 32 bits."""
    depth: Float[Tensor, "P H W"]
    """Metres along the camera's +Z; 0 where there is no face. Constant to gradients: interpolate
    the vertices for a depth with gradients."""
    native: Any = None
    """What the backend itself needs later on."""

    @property
    def mask(self) -> Bool[Tensor, "P H W"]:
        """True where a face is seen."""
        return self.face >= 0


def mesh_topology(faces: Int[Tensor, "F 3"]) -> Topology:
    """Return the edges of a mesh and the third corners of the faces that meet there."""
    corners = faces.long()
    low, high = corners[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2).aminmax(dim=1)
    third = corners[:, [2, 0, 1]].flatten()
    span = int(high.max()) + 1 if len(high) else 1
    key, edge, count = (low * span + high).unique(return_inverse=True, return_counts=True)
    edges = torch.stack([key // span, key % span], 1)
    order = edge.argsort(stable=True)
    first = count.cumsum(0) - count
    after = (first + 1).clamp(max=max(len(order) - 1, 0))
    opposite = third[order[torch.stack([first, after], 1)]]
    opposite[count != 2, 1] = NONE
    return Topology(
        faces=faces.to(torch.int32).contiguous(),
        edges=edges.to(torch.int32).contiguous(),
        opposite=opposite.to(torch.int32).contiguous(),
    )
