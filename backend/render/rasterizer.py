"""Which surface each pixel of a camera sees, and values interpolated on it."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.render.fragments import Layer
from backend.render.warp_rasterizer import KEEP_FARTHEST, KEEP_NEAREST, visible_faces
from backend.types import Camera


@dataclass(frozen=True, slots=True, kw_only=True)
class Raster:
    """The surface seen at the centre of each pixel."""

    face: Int[Tensor, "H W"]
    """Index of the face; -1 where there is none."""
    barycentric: Float[Tensor, "H W 3"]
    """Perspective-correct shares of the face's three corners; 0 where there is no face."""
    depth: Float[Tensor, "H W"]
    """Metres along the camera's +Z; 0 where there is no face."""

    @property
    def mask(self) -> Bool[Tensor, "H W"]:
        """True where a face is seen."""
        return self.face >= 0


def rasterize(
    vertices_camera: Float[Tensor, "V 3"],
    faces: Int[Tensor, "F 3"],
    camera: Camera,
    layer: Layer = "nearest",
) -> Raster:
    """Return the nearest or the farthest surface along the ray of each pixel centre.

    Both sides of a face are seen. A face with a corner at or behind the camera's plane is dropped,
    not clipped. Where faces share an edge, none of their pixels stays empty; at equal depth the
    lower face index wins. No gradients: visibility is constant to them.

    Args:
        vertices_camera: Metres, camera frame.
        faces: Triangles.
        camera: Gives the size of the result.
        layer: Which surface is kept where several lie on a ray.
    """
    flip = KEEP_FARTHEST if layer == "farthest" else KEEP_NEAREST
    face, barycentric, depth = visible_faces(vertices_camera, faces, camera, flip)
    return Raster(face=face, barycentric=barycentric, depth=depth)


def interpolate(
    raster: Raster, faces: Int[Tensor, "F 3"], attributes: Float[Tensor, "V C"]
) -> Float[Tensor, "H W C"]:
    """Return values given at vertices for each pixel; 0 where there is no face.

    Differentiable in the values.
    """
    height, width = raster.face.shape
    mask = raster.mask
    image = attributes.new_zeros((height, width, attributes.shape[1]))
    corners = attributes[faces[raster.face[mask]].long()]  # (N, 3, C)
    shares = raster.barycentric[mask].to(attributes.dtype)
    image[mask] = torch.einsum("nk,nkc->nc", shares, corners)
    return image


def mask_iou(first: Bool[Tensor, "H W"], second: Bool[Tensor, "H W"]) -> float:
    """Return the area that two masks share over the area of both; 1 if both are empty."""
    union = int((first | second).sum())
    return int((first & second).sum()) / union if union else 1.0
