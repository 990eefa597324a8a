"""The surfaces that a scan is made of: the posed body beneath all, and the posed sheets over it.

Body frame, metres. A sheet is a garment, hair or an eye; what its texture leaves transparent is
cut away.
"""

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.spatial import KDTree
from torch import Tensor

from backend.body.anny55 import SKIN_VERTICES, Anny55, load_anny55
from backend.body.kinematics import bone_matrices
from backend.geometry.normals import vertex_normals
from backend.geometry.signed_distance import SurfaceQuery
from backend.geometry.skinning import pose
from backend.synthesis.people import PARTS, Part, Person
from backend.synthesis.textures import OPAQUE, is_cut, read_texture

SAME_M = 1e-5
"""A vertex of the body this near to one of the skin that shows is that vertex."""
REACH_M = 0.04
"""Skin farther before cloth than this is not what the cloth hides."""
NOT_SCANNED = ("lash",)
"""Names of sheets that hold this are left out: a fan of hairs that no scanner sees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """One mesh: the closed body first, its hidden skin drawn in, then the sheets."""

    vertices: Float[Tensor, "V 3"]
    middle: Float[Tensor, "V 3"]
    """Of the sheets' thickness; the vertices themselves where there is none."""
    faces: Int[Tensor, "F 3"]
    weights: Float[Tensor, "V J"]
    corner_uv: Float[Tensor, "F 3 2"]
    part: Int[Tensor, " F"]
    """Index into `looks`."""
    looks: tuple[Part, ...]
    body_faces: int
    """How many of the faces are the body's."""

    @property
    def labels(self) -> Int[Tensor, " F"]:
        """Index into `PARTS` for each face."""
        of_look = [PARTS.index(look.part) for look in self.looks]
        return torch.tensor(of_look, device=self.part.device)[self.part]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    table: Float[Tensor, "V C"]
    """Position, middle and weights."""
    faces: Int[Tensor, "F 3"]
    corner_uv: Float[Tensor, "F 3 2"]


def posed_sources(
    person: Person,
    rotations: Float[Tensor, "J 3 3"],
    *,
    thickness_m: float,
    inset_m: float,
    detail_m: float,
) -> Sources:
    """Return all surfaces of a person in a pose.

    Args:
        person: Whose first part is the skin that shows.
        rotations: As of `people.pose_part`.
        thickness_m: Of sheets. It lies below those with an outer side, so that the scan's surface
            is the sheet itself, and on both sides of hair.
        inset_m: How far hidden skin is drawn in, so that it stays below what hides it.
        detail_m: Of the cuts along transparency.
    """
    bones = bone_matrices(person.bind.joints, person.parents, rotations)
    sheets = tuple(
        part for part in person.parts[1:] if not any(word in part.name for word in NOT_SCANNED)
    )
    looks = (person.parts[0], *sheets)
    whole = [_sheet_piece(part, bones, thickness_m) for part in sheets]
    cloth = [piece for piece, part in zip(whole, sheets, strict=True) if not has_two_sides(part)]
    pieces = [_withdrawn(_body_piece(person, bones, inset_m), cloth, inset_m)]
    pieces += [_cut(piece, part, detail_m) for piece, part in zip(whole, sheets, strict=True)]
    starts = torch.tensor([0, *(len(piece.table) for piece in pieces)]).cumsum(0).tolist()
    counts = torch.tensor([len(piece.faces) for piece in pieces], device=rotations.device)
    table = torch.cat([piece.table for piece in pieces])
    return Sources(
        vertices=table[:, :3],
        middle=table[:, 3:6],
        faces=torch.cat([p.faces + start for p, start in zip(pieces, starts, strict=False)]),
        weights=table[:, 6:],
        corner_uv=torch.cat([piece.corner_uv for piece in pieces]),
        part=torch.arange(len(looks), device=counts.device).repeat_interleave(counts),
        looks=looks,
        body_faces=len(pieces[0].faces),
    )


@cache
def _body() -> Anny55:
    return load_anny55()


def _body_piece(person: Person, bones: Float[Tensor, "J 4 4"], inset_m: float) -> _Piece:
    """Return the whole skin, closed: drawn in where garments took it away."""
    body, device = _body(), bones.device
    quads = body.quads[:, 0] < SKIN_VERTICES
    corners = torch.tensor([[0, 1, 2], [0, 2, 3]])
    faces = body.quads[quads][:, corners].flatten(0, 1).to(device)
    weights = body.weights[:SKIN_VERTICES].to(bones)
    rest = person.bind.vertices[:SKIN_VERTICES]
    hidden = ~_shown(rest, person.parts[0].vertices)
    posed = pose(rest, weights, bones)
    inset = posed - inset_m * hidden[:, None] * vertex_normals(posed, faces)
    return _Piece(
        table=torch.cat([inset, posed, weights], dim=1),
        faces=faces,
        corner_uv=body.uv[body.quad_uv[quads][:, corners].flatten(0, 1)].to(bones),
    )


def _withdrawn(body: _Piece, cloth: list[_Piece], inset_m: float) -> _Piece:
    """Move hidden skin that is still before cloth behind it, as soles of feet below shoes."""
    position, posed = body.table[:, :3], body.table[:, 3:6]
    hidden = (position != posed).any(dim=1).nonzero().flatten()
    corners = torch.cat([posed[:0].reshape(0, 3, 3), *(p.table[p.faces][..., :3] for p in cloth)])
    corner_numbers = torch.arange(3 * len(corners), device=corners.device)
    query = SurfaceQuery(corners.flatten(0, 1), corner_numbers.view(-1, 3))
    closest = query.closest_points(position[hidden], REACH_M)
    a, b, c = corners[closest.face.clamp_min(0)].unbind(dim=1)
    normal = torch.nn.functional.normalize(torch.linalg.cross(b - a, c - a), dim=1)
    foot = (closest.barycentric[..., None] * corners[closest.face.clamp_min(0)]).sum(dim=1)
    before = ((position[hidden] - foot) * normal).sum(dim=1)
    moved = closest.found & (before > -0.5 * inset_m)
    position = position.clone()
    position[hidden[moved]] = (foot - 0.5 * inset_m * normal)[moved]
    return _Piece(
        table=torch.cat([position, position, body.table[:, 6:]], dim=1),
        faces=body.faces,
        corner_uv=body.corner_uv,
    )


def _shown(rest: Float[Tensor, "V 3"], skin: Float[Tensor, "S 3"]) -> Bool[Tensor, " V"]:
    distance, _ = KDTree(skin.cpu().numpy()).query(rest.cpu().numpy())
    return torch.from_numpy(distance < SAME_M).to(rest.device)


def has_two_sides(part: Part) -> bool:
    """Return whether a sheet has no inner side: hair, and eyes, which sit in open sockets."""
    return part.part in ("hair", "skin")


def _sheet_piece(part: Part, bones: Float[Tensor, "J 4 4"], thickness_m: float) -> _Piece:
    posed = pose(part.vertices, part.weights, bones)
    depth = 0.0 if part.part == "hair" else 0.5 * thickness_m
    middle = posed - depth * vertex_normals(posed, part.faces)
    table = torch.cat([posed, middle, part.weights], dim=1)
    return _Piece(table=table, faces=part.faces, corner_uv=part.corner_uv)


def _cut(piece: _Piece, part: Part, detail_m: float) -> _Piece:
    """Drop the transparent part of a sheet.

    Faces are split into `n`² equal ones with edges of at most `detail_m`; a face whose pieces are
    all opaque stays whole.
    """
    if not is_cut(read_texture(part.texture), part.corner_uv):
        return piece
    alpha = picture_of(part)[3:]
    corners = piece.table[piece.faces][..., :3]  # (F, 3, 3)
    longest = (corners - corners.roll(1, dims=1)).norm(dim=-1).amax(dim=1)
    splits = 2 ** (longest / detail_m).clamp_min(1.0).log2().ceil().long().clamp_max(5)
    cut = [_cut_evenly(piece, alpha, int(n), splits == n) for n in splits.unique()]
    start = len(piece.table)
    tables, faces, uv = [piece.table], [], []
    for whole, small in cut:
        faces += [whole.faces, small.faces + start]
        uv += [whole.corner_uv, small.corner_uv]
        tables.append(small.table)
        start += len(small.table)
    return _Piece(table=torch.cat(tables), faces=torch.cat(faces), corner_uv=torch.cat(uv))


def _cut_evenly(
    piece: _Piece, alpha: Float[Tensor, "1 H W"], n: int, chosen: Bool[Tensor, " F"]
) -> tuple[_Piece, _Piece]:
    """Return the opaque ones of some faces whole, and the opaque pieces of the others."""
    shares = _even_split(n).to(piece.table)  # (n², 3 corners, 3 shares)
    faces, uv = piece.faces[chosen], piece.corner_uv[chosen]
    centres = torch.einsum("ms,fsc->fmc", shares.mean(dim=1), uv)
    opaque = sample(alpha.to(uv), centres)[..., 0] >= OPAQUE  # (F, n²)
    entire = opaque.all(dim=1)
    whole = _Piece(table=piece.table, faces=faces[entire], corner_uv=uv[entire])
    face, place = (opaque & ~entire[:, None]).nonzero().unbind(dim=1)
    table = torch.einsum("mks,msc->mkc", shares[place], piece.table[faces[face]])
    small = _Piece(
        table=table.flatten(0, 1),
        faces=torch.arange(3 * len(face), device=faces.device).view(-1, 3),
        corner_uv=torch.einsum("mks,msc->mkc", shares[place], uv[face]),
    )
    return whole, small


@lru_cache(maxsize=16)
def _even_split(n: int) -> Float[Tensor, "M 3 3"]:
    """Return the corners' barycentric coordinates of the n² equal pieces of a triangle."""
    i, j = np.mgrid[:n, :n].reshape(2, -1)
    up = np.stack([(i, j), (i + 1, j), (i, j + 1)])
    down = np.stack([(i + 1, j + 1), (i, j + 1), (i + 1, j)])
    first = np.concatenate(
        [up[..., i + j < n], down[..., i + j < n - 1]], axis=-1
    )  # (3 corners, 2, n²)
    shares = np.concatenate([first, n - first.sum(axis=1, keepdims=True)], axis=1) / n
    return torch.from_numpy(shares.transpose(2, 0, 1).astype(np.float32))


def picture_of(part: Part) -> Float[Tensor, "4 H W"]:
    """Return a part's texture as sRGB and alpha, 0 to 1, row 0 on top; white if it has none."""
    texture = read_texture(part.texture)
    texels = texture.texels[: texture.width * texture.height].float() / 255
    return texels.T.reshape(4, texture.height, texture.width)


def sample(texture: Float[Tensor, "C H W"], uv: Float[Tensor, "*N 2"]) -> Float[Tensor, "*N C"]:
    """Return a repeating texture's bilinear values at texture coordinates (v upwards)."""
    _, height, width = texture.shape
    x = uv[..., 0] * width - 0.5
    y = (1 - uv[..., 1]) * height - 0.5
    left, top = x.floor(), y.floor()
    right, down = (x - left)[..., None], (y - top)[..., None]
    columns = [(left.long() + step) % width for step in (0, 1)]
    rows = [(top.long() + step) % height for step in (0, 1)]
    values = texture.permute(1, 2, 0)
    upper = values[rows[0], columns[0]].lerp(values[rows[0], columns[1]], right)
    lower = values[rows[1], columns[0]].lerp(values[rows[1], columns[1]], right)
    return upper.lerp(lower, down)
