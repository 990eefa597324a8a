"""What photos show of a surface, as images that renders of it are compared with.

P views, H W image. Camera frame: metres, +X right, +Y down, +Z forward; pixel centres at +0.5.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import avg_pool2d

from backend.geometry.depth_normals import normals_of_depth, points_of_depth
from backend.render.crop import Boxes, crop_images, cropped
from backend.render.fragments import Cameras
from backend.types import Camera, SurfaceMaps

CHANNELS = 11
"""Of a view's images: mask, where it is known, two normals, a colour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Images of P views, all of one size. Side 0 = front, 1 = back."""

    cameras: Cameras
    mask: Float[Tensor, "P H W"]
    """Share of the person in each pixel."""
    known: Float[Tensor, "P H W"]
    """Share of each pixel whose mask is known: outside the photo nobody knows."""
    normals: Float[Tensor, "P 2 H W 3"]
    """Outward unit normals in the camera frame; 0 where none is known."""
    colour: Float[Tensor, "P H W 3"]
    """Of the front; sRGB, 0 to 1."""


def targets_of(
    maps: SurfaceMaps, known: Bool[Tensor, "H W"], *, max_slope: float, inset_px: int
) -> Targets:
    """Return the targets of one view.

    Args:
        maps: Of one photo.
        known: Which pixels lie on the photo.
        max_slope: As in `normals_of_depth`.
        inset_px: Normals nearer than this to the outline do not count: there, maps are rough.
    """
    inside = _shrunk(maps.level > 0.5, inset_px)
    normals = [
        normals_of_depth(points_of_depth(depth, maps.camera), maps.level > 0.5, max_slope)
        for depth in maps.depth
    ]
    cameras = Cameras(
        intrinsics=maps.camera.intrinsics[None],
        width=maps.camera.width,
        height=maps.camera.height,
    )
    return Targets(
        cameras=cameras,
        mask=maps.level[None],
        known=known.to(maps.level)[None],
        normals=torch.stack([normals[0], -normals[1]])[None] * inside[..., None],
        colour=maps.colour[:1],
    )


def on_photo(maps: SurfaceMaps, camera: Camera, border_px: float) -> Bool[Tensor, "H W"]:
    """Tell which pixels of the crop show the photo.

    Args:
        maps: Of one photo.
        camera: Of the whole photo.
        border_px: What is nearer to the photo's border does not count.
    """
    photo_from_crop = maps.camera_from_crop_px
    inside = []
    for axis, (count, end) in enumerate(
        [(maps.camera.width, camera.width), (maps.camera.height, camera.height)]
    ):
        centres = torch.arange(count).to(photo_from_crop) + 0.5
        place = centres * photo_from_crop[axis, axis] + photo_from_crop[axis, 2]
        inside.append((place > border_px) & (place < end - border_px))
    return inside[1][:, None] & inside[0]


def _shrunk(mask: Bool[Tensor, "H W"], pixels: int) -> Bool[Tensor, "H W"]:
    outside = (~mask).float()[None, None]
    return torch.nn.functional.max_pool2d(outside, 2 * pixels + 1, 1, pixels)[0, 0] == 0


def joined(views: list[Targets]) -> Targets:
    """Return the targets of several views in one.

    Raises:
        ValueError: if their images are not of one size.
    """
    sizes = {(view.cameras.width, view.cameras.height) for view in views}
    if len(sizes) != 1:
        raise ValueError(f"the views' images are of {len(sizes)} sizes")
    intrinsics = torch.cat([view.cameras.intrinsics for view in views])
    return Targets(
        cameras=replace(views[0].cameras, intrinsics=intrinsics),
        mask=torch.cat([view.mask for view in views]),
        known=torch.cat([view.known for view in views]),
        normals=torch.cat([view.normals for view in views]),
        colour=torch.cat([view.colour for view in views]),
    )


def halved(targets: Targets) -> Targets:
    """Return the targets at half the resolution; an odd last row or column is lost."""
    intrinsics = targets.cameras.intrinsics.clone()
    intrinsics[:, :2] /= 2  # pixel centres are at +0.5: the principal point scales as it is
    cameras = Cameras(
        intrinsics=intrinsics,
        width=targets.cameras.width // 2,
        height=targets.cameras.height // 2,
    )
    normals = targets.normals
    mean = _halved_image(normals.flatten(0, 1)).unflatten(0, normals.shape[:2])
    known = _halved_image((normals.square().sum(-1, keepdim=True) > 0).to(normals).flatten(0, 1))
    return Targets(
        cameras=cameras,
        mask=_halved_image(targets.mask[..., None])[..., 0],
        known=_halved_image(targets.known[..., None])[..., 0],
        normals=mean * (known == 1).unflatten(0, normals.shape[:2]),
        colour=_halved_image(targets.colour),
    )


def _halved_image(image: Float[Tensor, "P H W C"]) -> Float[Tensor, "P h w C"]:
    return avg_pool2d(image.movedim(-1, 1), 2).movedim(1, -1)


def cut(targets: Targets, boxes: Boxes) -> Targets:
    """Return the boxes' pixels."""
    sides = [crop_images(targets.normals[:, side], boxes) for side in (0, 1)]
    return Targets(
        cameras=cropped(targets.cameras, boxes),
        mask=crop_images(targets.mask[..., None], boxes)[..., 0],
        known=crop_images(targets.known[..., None], boxes)[..., 0],
        normals=torch.stack(sides, 1),
        colour=crop_images(targets.colour, boxes),
    )


def chosen(targets: Targets, views: Int[Tensor, " Q"]) -> Targets:
    """Return the targets of some of the views; of consecutive ones without copying images."""
    first, count = int(views[0]), len(views)
    is_run = views.tolist() == list(range(first, first + count))
    rows = slice(first, first + count) if is_run else views
    cameras = replace(targets.cameras, intrinsics=targets.cameras.intrinsics[rows])
    return Targets(
        cameras=cameras,
        mask=targets.mask[rows],
        known=targets.known[rows],
        normals=targets.normals[rows],
        colour=targets.colour[rows],
    )


def mask_corners(targets: Targets) -> Float[Tensor, "P 4 3"]:
    """Return points, a metre before each camera, that frame the mask; the middle if it is empty."""
    corners = []
    for mask, intrinsics in zip(targets.mask, targets.cameras.intrinsics, strict=True):
        pixels = (mask > 0).nonzero().flip(1)
        if not len(pixels):
            pixels = mask.new_tensor([[targets.cameras.width // 2, targets.cameras.height // 2]])
        (left, top), (right, bottom) = pixels.amin(0).tolist(), (pixels.amax(0) + 1).tolist()
        frame = [[left, top, 1], [right, top, 1], [left, bottom, 1], [right, bottom, 1]]
        corners.append(mask.new_tensor(frame) @ torch.linalg.inv(intrinsics).mT)
    return torch.stack(corners)
