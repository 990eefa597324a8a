"""A surface that follows gradients, and what keeps it smooth and near to where it was."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.geometry.large_steps import LargeSteps
from backend.geometry.mesh_energies import adjacent_faces, laplacian_energy, normal_consistency
from backend.geometry.smoothness import neighbour_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceRules:
    """How a surface moves, and what its roughness costs."""

    rate_m: float = 0.0025
    """Step of the vertex that moves most."""
    smoothing: float = 30.0
    """λ of `LargeSteps`; 0 moves vertices one by one."""
    most_m: float = 0.03
    """No vertex moves farther: a photo that disagrees must not destroy the surface."""
    stiffness: float = 50.0
    """κ of `LargeSteps` where a vertex is wholly stiff."""
    laplacian_weight: float = 0.0
    """1 / m², of eq 12: would shrink what no photo sees; steps are smooth anyway."""
    offset_weight: float = 20_000.0
    """1 / m², of eq 12 on the vertices' offsets: keeps the given surface's details."""
    consistency_weight: float = 0.02
    """Of eq 13."""
    stay_weight: float = 20_000.0
    """1 / m², of the squared offsets of stiff vertices."""


class MovingSurface:
    """Owns the vertices of a mesh and the memory of their steps."""

    def __init__(
        self,
        vertices: Float[Tensor, "V 3"],
        faces: Int[Tensor, "F 3"],
        stiff: Float[Tensor, " V"],
        rules: SurfaceRules,
    ) -> None:
        """Start from the given surface.

        Args:
            vertices: Metres.
            faces: Triangles.
            stiff: 0 to 1: how much a vertex stays where it is.
            rules: See there.
        """
        self.vertices = vertices.clone().requires_grad_()
        self._start, self._faces, self._stiff, self._rules = vertices, faces, stiff, rules
        self._adjacent = adjacent_faces(faces)
        self._mean = neighbour_mean(faces, len(vertices))
        self._steps = LargeSteps(faces, rules.stiffness * stiff, rules.smoothing)

    def cost(self, growth: float) -> Float[Tensor, ""]:
        """Return the weighted sum of eqs 12 and 13, times `growth`, and of the pull back."""
        rules, offsets = self._rules, self.vertices - self._start
        cost = rules.stay_weight * (self._stiff * offsets.square().sum(1)).mean()
        if rules.laplacian_weight:
            rough = laplacian_energy(self.vertices, self._mean)
            cost = cost + growth * rules.laplacian_weight * rough
        if rules.offset_weight:
            cost = cost + rules.offset_weight * laplacian_energy(offsets, self._mean)
        if rules.consistency_weight:
            bends = normal_consistency(self.vertices, self._faces, self._adjacent)
            cost = cost + growth * rules.consistency_weight * bends
        return cost

    @torch.no_grad()
    def move(self, rate: float) -> None:
        """Follow the vertices' gradient, by `rate` times the full step, and forget it."""
        gradient, rules = self.vertices.grad, self._rules
        if gradient is None:
            return
        offset = self.vertices + self._steps.step(gradient, rules.rate_m * rate) - self._start
        length = offset.norm(dim=1, keepdim=True).clamp(min=1e-12)
        self.vertices.copy_(self._start + offset * (rules.most_m / length).clamp(max=1))
        self.vertices.grad = None
