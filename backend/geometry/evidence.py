"""What all scans together say about points, blended with what the template says."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Sums over scans at M points; added to in place, scan by scan."""

    total: Float[Tensor, " M"]
    """Σ_p q_p o_p S_p: q the quality of scan p, o its influence, S its signed distance."""
    share: Float[Tensor, " M"]
    """Σ_p q_p o_p"""
    left: Float[Tensor, " M"]
    """Π_p (1 − o_p): what the template keeps."""

    def add(
        self,
        distance: Float[Tensor, " N"],
        influence: Float[Tensor, " N"],
        quality: Float[Tensor, " N"],
        at: Int[Tensor, " N"],
    ) -> None:
        """Take in one scan's word on the points numbered `at`."""
        self.total[at] += quality * influence * distance
        self.share[at] += quality * influence
        self.left[at] *= 1 - influence

    def joined(self, other: "Evidence") -> "Evidence":
        """Return the evidence of both."""
        return Evidence(
            total=self.total + other.total,
            share=self.share + other.share,
            left=self.left * other.left,
        )

    def fused(self, template: Float[Tensor, " M"]) -> Float[Tensor, " M"]:
        """Return S = (1 − left) Σ q o S / Σ q o + left S_T (eq 9, a blend in place of its switch).

        CanonicalFusion (Shin et al. 2024), eq 9.
        """
        mean = self.total / self.share.clamp(min=1e-9)
        blend = (1 - self.left) * mean + self.left * template
        return torch.where(self.share > 0, blend, template)


def no_evidence(like: Float[Tensor, " M"]) -> Evidence:
    """Return the evidence of no scan at all."""
    return Evidence(
        total=torch.zeros_like(like), share=torch.zeros_like(like), left=torch.ones_like(like)
    )
