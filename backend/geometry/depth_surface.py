r"""A closed surface from a front and a back depth map.

The surface is the zero level of max(z_front − z, z − z_back) over the person's outline, taken to be
linear on the triangles of the pixel grid: marching triangles, evaluated only where there is a
sheet or the rim. Unlike marching squares no case is ambiguous, so the result is always closed.

    p00 ---- p01        each square of pixel centres is cut into two triangles
     | \      |         (p00, p01, p11) and (p00, p11, p10); a triangle that the outline
     |   \    |         crosses keeps the part inside, whose rim vertices are shared by
     |     \  |         the front and the back sheet.
    p10 ---- p11
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

OUTLINE = 0.5
"""Level of the outline in a mask of 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheets:
    """Topology of the closed surface over an image of H×W pixels, N of them inside the outline.

    Vertices 0 … N−1 are the front sheet (row-major), N … 2N−1 the back sheet, the rest the rim.
    """

    inside: Bool[Tensor, "H W"]
    faces: Int[Tensor, "F 3"]
    """Counter-clockwise seen from outside, for image axes x right, y down, z away."""
    pixel: Int[Tensor, " V"]
    """Of each vertex: its pixel among the N inside ones; for the rim the nearest inside one."""
    position_px: Float[Tensor, "V 2"]
    """x and y in the image, pixel centres at +0.5."""

    @property
    def rim_start(self) -> int:
        """Index of the first rim vertex."""
        return 2 * int(self.inside.sum())


def close_sheets(level: Float[Tensor, "H W"]) -> Sheets:
    """Return the surface that closes a front and a back sheet along the outline `level` = 0.5.

    Args:
        level: Share of the person in each pixel, 0 to 1; 0 beyond the image.
    """
    level = torch.nn.functional.pad(level, (1, 1, 1, 1))
    inside = level > OUTLINE
    triangles = _grid_triangles(level.shape[0], level.shape[1], level.device)
    kept = inside.flatten()[triangles]
    edges, polygons = _clip_triangles(triangles, kept)
    rim_edges, rim_index = torch.unique(edges, dim=0, return_inverse=True)

    count = int(inside.sum())
    number = torch.full((inside.numel(),), -1, dtype=torch.long, device=level.device)
    number[inside.flatten()] = torch.arange(count, device=level.device)
    rim_number = 2 * count + rim_index
    back = torch.where(
        polygons >= 0,
        number[polygons.clamp(min=0)] + count,
        rim_number[(-polygons - 1).clamp(min=0)],
    )
    front = torch.where(back < 2 * count, back - count, back).flip(1)

    pixels = torch.nonzero(inside.flatten())[:, 0]
    crossing = _crossings(level, rim_edges)
    centres = _centres(pixels, level.shape[1])
    return Sheets(
        inside=inside[1:-1, 1:-1],
        faces=torch.cat([front, back]),
        pixel=torch.cat([number[pixels], number[pixels], number[rim_edges[:, 0]]]),
        position_px=torch.cat([centres, centres, crossing]) - 1,
    )


def sheet_depth(
    sheets: Sheets, depth: Float[Tensor, "2 H W"], thickness_m: float
) -> Float[Tensor, " V"]:
    """Return the depth of each vertex; the rim lies midway between front and back.

    Args:
        sheets: The topology.
        depth: Metres, front and back.
        thickness_m: The back lies at least this far behind the front.
    """
    front, back = depth[:, sheets.inside]
    back = torch.maximum(back, front + thickness_m)
    rim = ((front + back) / 2)[sheets.pixel[sheets.rim_start :]]
    return torch.cat([front, back, rim])


def is_wall(
    vertices: Float[Tensor, "V 3"],
    faces: Int[Tensor, "F 3"],
    *,
    max_slope: float,
    max_step_m: float,
) -> Bool[Tensor, " F"]:
    """Tell which faces rise along the viewing ray by more than a surface of the body would.

    Args:
        vertices: Metres, camera frame.
        faces: Triangles of the sheets.
        max_slope: Depth range over breadth in the image plane. Slivers at the rim, where the
            outline passes close to a pixel centre, count as broad as the median face.
        max_step_m: Depth range, for coarse pixels, whose steps are broad.
    """
    corners = vertices[faces]  # (F, 3, 3)
    rays = torch.nn.functional.normalize(corners.mean(1), dim=-1)
    edges = corners - corners.roll(1, dims=1)
    along = torch.einsum("fej,fj->fe", edges, rays)
    across = (edges - along[..., None] * rays[:, None]).norm(dim=-1)
    breadth = across.amax(1)
    limit = max_slope * breadth.clamp(min=float(breadth.median()))
    return along.abs().amax(1) > limit.clamp(max=max_step_m)


def _grid_triangles(height: int, width: int, device: torch.device) -> Int[Tensor, "T 3"]:
    index = torch.arange(height * width, device=device).view(height, width)
    p00, p01 = index[:-1, :-1].flatten(), index[:-1, 1:].flatten()
    p10, p11 = index[1:, :-1].flatten(), index[1:, 1:].flatten()
    return torch.cat([torch.stack([p00, p01, p11], 1), torch.stack([p00, p11, p10], 1)])


def _clip_triangles(
    triangles: Int[Tensor, "T 3"], kept: Bool[Tensor, "T 3"]
) -> tuple[Int[Tensor, "E 2"], Int[Tensor, "F 3"]]:
    """Cut triangles at the outline.

    Returns:
        Rim edges as (pixel inside, pixel outside), and triangles of either pixels (>= 0) or
        rim edges (−1 − edge).
    """
    counts = kept.sum(1)
    whole = triangles[counts == 3]
    # Rotate so that the odd corner (the only one inside, or the only one outside) comes first.
    one, two = counts == 1, counts == 2
    tip = _rotate(triangles[one], kept[one].int().argmax(1))
    cut = _rotate(triangles[two], (~kept[two]).int().argmax(1))
    tips, cuts = len(tip), len(cut)
    edges = torch.cat([tip[:, [0, 1]], tip[:, [0, 2]], cut[:, [1, 0]], cut[:, [2, 0]]])
    rim = -1 - torch.arange(len(edges), device=triangles.device)
    tip_right, tip_left, cut_right, cut_left = rim.split([tips, tips, cuts, cuts])
    polygons = [
        whole,
        torch.stack([tip[:, 0], tip_right, tip_left], 1),
        torch.stack([cut_right, cut[:, 1], cut[:, 2]], 1),
        torch.stack([cut_right, cut[:, 2], cut_left], 1),
    ]
    return edges, torch.cat(polygons)


def _rotate(triangles: Int[Tensor, "T 3"], first: Int[Tensor, " T"]) -> Int[Tensor, "T 3"]:
    turn = (torch.arange(3, device=triangles.device) + first[:, None]) % 3
    return triangles.gather(1, turn)


def _centres(pixels: Int[Tensor, " N"], width: int) -> Float[Tensor, "N 2"]:
    return torch.stack([pixels % width, pixels // width], 1).float() + 0.5


def _crossings(level: Float[Tensor, "H W"], edges: Int[Tensor, "E 2"]) -> Float[Tensor, "E 2"]:
    """Where the outline crosses each edge of the pixel grid, by linear interpolation."""
    inner, outer = level.flatten()[edges].unbind(1)
    share = ((inner - OUTLINE) / (inner - outer).clamp(min=1e-6)).clamp(0.02, 0.98)[:, None]
    start, end = (_centres(edges[:, k], level.shape[1]) for k in (0, 1))
    return start + share * (end - start)
