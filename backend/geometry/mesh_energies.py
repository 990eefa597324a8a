"""How rough a triangle mesh is: the energies that keep a fitted surface smooth."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize


def laplacian_energy(
    values: Float[Tensor, "V 3"], neighbour_mean: Float[Tensor, "V V"]
) -> Float[Tensor, ""]:
    """Return how far vertices lie from the middle of their neighbours.

    mean_v |(L x)_v|², L = D⁻¹ A − 1    CanonicalFusion, eq 12

    0 for a flat even mesh; of offsets from a given surface: 0 where neighbours move alike.

    Args:
        values: Positions or offsets, metres; the result is in square metres.
        neighbour_mean: D⁻¹ A, from `smoothness.neighbour_mean`.
    """
    return (neighbour_mean @ values - values).square().sum(1).mean()


def normal_consistency(
    vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"], adjacent: Int[Tensor, "E 2"]
) -> Float[Tensor, ""]:
    """Return how much the faces turn at the edges.

    mean_e (1 − n_i · n_j)² over faces i and j that share the edge e    CanonicalFusion, eq 13

    Args:
        vertices: Metres; the result has no unit.
        faces: Triangles.
        adjacent: From `adjacent_faces`.
    """
    normals = face_normals(vertices, faces)
    cosine = (normals[adjacent[:, 0]] * normals[adjacent[:, 1]]).sum(1)
    return (1 - cosine).square().mean()


def face_normals(vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"]) -> Float[Tensor, "F 3"]:
    """Return the faces' unit normals; 0 for a face without area. Differentiable."""
    a, b, c = (vertices[faces[:, corner].long()] for corner in range(3))
    # The squares of a 0.1 mm face's cross product are 1e-16: far above float32's least number.
    return normalize(torch.linalg.cross(b - a, c - a), dim=1, eps=1e-18)


def adjacent_faces(faces: Int[Tensor, "F 3"]) -> Int[Tensor, "E 2"]:
    """Return the two faces of each edge that has exactly two."""
    _, edge, count = edges_of(faces)
    order = edge.argsort(stable=True)
    first = (count.cumsum(0) - count)[count == 2]
    return torch.stack([order[first], order[first + 1]], 1) // 3


def edges_of(
    faces: Int[Tensor, "F 3"],
) -> tuple[Int[Tensor, "E 2"], Int[Tensor, " S"], Int[Tensor, " E"]]:
    """Return each edge once, the edge of each side of each face, and how many faces each has."""
    corners = faces.long()
    low, high = corners[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2).aminmax(dim=1)
    span = int(high.max()) + 1 if len(high) else 1
    key, edge, count = (low * span + high).unique(return_inverse=True, return_counts=True)
    return torch.stack([key // span, key % span], 1), edge, count
