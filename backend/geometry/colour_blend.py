"""One colour per vertex from what several photos show there: matched, chosen, blended, filled."""

import warnings
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.geometry.smoothness import neighbour_mean

DARKEST = 0.02
"""Logarithms of darker colours are noise."""


def averaging(faces: Int[Tensor, "F 3"], vertex_count: int) -> Float[Tensor, "V V"]:
    """Return `neighbour_mean` with compressed rows: its products are eight times as fast."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta", UserWarning)
        return neighbour_mean(faces, vertex_count).to_sparse_csr()


@dataclass(frozen=True, slots=True, kw_only=True)
class GainRules:
    """What is known of photos' exposures beforehand; natural logarithms, standard deviations."""

    fewest: int = 50
    """Vertices that two photos must share to be compared."""
    grey: float = 0.25
    """By how much photos of one person differ in brightness …"""
    tint: float = 0.08
    """… and in white balance."""
    grey_doubt: float = 0.1
    """How far the brightness of one surface differs between photos for other reasons: its light."""
    tint_doubt: float = 0.07
    good_overlap: float = 0.04
    """Share of the vertices. Smaller overlaps are seams that both photos see at a slant: the square
    of the doubt grows as they shrink."""


def exposure_gains(
    colours: Float[Tensor, "P V 3"], is_seen: Bool[Tensor, "P V"], rules: GainRules
) -> Float[Tensor, "P 3"]:
    """Return the factors per photo and channel that make photos agree where they overlap.

        g = argmin_g Σ_ab (g_a - g_b - median_v(log c_bv - log c_av))² / doubt_ab² + Σ_a (g_a / σ)²

    for the mean of the channels and for what each differs from it. Medians of each pair: a quarter
    of mismatched vertices hardly moves them. Photos that share little keep their colours.

    Args:
        colours: sRGB.
        is_seen: Where each photo shows the vertex.
        rules: See there.
    """
    logs = colours.clamp(min=DARKEST).log()
    grey = logs.mean(2, keepdim=True)
    brightness = _gains(grey, is_seen, rules, prior=rules.grey, doubt=rules.grey_doubt)
    tint = _gains(logs - grey, is_seen, rules, prior=rules.tint, doubt=rules.tint_doubt)
    return (brightness + tint).exp()


def _gains(
    logs: Float[Tensor, "P V C"],
    is_seen: Bool[Tensor, "P V"],
    rules: GainRules,
    *,
    prior: float,
    doubt: float,
) -> Float[Tensor, "P C"]:
    count, vertices = is_seen.shape
    system = torch.eye(count, device=logs.device) / prior**2
    flow = logs.new_zeros(count, logs.shape[2])
    for a, b in torch.combinations(torch.arange(count)).tolist():
        shared = is_seen[a] & is_seen[b]
        number = int(shared.sum())
        if number < rules.fewest:
            continue
        precision = 1 / doubt**2 / (1 + rules.good_overlap * vertices / number)
        difference = precision * (logs[b, shared] - logs[a, shared]).median(0).values
        flow[a] += difference
        flow[b] -= difference
        system[[a, b], [a, b]] += precision
        system[[a, b], [b, a]] -= precision
    return torch.linalg.solve(system, flow)


def standing(scores: Float[Tensor, "P V"], region: Int[Tensor, " V"]) -> Float[Tensor, "P V"]:
    """Return how well each photo shows the region that a vertex is in; 1 = best of all photos.

    Args:
        scores: How well it shows each vertex; 0 = not at all.
        region: Number of each vertex's region.
    """
    sums = scores.new_zeros(len(scores), int(region.max()) + 1).index_add(1, region, scores)
    return (sums / sums.amax(0).clamp(min=1e-9))[:, region]


def coherent_choice(
    scores: Float[Tensor, "P V"],
    mean: Float[Tensor, "V V"],
    *,
    rounds: int,
    bond: float,
    softness: float,
) -> Float[Tensor, "P V"]:
    """Return 1 for the photo that each vertex takes, 0 for others: good ones, in large regions.

    A Potts model on the mesh's edges, solved by mean field:

        p_v = softmax_photo((s_v + bond · mean of the neighbours' p) / softness)

    Args:
        scores: How well each photo shows the vertex; 0 = not at all, and it is never taken.
        mean: Takes values to the means of the neighbours.
        rounds: Of the mean field.
        bond: What agreeing with all neighbours is worth, where the best photo's score is 1.
        softness: Score differences below it are no difference.

    Returns:
        Columns sum to 1, or to 0 where no photo shows the vertex.
    """
    is_seen = scores > 0
    value = scores / scores.amax(0).clamp(min=1e-9)
    value = torch.where(is_seen, value, -torch.inf)
    share = is_seen / is_seen.sum(0).clamp(min=1)
    for _ in range(rounds):
        share = ((value + bond * (mean @ share.T).T) / softness).softmax(0).nan_to_num(0)
    chosen = torch.zeros_like(scores).scatter(0, share.argmax(0, keepdim=True), 1.0)
    return chosen * is_seen


def blend_bands(
    colours: Float[Tensor, "P V 3"],
    chosen: Float[Tensor, "P V"],
    is_seen: Bool[Tensor, "P V"],
    mean: Float[Tensor, "V V"],
    *,
    narrow: int,
    wide: int,
) -> Float[Tensor, "V 3"]:
    """Return the chosen photos' colours with seams that are sharp for detail, wide for shade.

    Burt and Adelson (1983) with two bands: what survives smoothing over the mesh passes gradually
    from photo to photo, the rest within a few edges, so that detail is never averaged.

    Args:
        colours: sRGB.
        chosen: 1 for the photo that a vertex takes.
        is_seen: Where a photo shows the vertex; elsewhere its colours are not read.
        mean: Takes values to the means of the neighbours.
        narrow: Rounds of smoothing over which detail passes.
        wide: The same of shade.
    """
    seen = is_seen.float()
    fine, coarse = (seen * smoothed(chosen.T, mean, rounds).T for rounds in (narrow, wide))
    fine, coarse = (share / share.sum(0).clamp(min=1e-9) for share in (fine, coarse))
    result = torch.zeros_like(colours[0])
    for photo, here in enumerate(seen[..., None]):
        covered = smoothed(here, mean, wide).clamp(min=1e-9)
        shade = smoothed(here * colours[photo], mean, wide) / covered
        result += coarse[photo, :, None] * shade
        result += fine[photo, :, None] * (colours[photo] - shade)
    return result


def smoothed(
    values: Float[Tensor, "V C"], mean: Float[Tensor, "V V"], rounds: int
) -> Float[Tensor, "V C"]:
    """Return values moved `rounds` times half way to the mean of their neighbours."""
    for _ in range(rounds):
        values = (values + mean @ values) / 2
    return values


def decaying_fill(
    values: Float[Tensor, "V C"],
    is_known: Bool[Tensor, " V"],
    mean: Float[Tensor, "V V"],
    reach_edges: float,
) -> Float[Tensor, "V C"]:
    """Return known values carried on to other vertices, falling to 0 with the distance.

    Solves Δx = x / reach² on the unknown vertices by Jacobi's iteration: e⁻¹ after `reach_edges`
    edges beside a straight border.

    Args:
        values: Rows that are not known are not read.
        is_known: Which rows hold a value; these stay.
        mean: Takes values to the means of the neighbours.
        reach_edges: In edges.
    """
    # On an even mesh of triangles the mean of the neighbours is x + (edge² / 4) Δx.
    keep = 1 / (1 + 1 / (4 * reach_edges**2))
    known = is_known[:, None]
    given = torch.where(known, values, 0.0)
    filled = given
    for _ in range(round(3 / (1 - keep))):  # the slowest error is down to e⁻³
        filled = torch.where(known, given, keep * (mean @ filled))
    return filled


def without_specks(
    colours: Float[Tensor, "V 3"],
    may_change: Bool[Tensor, " V"],
    faces: Int[Tensor, "F 3"],
    mean: Float[Tensor, "V V"],
    *,
    least: float,
) -> Float[Tensor, "V 3"]:
    """Return colours in which no vertex that may change differs from each of its neighbours.

    Such a vertex takes the mean of the neighbours.

    Args:
        colours: sRGB.
        may_change: Vertices whose colour is doubtful.
        faces: Triangles.
        mean: Takes values to the means of the neighbours.
        least: Difference of a channel from which vertices differ.
    """
    edges = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).long()
    edges = torch.cat([edges, edges.flip(1)])
    difference = (colours[edges[:, 0]] - colours[edges[:, 1]]).abs().amax(1)
    closest = torch.full_like(colours[:, 0], torch.inf)
    closest = closest.scatter_reduce(0, edges[:, 0], difference, "amin")
    is_speck = may_change & (closest > least) & closest.isfinite()
    return torch.where(is_speck[:, None], mean @ colours, colours)
