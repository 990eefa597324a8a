"""Views cut down to the person: what lies outside costs time and tells nothing."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.render.fragments import Cameras


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxes:
    """One rectangle of pixels in each of P images, all of one size."""

    left_top: Int[Tensor, "P 2"]
    """First column and row."""
    width: int
    height: int


def body_boxes(vertices_camera: Float[Tensor, "P V 3"], cameras: Cameras, margin_px: int) -> Boxes:
    """Return boxes around the vertices of each view, as small as the largest of them allows.

    Args:
        vertices_camera: Metres, camera frame of each view, before the camera.
        cameras: One for each view; boxes stay inside their images.
        margin_px: Added on every side: how far the vertices may still move.
    """
    seen = vertices_camera.detach() @ cameras.intrinsics.detach().to(vertices_camera).mT
    points = seen[..., :2] / seen[..., 2:]
    limit = torch.tensor([cameras.width, cameras.height], device=points.device)
    low = (points.amin(1).floor() - margin_px).clamp(min=0).minimum(limit)
    high = (points.amax(1).ceil() + margin_px).clamp(min=0).minimum(limit)
    width, height = (int(n) for n in (high - low).amax(0).clamp(min=1))
    free = limit - torch.tensor([width, height], device=points.device)
    left_top = low.minimum(free.to(low)).long()
    return Boxes(left_top=left_top, width=width, height=height)


def cropped(cameras: Cameras, boxes: Boxes) -> Cameras:
    """Return cameras that see only their boxes, pixel for pixel."""
    intrinsics = cameras.intrinsics.clone()
    intrinsics[:, :2, 2] -= boxes.left_top.to(intrinsics)
    return Cameras(intrinsics=intrinsics, width=boxes.width, height=boxes.height)


def crop_images(images: Float[Tensor, "P H W C"], boxes: Boxes) -> Float[Tensor, "P h w C"]:
    """Return the boxes' pixels: what `cropped` cameras see."""
    return torch.stack(
        [
            image[top : top + boxes.height, left : left + boxes.width]
            for image, (left, top) in zip(images, boxes.left_top.tolist(), strict=True)
        ]
    )
