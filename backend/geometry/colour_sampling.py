"""Colours of a mesh's vertices that reproduce an image."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def fit_vertex_colours(
    corners: Int[Tensor, "N 3"],
    shares: Float[Tensor, "N 3"],
    pixels: Float[Tensor, "N 3"],
    start: Float[Tensor, "V 3"],
    *,
    pull: Float[Tensor, " V"],
    rounds: int,
) -> Float[Tensor, "V 3"]:
    """Return the vertex colours whose interpolation over the faces comes closest to the pixels.

        argmin_c Σ_pixels |Σ_k b_k c_k - I|² + Σ_v pull_v |c_v - start_v|²

    by conjugate gradients. Detail that the mesh cannot hold is averaged away; colours taken at the
    vertices alone would turn it into false patterns.

    Args:
        corners: Vertices of the face that each pixel shows.
        shares: Barycentric coordinates.
        pixels: sRGB.
        start: First guess; vertices without pixels keep it.
        pull: Weight of each vertex's guess, in pixels; above 0.
        rounds: Of the iteration.
    """

    def scatter(values: Float[Tensor, "N 3"]) -> Float[Tensor, "V 3"]:
        spread = (shares[..., None] * values[:, None]).reshape(-1, 3)
        return torch.zeros_like(start).index_add(0, corners.reshape(-1).long(), spread)

    def gather(values: Float[Tensor, "V 3"]) -> Float[Tensor, "N 3"]:
        return (shares[..., None] * values[corners.long()]).sum(1)

    colours = start
    residual = scatter(pixels - gather(start))
    direction, energy = residual, residual.square().sum(0)
    for _ in range(rounds):
        image = scatter(gather(direction)) + pull[:, None] * direction
        step = energy / (direction * image).sum(0).clamp(min=1e-12)
        colours, residual = colours + step * direction, residual - step * image
        before, energy = energy, residual.square().sum(0)
        direction = residual + energy / before.clamp(min=1e-12) * direction
    return colours
