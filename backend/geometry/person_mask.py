"""Which pixels of a mask are the person's, and where its surface faces."""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import ndimage

from backend.geometry.pixel_graph import nearest_pixels


def keep_person(
    level: Float[np.ndarray, "H W"],
    covered: Bool[np.ndarray, "H W"],
    marks: Int[np.ndarray, "M 2"],
    least_overlap: float,
) -> Float[np.ndarray, "H W"]:
    """Return the level with the parts of the mask that are not the person's set to 0.

    Kept are the largest part, parts of which the body covers a share, and parts with a landmark.

    Args:
        level: 0 to 1, the outline at 0.5.
        covered: The posed body's silhouette.
        marks: Row and column of the visible landmarks.
        least_overlap: Share of a part that the body must cover.
    """
    labels, count = _label(level > 0.5, np.ones((3, 3)))
    if count == 0:
        return level
    numbers = np.arange(count + 1)
    area = ndimage.sum_labels(np.ones_like(level), labels, numbers)
    overlap = ndimage.sum_labels(covered.astype(np.float64), labels, numbers)
    kept = overlap > least_overlap * np.maximum(area, 1)
    kept[1 + area[1:].argmax()] = True
    inside = ((marks >= 0) & (marks < level.shape)).all(1)
    kept[labels[tuple(marks[inside].T)]] = True
    # The soft edge of a part goes with the part.
    return np.where(kept[labels[tuple(nearest_pixels(labels > 0))]], level, 0).astype(level.dtype)


def fill_pinholes(
    level: Float[np.ndarray, "H W"], covered: Bool[np.ndarray, "H W"], most_px: float
) -> Float[np.ndarray, "H W"]:
    """Return the level with small holes over the body filled.

    Args:
        level: 0 to 1.
        covered: The posed body's silhouette; a hole that it does not wholly cover stays.
        most_px: Area up to which a hole is an error of the mask, pixels.
    """
    labels, count = _label(level <= 0.5, ndimage.generate_binary_structure(2, 1))
    if count == 0:
        return level
    numbers = np.arange(count + 1)
    area = ndimage.sum_labels(np.ones_like(level), labels, numbers)
    bare = ndimage.sum_labels((~covered).astype(np.float64), labels, numbers)
    border = np.unique(np.concatenate([labels[[0, -1]].ravel(), labels[:, [0, -1]].ravel()]))
    is_hole = (area <= most_px) & (bare == 0)
    is_hole[border] = False
    is_hole[0] = False
    return np.where(is_hole[labels], 1, level).astype(level.dtype)


def back_project(
    depth: Float[np.ndarray, "H W"], intrinsics: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "H W 3"]:
    """Return the points (metres, camera frame) at the pixel centres of a depth map."""
    rows, columns = np.mgrid[: depth.shape[0], : depth.shape[1]] + 0.5
    pixels = np.stack([columns, rows, np.ones_like(rows)], -1)
    return pixels @ np.linalg.inv(intrinsics).T * depth[..., None]


def depth_normals(
    points: Float[np.ndarray, "H W 3"], mask: Bool[np.ndarray, "H W"]
) -> Float[np.ndarray, "H W 3"]:
    """Return unit normals of a depth map's points that face the camera; 0 outside the mask.

    Differences are taken to that neighbour, of the two on an axis, which is nearer in depth: the
    other one may lie beyond a step.
    """
    across, down = (_tangent(points, mask, axis) for axis in (1, 0))
    normals = np.cross(across, down)
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
    away = np.einsum("hwc,hwc->hw", normals, points) > 0
    return np.where(mask[..., None], np.where(away[..., None], -normals, normals), 0)


def _tangent(
    points: Float[np.ndarray, "H W 3"], mask: Bool[np.ndarray, "H W"], axis: int
) -> Float[np.ndarray, "H W 3"]:
    size = points.shape[axis]
    ahead = np.minimum(np.arange(size) + 1, size - 1)
    behind = np.maximum(np.arange(size) - 1, 0)
    # At the image's border there is no neighbour on that side.
    inner = mask.swapaxes(axis, 1)
    has_ahead, has_behind = np.zeros_like(inner), np.zeros_like(inner)
    has_ahead[:, :-1], has_behind[:, 1:] = inner[:, 1:], inner[:, :-1]
    forward = points.take(ahead, axis) - points
    backward = points - points.take(behind, axis)
    step = np.where(has_ahead.swapaxes(axis, 1), np.abs(forward[..., 2]), np.inf)
    other = np.where(has_behind.swapaxes(axis, 1), np.abs(backward[..., 2]), np.inf)
    chosen = np.where((step <= other)[..., None], forward, backward)
    level = np.zeros(3)
    level[1 - axis] = 1.0
    return np.where(np.isinf(np.minimum(step, other))[..., None], level, chosen)


def _label(
    mask: Bool[np.ndarray, "H W"], neighbourhood: Float[np.ndarray, "3 3"] | Bool[np.ndarray, "3 3"]
) -> tuple[Int[np.ndarray, "H W"], int]:
    """Return the connected parts of a mask by number from 1, and how many there are."""
    labels = np.zeros(mask.shape, dtype=np.int32)
    count = ndimage.label(mask, structure=neighbourhood, output=labels)
    return labels, int(np.asarray(count))
