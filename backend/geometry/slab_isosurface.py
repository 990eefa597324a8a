"""The zero level of a volume that is only ever there in slabs."""

from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Float, Int
from skimage.measure import marching_cubes
from torch import Tensor

from backend.geometry.isosurface import face_components

NOT_ZERO = 0.005
"""Voxels; with values nearer to 0 several vertices would share a place in single precision."""


def surface_of_slabs(
    slabs: Iterable[Float[Tensor, "X n Z"]],
) -> tuple[Float[Tensor, "V 3"], Int[Tensor, "F 3"]]:
    """Return the surface at which a volume turns from negative (inside) to positive.

    Lewiner et al. 2003, slab by slab: only one is in memory.

    Args:
        slabs: Along the second axis, in units of a voxel; each begins with the layer that ends the
            one before. The volume is positive at its border.

    Returns:
        Vertices in samples from the first one, and closed faces; empty if nothing is inside.
    """
    points, corners = [np.zeros((0, 3))], [np.zeros((0, 3), np.int64)]
    seams = [np.zeros(0, np.int64)]
    layer, count = 0, 0
    shared: Float[Tensor, "X Z"] | None = None
    for slab in slabs:
        if shared is not None:
            slab[:, 0] = shared  # to the last bit, so that both sides cut the same edges
        shared = slab[:, -1].clone()
        vertices, faces = _surface(slab)
        on_seam = (vertices[:, 1] == 0) | (vertices[:, 1] == slab.shape[1] - 1)
        seams.append(np.flatnonzero(on_seam) + count)
        points.append(vertices + np.array([0, layer, 0]))
        corners.append(faces + count)
        count += len(vertices)
        layer += slab.shape[1] - 1
    vertices, faces = _stitched(
        np.concatenate(points), np.concatenate(corners), np.concatenate(seams)
    )
    return torch.from_numpy(vertices), torch.from_numpy(faces)


def _surface(
    slab: Float[Tensor, "X n Z"],
) -> tuple[Float[np.ndarray, "V 3"], Int[np.ndarray, "F 3"]]:
    values = slab.detach().cpu().numpy()
    values = np.where(np.abs(values) < NOT_ZERO, np.float32(NOT_ZERO), values)
    if (values < 0).any() and (values > 0).any():
        vertices, faces, _, _ = marching_cubes(values, 0.0, gradient_direction="descent")
        return vertices.astype(np.float64), faces.astype(np.int64)
    return np.zeros((0, 3)), np.zeros((0, 3), np.int64)


def _stitched(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], seams: Int[np.ndarray, " S"]
) -> tuple[Float[np.ndarray, "W 3"], Int[np.ndarray, "F 3"]]:
    """Merge the vertices that two slabs share."""
    _, first, twin = np.unique(vertices[seams], axis=0, return_index=True, return_inverse=True)
    number = np.arange(len(vertices))
    number[seams] = seams[first][twin.reshape(-1)]
    used, renumbered = np.unique(number[faces], return_inverse=True)
    return vertices[used], renumbered.reshape(-1, 3)


def outer_component(
    vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"]
) -> tuple[Float[Tensor, "W 3"], Int[Tensor, "G 3"]]:
    """Return the connected piece of a closed surface around the largest volume.

    The walls of cavities are pieces of their own, around a negative volume.
    """
    component = face_components(faces, len(vertices))
    a, b, c = vertices[faces.long()].double().unbind(dim=1)
    volumes = (torch.linalg.cross(a, b) * c).sum(dim=1)
    total = volumes.new_zeros(int(component.max()) + 1).index_add(0, component, volumes)
    used, renumbered = faces[component == total.argmax()].unique(return_inverse=True)
    return vertices[used], renumbered.reshape(-1, 3)
