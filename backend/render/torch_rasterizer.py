"""The differentiable rasteriser in plain PyTorch: brute force, to be read and to be compared with.

Every face is tried at every pixel and every edge at every line of pixel centres, in blocks of
bounded memory; gradients are PyTorch's own. It needs no Warp and runs where the tensors are: usable
for small images anywhere, for large ones on a GPU. It works in the vertices' precision.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.render.fragments import Cameras, Fragments, Layer, Topology

NEAR_M = 1e-6
BLOCK = 1 << 22
"""Pairs of faces and pixels (or edges and lines) looked at together: about 0.3 GB."""


def rasterize(
    vertices_camera: Float[Tensor, "P V 3"], topology: Topology, cameras: Cameras, layer: Layer
) -> tuple[Int[Tensor, "P H W"], Float[Tensor, "P H W"], None]:
    """Return face and depth of each pixel; see `differentiable.rasterize`."""
    size = (len(vertices_camera), cameras.height, cameras.width)
    sign = -1 if layer == "farthest" else 1
    seen = [
        _seen(vertices, topology.faces.long(), rays, sign)
        for vertices, rays in zip(vertices_camera.detach(), pixel_rays(cameras), strict=True)
    ]
    face = torch.stack([face for face, _ in seen]).reshape(size)
    depth = torch.stack([depth for _, depth in seen]).reshape(size)
    return face.to(torch.int32), depth, None


def pixel_rays(cameras: Cameras) -> Float[Tensor, "P N 2"]:
    """Return x / z and y / z of the ray through each pixel's centre, row by row."""
    k = cameras.intrinsics.detach()
    row, column = torch.meshgrid(
        torch.arange(cameras.height).to(k) + 0.5,
        torch.arange(cameras.width).to(k) + 0.5,
        indexing="ij",
    )
    v = (row.flatten() - k[:, 1, 2, None]) / k[:, 1, 1, None]
    u = (column.flatten() - k[:, 0, 2, None] - k[:, 0, 1, None] * v) / k[:, 0, 0, None]
    return torch.stack([u, v], -1)


def ray_areas(
    corners: Float[Tensor, "#*N 3 3"], rays: Float[Tensor, "#*N 2"]
) -> Float[Tensor, "*M 3"]:
    """Return the barycentrics of rays in faces, times a common factor (m^2).

    q_j = (X_j - u Z_j, Y_j - v Z_j), a_0 = q_1 x q_2 and cyclic    Olano and Greer 1997
    """
    q = corners[..., :2] - rays[..., None, :] * corners[..., 2:]
    following, last = q.roll(-1, -2), q.roll(-2, -2)
    return following[..., 0] * last[..., 1] - following[..., 1] * last[..., 0]


def _seen(
    vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"], rays: Float[Tensor, "N 2"], sign: int
) -> tuple[Int[Tensor, " N"], Float[Tensor, " N"]]:
    """Return the first face along each ray and its depth; `sign` -1 takes the last."""
    best = vertices.new_full((len(rays),), torch.inf)
    face = torch.full((len(rays),), -1, device=vertices.device)
    step = max(1, BLOCK // max(len(rays), 1))
    for first in range(0, len(faces), step):
        corners = vertices[faces[first : first + step]][:, None]  # (F, 1, 3, 3)
        areas = ray_areas(corners, rays)
        total = areas.sum(-1)
        is_hit = ((areas >= 0).all(-1) | (areas <= 0).all(-1)) & (total != 0)
        is_hit &= (corners[..., 2] > NEAR_M).all(-1)
        depth = sign * (areas * corners[..., 2]).sum(-1) / total
        nearest, index = torch.where(is_hit, depth, torch.inf).min(0)
        face = torch.where(nearest < best, first + index, face)
        best = torch.minimum(nearest, best)
    return face, torch.where(face >= 0, sign * best, 0)


def interpolate(
    fragments: Fragments, attributes: Float[Tensor, "P V C"]
) -> Float[Tensor, "P H W C"]:
    """See `differentiable.interpolate`."""
    view, row, column = fragments.mask.nonzero(as_tuple=True)
    corner = fragments.topology.faces.long()[fragments.face[view, row, column].long()]  # (N, 3)
    corners = fragments.vertices[view[:, None], corner]
    rays = pixel_rays(fragments.cameras)[view, row * fragments.cameras.width + column]
    k = fragments.cameras.intrinsics[view]
    scale = fragments.depth[view, row, column].square() / (k[:, 0, 0] * k[:, 1, 1])
    shares = _shares(
        ray_areas(corners, rays.to(corners)), 2 * fragments.settings.least_area_px2 * scale
    )
    values = (shares[..., None] * attributes[view[:, None], corner]).sum(1)
    image = values.new_zeros((*fragments.face.shape, attributes.shape[2]))
    return image.index_put((view, row, column), values)


def _shares(areas: Float[Tensor, "N 3"], least: Float[Tensor, " N"]) -> Float[Tensor, "N 3"]:
    """Return a_j / s, whose derivative (da_j - share ds) / s has no smaller s than `least`."""
    total = areas.sum(1, keepdim=True).detach()
    shares = areas.detach() / total
    bounded = torch.where(total.abs() < least[:, None], total.sign() * least[:, None], total)
    change = areas - shares * areas.sum(1, keepdim=True)
    return shares + (change - change.detach()) / bounded


def antialias(
    fragments: Fragments,
    image: Float[Tensor, "P H W C"],
    attributes: Float[Tensor, "P V C"] | None = None,
) -> Float[Tensor, "P H W C"]:
    """See `differentiable.antialias`."""
    values = [None] * len(image) if attributes is None else attributes
    views = zip(image, values, strict=True)
    return torch.stack([_blended(fragments, i, one, own) for i, (one, own) in enumerate(views)])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Crossings:
    """Where edges cross lines of pixel centres; on a line, whole numbers are centres."""

    place: Float[Tensor, " N"]
    depth: Float[Tensor, " N"]
    line: Int[Tensor, " N"]
    is_blended: Bool[Tensor, " N"]
    """Whether the lines blend pixels at the edge; else it only hides what lies within."""
    edge: Int[Tensor, " N"]
    part: Float[Tensor, " N"]
    """Weight of the value at the edge's second end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Blends:
    """What is left of the crossings where pixels blend."""

    line: Int[Tensor, " M"]
    lower: Int[Tensor, " M"]
    """The first of the two pixels."""
    is_lower_inner: Bool[Tensor, " M"]
    t: Float[Tensor, " M"]
    """0 at the lower pixel's centre, 1 at the upper's."""
    edge: Int[Tensor, " M"]
    part: Float[Tensor, " M"]


def _blended(
    fragments: Fragments,
    view: int,
    image: Float[Tensor, "H W C"],
    attributes: Float[Tensor, "V C"] | None,
) -> Float[Tensor, "H W C"]:
    """Return one view's image blended where rows cross steep edges and columns flat ones.

    With t from the lower pixel's centre to the upper's: lower += max(0, 1/2 - t) (upper - lower),
    upper += max(0, t - 1/2) (lower - upper)    Laine et al. 2020, section 3.6
    """
    vertices = fragments.vertices[view]
    edges = fragments.topology.edges.long()[_outline(vertices.detach(), fragments.topology)]
    ends = vertices[edges]  # (E, 2, 3)
    seen = ends @ fragments.cameras.intrinsics[view].to(ends).T
    points = seen[..., :2] / seen[..., 2:]
    extent = (points[:, 1] - points[:, 0]).detach().abs()
    is_steep = extent[:, 1] >= extent[:, 0]
    change = torch.zeros_like(image)
    for is_row, is_blended in ((True, is_steep), (False, ~is_steep)):
        turned = image if is_row else image.transpose(0, 1)
        depth = fragments.depth[view] if is_row else fragments.depth[view].T
        places = points if is_row else points.flip(-1)
        found = _crossings(places, ends[..., 2], is_blended, len(turned))
        values = None if attributes is None else attributes[edges]
        added = _change(turned, _chosen(found, depth, fragments), values)
        change = change + (added if is_row else added.transpose(0, 1))
    return image + change


def _outline(vertices: Float[Tensor, "V 3"], topology: Topology) -> Bool[Tensor, " E"]:
    """Return which edges have both faces on one side, as seen, or not exactly two faces."""
    p, q = vertices[topology.edges.long()].unbind(1)
    third = vertices[topology.opposite.clamp(min=0).long()]  # (E, 2, 3)
    normal = torch.linalg.cross(p, q - p)
    side = ((third - p[:, None]) * normal[:, None]).sum(-1)
    is_fold = side.prod(1) >= 0
    return (is_fold | (topology.opposite[:, 1] < 0)) & (p[:, 2] > NEAR_M) & (q[:, 2] > NEAR_M)


def _crossings(
    points: Float[Tensor, "E 2 2"],
    depths: Float[Tensor, "E 2"],
    is_blended: Bool[Tensor, " E"],
    count: int,
) -> _Crossings:
    """Return where edges cross lines; the points' second coordinate runs across the lines."""
    across = points[..., 1].detach()
    lines = torch.arange(count, device=points.device) + 0.5
    blocks = (across.amin(1), across.amax(1))
    step = max(1, BLOCK // count)
    hits = []
    for i, (low, high) in enumerate(zip(*(b.split(step) for b in blocks), strict=True)):
        edge, line = ((low[:, None] <= lines) & (lines < high[:, None])).nonzero(as_tuple=True)
        hits.append(torch.stack([edge + i * step, line]))
    edge, line = torch.cat(hits, 1)
    a, b = points[edge].unbind(1)
    part = (line + 0.5 - a[:, 1]) / (b[:, 1] - a[:, 1])
    place = a[:, 0] + part * (b[:, 0] - a[:, 0]) - 0.5
    near, far = depths[edge].detach().unbind(1)
    inverse = (1 - part.detach()) / near + part.detach() / far
    return _Crossings(
        place=place,
        depth=1 / inverse,
        line=line,
        is_blended=is_blended[edge],
        edge=edge,
        part=part.detach() / far / inverse,
    )


def _chosen(found: _Crossings, depth: Float[Tensor, "H W"], fragments: Fragments) -> _Blends:
    """Return the visible crossings that are outermost of their pixel pair, if their lines blend."""
    sign = -1 if fragments.layer == "farthest" else 1
    place = found.place.detach()
    lower = place.floor().clamp(-1, depth.shape[1]).long()
    is_inside = (lower >= 0) & (lower + 1 < depth.shape[1])
    left = lower.clamp(0, depth.shape[1] - 2)
    ordered = torch.where(depth == 0, torch.inf, sign * depth)
    before, after = ordered[found.line, left], ordered[found.line, left + 1]
    inner, outer = torch.minimum(before, after), torch.maximum(before, after)
    edge = sign * found.depth
    is_visible = is_inside & (edge <= inner + fragments.settings.behind_m) & inner.isfinite()
    is_visible &= outer > edge + fragments.settings.gap_m
    beyond = torch.where(before < after, place - left, left + 1 - place)
    pair = found.line * depth.shape[1] + left
    farthest = beyond.new_full((depth.numel(),), -1)
    farthest.scatter_reduce_(0, pair[is_visible], beyond[is_visible], "amax")
    index = (is_visible & (beyond == farthest[pair])).nonzero()[:, 0]
    # Of equal ones (two edges that meet there), the first that blends.
    index = index[(~found.is_blended[index]).to(torch.int8).argsort(stable=True)]
    _, group = pair[index].unique(return_inverse=True)
    rank = torch.full((len(index),), len(index), device=index.device)
    rank.scatter_reduce_(0, group, torch.arange(len(index), device=index.device), "amin")
    index = index[rank[rank < len(index)]]
    index = index[found.is_blended[index]]
    return _Blends(
        line=found.line[index],
        lower=lower[index],
        is_lower_inner=(before < after)[index],
        t=found.place[index] - lower[index],
        edge=found.edge[index],
        part=found.part[index],
    )


def _change(
    image: Float[Tensor, "H W C"], blends: _Blends, values: Float[Tensor, "E 2 C"] | None
) -> Float[Tensor, "H W C"]:
    """Return what blending adds to the pixels beside the crossings.

    With values of the edges' ends, what enters the outer pixel has those of the edge.
    """
    lower = (blends.line, blends.lower)
    upper = (blends.line, blends.lower + 1)
    from_lower, from_upper = image[lower], image[upper]
    if values is not None:
        first, second = values[blends.edge].unbind(1)
        at_edge = first + blends.part[:, None] * (second - first)
        is_lower_inner = blends.is_lower_inner[:, None]
        from_lower = torch.where(is_lower_inner, at_edge, from_lower)
        from_upper = torch.where(is_lower_inner, from_upper, at_edge)
    to_lower = (0.5 - blends.t).clamp(min=0)[:, None] * (from_upper - image[lower])
    to_upper = (blends.t - 0.5).clamp(min=0)[:, None] * (from_lower - image[upper])
    change = torch.zeros_like(image).index_put(lower, to_lower, accumulate=True)
    return change.index_put(upper, to_upper, accumulate=True)
