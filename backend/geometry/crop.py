"""A square crop of a photo: where it lies, its camera, and images resampled onto it."""

import torch
from jaxtyping import Float
from torch import Tensor

from backend.types import Camera


def square_around(
    points_px: Float[Tensor, "N 2"], margin: float, resolution: int
) -> Float[Tensor, "3 3"]:
    """Return `photo_from_crop`: pixels of a square crop around the points to pixels of the photo.

    Args:
        points_px: What the crop must show; pixels of the photo.
        margin: Share of the side that stays free on each side.
        resolution: Pixels per side of the crop.
    """
    lower, upper = points_px.amin(0), points_px.amax(0)
    # A crop needs an extent, even of a single point.
    side = (upper - lower).amax().clamp(min=1) / (1 - 2 * margin)
    corner = (lower + upper - side) / 2
    photo_from_crop = torch.eye(3, dtype=points_px.dtype, device=points_px.device)
    photo_from_crop[0, 0] = photo_from_crop[1, 1] = side / resolution
    photo_from_crop[:2, 2] = corner
    return photo_from_crop


def crop_camera(camera: Camera, photo_from_crop: Float[Tensor, "3 3"], resolution: int) -> Camera:
    """Return the camera that sees the crop."""
    intrinsics = torch.linalg.inv(photo_from_crop.to(camera.intrinsics)) @ camera.intrinsics
    return Camera(intrinsics=intrinsics, width=resolution, height=resolution)


def to_crop(
    points_px: Float[Tensor, "N 2"], photo_from_crop: Float[Tensor, "3 3"]
) -> Float[Tensor, "N 2"]:
    """Return where points of the photo lie in the crop, pixels."""
    corner = photo_from_crop[:2, 2].to(points_px)
    return (points_px - corner) / photo_from_crop[0, 0].to(points_px)


def resample(
    image: Float[Tensor, "H W C"], photo_from_crop: Float[Tensor, "3 3"], resolution: int
) -> Float[Tensor, "R R C"]:
    """Return the mean of the photo over each crop pixel; outside the photo counts as 0.

    Exact area averages where the crop is coarser than the photo, linear interpolation where it is
    finer (a box is never narrower than a photo pixel).
    """
    for axis in (0, 1):
        scale, start = photo_from_crop[axis, axis], photo_from_crop[axis, 2]
        width = scale.clamp(min=1)
        steps = torch.arange(resolution, dtype=scale.dtype, device=image.device)
        centres = (steps + 0.5) * scale + start
        rows = _box_means(image.movedim(1 - axis, 0), centres, float(width))
        image = rows.movedim(0, 1 - axis)
    return image


def _box_means(
    image: Float[Tensor, "H W C"], centres: Float[Tensor, " R"], width: float
) -> Float[Tensor, "R W C"]:
    """Means over rows, by differences of the running sum at the (fractional) ends of each box."""
    rows = image.shape[0]
    low, high = ((centres + side * width / 2).clamp(0, rows) for side in (-1, 1))
    first, last = int(low.amin()), min(int(high.amax()) + 1, rows)
    total = torch.cat([image.new_zeros((1, *image.shape[1:])), image[first:last].cumsum(0)])

    def at(place: Float[Tensor, " R"]) -> Float[Tensor, "R W C"]:
        below = (place - first).floor().long().clamp(0, len(total) - 1)
        above = (below + 1).clamp(max=len(total) - 1)
        share = (place - first - below).clamp(0, 1)[:, None, None].to(image.dtype)
        return total[below] * (1 - share) + total[above] * share

    return (at(high) - at(low)) / width
