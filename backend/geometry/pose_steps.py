"""One second-order step of the poses of several photos at once, the common shape eliminated.

Every photo p sees each point v of one canonical surface at the signed distance
e_vp = n_vp . (y_vp - c_vp) from its match. Poses change it by J_vp x_p, and the shape, common to
all photos, by g_vp s_v with the point's own move s_v along its canonical normal:

    E = sum_vp k_vp (e_vp + J_vp x_p + g_vp s_v)^2 + sum_v mu_v (d_v + s_v)^2
        + sum_p |o_p + x_p|^2_K + P |mean_p (o_p + x_p)|^2_M

o_p is how far the pose has already moved from the given one. The moves s_v are eliminated, since
each stands alone: what all photos agree on goes into the shape, and the poses take what they
disagree on. Gauss-Newton with variable projection (Golub and Pereyra 1973).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Hinges:
    """The R joints that may turn."""

    index: Int[Tensor, " R"]
    joints: Float[Tensor, "R 3"]
    """Bind pose, metres."""
    is_below: Bool[Tensor, "R J"]
    """Which joints turn with each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sights:
    """How P photos see N points, to first order in D pose parameters."""

    distance_m: Float[Tensor, "P N"]
    """e, along the match's normal."""
    jacobian: Float[Tensor, "P N D"]
    """J, of e by the photo's own parameters."""
    shape_gain: Float[Tensor, "P N"]
    """g, of e by the point's move along its canonical normal."""
    precision: Float[Tensor, "P N"]
    """k, per square metre; 0 where the photo does not see the point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapePrior:
    """Where the points are expected."""

    distance_m: Float[Tensor, " N"]
    """d, from there, along the point's canonical normal."""
    precision: Float[Tensor, " N"]
    """mu, per square metre."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Priors:
    """What is known of the parameters before any photo is looked at."""

    moved: Float[Tensor, "P D"]
    """o, from the given poses."""
    precision: Float[Tensor, " D"]
    """K, of each photo's move."""
    common_precision: Float[Tensor, " D"]
    """M, of the mean move."""
    shape: ShapePrior


def hinges(joints: Float[Tensor, "J 3"], parents: tuple[int, ...], free: list[int]) -> Hinges:
    """Return the joints that may turn: each turns itself and all below it.

    Args:
        joints: Bind pose, metres.
        parents: Of each joint, before it; -1 for the root.
        free: Which joints may turn.
    """
    below = torch.eye(len(parents), dtype=torch.bool)
    for joint in range(len(parents) - 1, 0, -1):
        below[parents[joint]] |= below[joint]
    index = torch.tensor(free)
    return Hinges(
        index=index.to(joints.device),
        joints=joints[free],
        is_below=below[index].to(joints.device),
    )


def pose_jacobian(
    rest: Float[Tensor, "N 3"],
    normals: Float[Tensor, "N 3"],
    weights: Float[Tensor, "N J"],
    bones: Float[Tensor, "J 4 4"],
    *,
    hinges: Hinges,
) -> Float[Tensor, "N D"]:
    """Return how far points move along normals when the root shifts and joints turn.

    dy_v = t + sum_j w_j x a_vj,  a_vj = sum_(k below j) w_vk (G_k x_v - q_j)

    where q_j is the posed joint. The turn of joint j is written as o_j in its own bone's axes,
    w_j = R(G_j) o_j: a change of the rotation relative to the parent on its right, R_j exp(o_j).

    Args:
        rest: x, bind pose, metres.
        normals: Unit, in the posed frame.
        weights: Rows sum to 1.
        bones: G.
        hinges: The joints that may turn.

    Returns:
        D = 3 + 3R columns: metres per metre of t, then metres per radian of o_j.
    """
    turned = torch.einsum("jab,nb->nja", bones[:, :3, :3], rest) + bones[:, :3, 3]
    below = hinges.is_below.to(rest)
    own = bones[hinges.index]
    arms = torch.einsum("rj,njc->nrc", below, weights[..., None] * turned)
    pivots = (own[:, :3, :3] @ hinges.joints[..., None])[..., 0] + own[:, :3, 3]
    arms = arms - (weights @ below.T)[..., None] * pivots
    moments = torch.linalg.cross(arms, normals[:, None].expand_as(arms), dim=-1)
    turns = torch.einsum("nrc,rcd->nrd", moments, own[:, :3, :3])
    return torch.cat([normals, turns.flatten(1)], 1)


def solve(sights: Sights, priors: Priors) -> Float[Tensor, "P D"]:
    """Return the step x of all photos' parameters that minimises E.

    Memory: the Jacobian three times and (P D)² in double precision twice.
    """
    photos, _, size = sights.jacobian.shape
    gained = sights.precision * sights.shape_gain  # k g
    shape = priors.shape
    own = (gained * sights.shape_gain).sum(0) + shape.precision
    weighted = sights.precision[..., None] * sights.jacobian
    normal = torch.einsum("pnd,pne->pde", weighted, sights.jacobian).double()
    right = -torch.einsum("pnd,pn->pd", weighted, sights.distance_m).double()
    # Elimination of the points' own moves couples the photos.
    coupling = (gained / own.sqrt())[..., None] * sights.jacobian  # (P, N, D)
    known = (gained * sights.distance_m).sum(0) + shape.precision * shape.distance_m
    shared = known / own.sqrt()
    right += torch.einsum("pnd,n->pd", coupling, shared).double()
    rows = coupling.transpose(0, 1).flatten(1)  # (N, P D)
    system = torch.block_diag(*normal) - (rows.T @ rows).double()
    prior = priors.precision.double()
    mean = (priors.common_precision / photos).double()
    right -= prior * priors.moved + mean * priors.moved.sum(0)
    system += torch.diag(prior.repeat(photos))
    system += torch.diag(mean).repeat(photos, photos)
    factor = torch.linalg.cholesky(system)
    return torch.cholesky_solve(right.flatten()[:, None], factor).view(photos, size).float()


def common_moves(sights: Sights, shape: ShapePrior) -> Float[Tensor, " N"]:
    """Return the move of each point along its canonical normal that suits all photos, metres."""
    gained = sights.precision * sights.shape_gain
    known = (gained * sights.distance_m).sum(0) + shape.precision * shape.distance_m
    return -known / ((gained * sights.shape_gain).sum(0) + shape.precision)
