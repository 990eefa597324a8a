"""Bone weights of the canonical surface: what is worn hangs on the body as cloth does."""

from dataclasses import dataclass, field, replace

from jaxtyping import Float
from torch import Tensor

from backend.geometry.blending import smoothstep
from backend.geometry.body_parts import FACE_JOINTS, HEAD
from backend.geometry.cloth_weights import ClothWeightRules, Dummy, cloth_weights
from backend.geometry.normals import vertex_normals
from backend.geometry.smoothness import smooth_attributes
from backend.types import SkinnedMesh


@dataclass(frozen=True, slots=True, kw_only=True)
class WeighSettings:
    """How the canonical surface takes bone weights."""

    cloth: ClothWeightRules = field(default_factory=ClothWeightRules)
    head_excess: tuple[float, float] = (0.2, 0.6)
    """Where the photos tie the surface to the head by so much more than the body beneath does, the
    photos are right: hair over the shoulders, a hat."""
    smoothing: int = 2
    """Rounds of averaging with the neighbours on the surface."""


def weigh(mesh: SkinnedMesh, dummy: Dummy, settings: WeighSettings) -> SkinnedMesh:
    """Return the surface with new bone weights.

    In the bind pose arms and legs are apart, and what lies close to a limb belongs to it.

    Args:
        mesh: Bind pose, body frame; its weights are what the photos say.
        dummy: The body in the bind pose.
        settings: See there.
    """
    normals = vertex_normals(mesh.vertices, mesh.faces)
    worn = cloth_weights(mesh.vertices, normals, dummy, settings.cloth)
    excess = _on_head(mesh.weights) - _on_head(worn)
    kept = smoothstep(excess, *settings.head_excess)[:, None]
    weights = kept * mesh.weights + (1 - kept) * worn
    weights = smooth_attributes(weights, mesh.faces, settings.smoothing, 0.5)
    return replace(mesh, weights=weights / weights.sum(1, keepdim=True))


def _on_head(weights: Float[Tensor, "V J"]) -> Float[Tensor, " V"]:
    return weights[:, [HEAD, *FACE_JOINTS]].sum(1)
