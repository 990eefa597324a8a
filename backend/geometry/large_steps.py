"""Steps of a surface's vertices that stay smooth (Nicolet, Jacobson and Jakob 2021)."""

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.sparse import coo_array, diags_array
from scipy.sparse.linalg import splu
from torch import Tensor

from backend.geometry.mesh_energies import edges_of

FADE = (0.9, 0.99)
"""Of the mean gradient and of its largest square, as Adam's."""


class LargeSteps:
    """Owns the factors of 1 + κ + λ L and the mean of past gradients.

    A gradient g is spread over the surface, (1 + κ + λ L)⁻¹ g with the combinatorial Laplacian L,
    before it moves the vertices: neighbours move alike, dents of single vertices cannot form, and
    a step reaches farther. All vertices share one scale, the largest gradient (AdamUniform).
    """

    def __init__(
        self, faces: Int[Tensor, "F 3"], stiffness: Float[Tensor, " V"], smoothing: float
    ) -> None:
        """Factor the matrix.

        Args:
            faces: Triangles.
            stiffness: κ; a vertex of κ moves 1 / (1 + κ) as far as its neighbours would let it.
            smoothing: λ; gradients spread over about λ^1/2 edges.
        """
        ends = edges_of(faces)[0].cpu().numpy()
        both = np.concatenate([ends, ends[:, ::-1]])
        size = (len(stiffness), len(stiffness))
        graph = coo_array((np.ones(len(both)), both.T), shape=size).tocsr()
        laplacian = diags_array(graph.sum(axis=1)) - graph
        own = diags_array(1 + stiffness.double().cpu().numpy())
        # Symmetric and dominated by its diagonal: no pivoting, half the fill-in.
        self._factors = splu(
            (own + smoothing * laplacian).tocsc(),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
        self._mean: Float[Tensor, "V 3"] | None = None
        self._square = 0.0
        self._count = 0

    def step(self, gradient: Float[Tensor, "V 3"], rate_m: float) -> Float[Tensor, "V 3"]:
        """Return what to add to the vertices, metres.

        Args:
            gradient: Of the loss in the vertices.
            rate_m: About how far the vertex of the largest gradient moves.
        """
        spread = self.spread(gradient)
        mean_fade, square_fade = FADE
        if self._mean is None:
            self._mean = torch.zeros_like(spread)
        self._mean = mean_fade * self._mean + (1 - mean_fade) * spread
        largest = float(spread.abs().max()) ** 2
        self._square = square_fade * self._square + (1 - square_fade) * largest
        self._count += 1
        mean = self._mean / (1 - mean_fade**self._count)
        square = self._square / (1 - square_fade**self._count)
        return -rate_m * mean / max(square, 1e-30) ** 0.5

    def spread(self, values: Float[Tensor, "V 3"]) -> Float[Tensor, "V 3"]:
        """Return (1 + κ + λ L)⁻¹ of values at the vertices."""
        solved = self._factors.solve(values.detach().cpu().numpy().astype(np.float64))
        return torch.from_numpy(solved).to(values)
