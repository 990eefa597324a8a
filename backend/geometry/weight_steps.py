"""Small changes of bone weights that let one surface follow all photos better.

A change u_vj of the weights moves a point to first order by sum_j u_vj (G_jp x_v - y_vp), as rows
sum to 1. With the signed distances e_vp to the photos' surfaces and the points' own moves s_v,
which are eliminated as in `pose_steps`:

    E(u) = sum_vp k_vp (e_vp + sum_j a_vpj u_vj + g_vp s_v)^2
        + mu |w + u - w0|^2 + lambda |L (w + u - w0)|^2

a_vpj = n_vp . (G_jp x_v - y_vp), L the umbrella Laplacian. Only the change from the given weights
w0 is penalised: what the poses do not tell stays as it was given. Solved by conjugate gradients.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.geometry.pose_steps import Sights
from backend.geometry.smoothness import neighbour_mean
from backend.types import SkinnedMesh

EPSILON = 1e-12
UMBRELLA_DIAGONAL = 1.2
"""Of L^T L on a triangle mesh: 1 + 1/6."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightRules:
    """How freely weights change."""

    precision: float = 100.0
    """mu, of one weight's change: against 1/noise² a square metre of distance."""
    smoothness: float = 1000.0
    """lambda, the same for a change's Laplacian."""
    least_weight: float = 0.01
    """A joint takes part if any vertex has as much of it. Its weights change only where, after
    three rounds of averaging with the neighbours, it has a tenth of this."""
    shape_precision: float = 1000.0
    """Of the points' own moves, per square metre."""
    steps: int = 40
    """Of conjugate gradients."""


def weight_gains(
    mesh: SkinnedMesh,
    joints: Int[Tensor, " A"],
    bones: Float[Tensor, "J 4 4"],
    normals: Float[Tensor, "V 3"],
) -> Float[Tensor, "V A"]:
    """Return a: metres along the normals per unit of each joint's weight.

    Args:
        mesh: Bind pose.
        joints: Those whose weights may change.
        bones: Of one photo.
        normals: Unit, of the matches.
    """
    shares = mesh.weights @ bones[:, :3].flatten(1)  # (V, 12)
    blended = shares.unflatten(1, (3, 4))
    at = (blended[..., :3] @ mesh.vertices[..., None])[..., 0] + blended[..., 3]
    each = torch.einsum("jab,vb->vja", bones[joints, :3, :3], mesh.vertices)
    each = each + bones[joints, :3, 3]
    return ((each - at[:, None]) * normals[:, None]).sum(2)


def changeable(
    mesh: SkinnedMesh, rules: WeightRules
) -> tuple[Int[Tensor, " A"], Bool[Tensor, "V A"]]:
    """Return the joints whose weights may change, and at which vertices."""
    joints = torch.nonzero(mesh.weights.amax(0) > rules.least_weight)[:, 0]
    mean = neighbour_mean(mesh.faces, len(mesh.vertices))
    near = mesh.weights[:, joints]
    for _ in range(3):
        near = mean @ near
    return joints, near > rules.least_weight / 10


def change_weights(
    mesh: SkinnedMesh,
    given: Float[Tensor, "V J"],
    sights: Sights,
    gains: Float[Tensor, "P V A"],
    *,
    rules: WeightRules,
) -> Float[Tensor, "V J"]:
    """Return weights after one step; rows sum to 1 and none is negative.

    Args:
        mesh: With the weights so far.
        given: w0.
        sights: How all photos see all vertices; the Jacobian is not read.
        gains: a, of the joints that `changeable` gives.
        rules: See there.
    """
    joints, is_free = changeable(mesh, rules)
    free = is_free.to(gains)
    gains = gains * free
    gained = sights.precision * sights.shape_gain
    own = (gained * sights.shape_gain).sum(0) + rules.shape_precision

    def seen(error: Float[Tensor, "P V"]) -> Float[Tensor, "V A"]:
        """Aᵀ K e with the points' own moves eliminated."""
        shared = (gained * error).sum(0) / own
        return torch.einsum("pva,pv->va", gains, sights.precision * error - gained * shared)

    mean = neighbour_mean(mesh.faces, len(mesh.vertices))
    back = mean.transpose(0, 1).coalesce()

    def prior(change: Float[Tensor, "V A"]) -> Float[Tensor, "V A"]:
        rough = change - mean @ change
        return rules.precision * change + rules.smoothness * (rough - back @ rough)

    def system(change: Float[Tensor, "V A"]) -> Float[Tensor, "V A"]:
        return free * (seen(torch.einsum("pva,va->pv", gains, change)) + prior(change))

    right = -free * (seen(sights.distance_m) + prior((mesh.weights - given)[:, joints]))
    diagonal = (gains.square() * sights.precision[..., None]).sum(0)
    diagonal = diagonal + rules.precision + UMBRELLA_DIAGONAL * rules.smoothness
    change = _conjugate_gradients(system, right, diagonal, rules.steps)
    weights = mesh.weights.clone()
    weights[:, joints] = (weights[:, joints] + change).clamp(min=0)
    return weights / weights.sum(1, keepdim=True)


def _conjugate_gradients(
    system: Callable[[Tensor], Tensor],
    right: Float[Tensor, "V A"],
    diagonal: Float[Tensor, "V A"],
    steps: int,
) -> Float[Tensor, "V A"]:
    """Solve a symmetric positive system, preconditioned by its diagonal."""
    solution = torch.zeros_like(right)
    residual = right.clone()
    direction = residual / diagonal
    energy = (residual * direction).sum()
    for _ in range(steps):
        image = system(direction)
        length = energy / (direction * image).sum().clamp(min=EPSILON)
        solution = solution + length * direction
        residual = residual - length * image
        scaled = residual / diagonal
        following = (residual * scaled).sum()
        direction = scaled + following / energy.clamp(min=EPSILON) * direction
        energy = following
    return solution
