"""Triangles of the zero level of a volume of signed distances."""

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from skimage.measure import marching_cubes as lewiner_marching_cubes
from torch import Tensor

from backend.geometry.signed_distance import Volume

NOT_ZERO = 1e-4
"""Shares of a voxel; a value of exactly 0 would put several vertices on one grid point."""


def marching_cubes(volume: Volume) -> tuple[Float[Tensor, "V 3"], Int[Tensor, "F 3"]]:
    """Return the closed surface at which a volume turns from negative (inside) to positive.

    Lewiner et al. 2003. The surface is capped where it meets the border of the volume. Vertices are
    in the frame of the volume's origin, metres; both are empty if nothing is inside.
    """
    least = NOT_ZERO * volume.voxel_m
    values = volume.values.detach().cpu().numpy()
    values = np.where(np.abs(values) < least, np.float32(least), values)
    values = np.pad(values, 1, constant_values=volume.voxel_m)
    device = volume.values.device
    if not (values < 0).any():
        return torch.zeros((0, 3), device=device), torch.zeros(
            (0, 3), dtype=torch.int64, device=device
        )
    vertices, faces, _, _ = lewiner_marching_cubes(values, 0.0, gradient_direction="descent")
    points = (torch.from_numpy(vertices.copy()) - 1) * volume.voxel_m
    return (
        points.to(device) + volume.origin,
        torch.from_numpy(faces.astype(np.int64)).to(device),
    )


def largest_component(
    vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"]
) -> tuple[Float[Tensor, "W 3"], Int[Tensor, "G 3"]]:
    """Return the connected piece of a mesh that has the most faces, without unused vertices."""
    component = face_components(faces, len(vertices))
    if len(component) == 0:
        return vertices[:0], faces
    kept = faces[component == component.bincount().argmax()]
    used, renumbered = kept.unique(return_inverse=True)
    return vertices[used], renumbered.reshape(-1, 3)


def face_components(faces: Int[Tensor, "F 3"], vertex_count: int) -> Int[Tensor, " F"]:
    """Return for each face the number of the connected piece it belongs to."""
    corners = faces.cpu().numpy()
    rows, columns = corners[:, [0, 1]].T
    more_rows, more_columns = corners[:, [1, 2]].T
    ends = (np.concatenate([rows, more_rows]), np.concatenate([columns, more_columns]))
    ones = np.ones(len(ends[0]), dtype=np.int8)
    graph = coo_array((ones, ends), shape=(vertex_count, vertex_count))
    _, labels = connected_components(graph, directed=False)
    return torch.from_numpy(labels[corners[:, 0]].astype(np.int64)).to(faces.device)
