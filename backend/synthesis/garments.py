"""Garments in MakeHuman's format, bound to the base mesh: read, fitted to a body, skinned.

Base mesh = MakeHuman's `hm08` with all 19 158 vertices (the skin 0..13379, then helpers), in the
body frame and in metres. G vertices of the garment, F its triangles, V base-mesh vertices.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.synthesis.makehuman_files import read_material, read_mhclo, read_obj

METRES_PER_UNIT = 0.1
"""MakeHuman's files count in decimetres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Garment:
    """Clothes, shoes, hair, eyes or brows: a mesh whose vertices follow triples of the body."""

    name: str
    base_ids: Int[Tensor, "G 3"]
    """Base-mesh vertices that carry each garment vertex."""
    base_weights: Float[Tensor, "G 3"]
    """Their shares; may be negative or above 1."""
    offsets: Float[Tensor, "G 3"]
    """Added after scaling each axis to the body; decimetres on the author's body."""
    scale_ids: Int[Tensor, "3 2"]
    """Per axis the two base-mesh vertices whose distance along it scales the offset; -1 = the
    offset is taken unscaled."""
    scale_units: Float[Tensor, " 3"]
    """That distance on the author's body, decimetres."""
    faces: Int[Tensor, "F 3"]
    """Counter-clockwise seen from outside."""
    corner_uv: Float[Tensor, "F 3 2"]
    """Texture coordinates, v upwards; zeros where the file has none."""
    hidden_ids: Int[Tensor, " D"]
    """Vertices of the skin that this garment covers."""
    layer: int
    """Garments of a higher layer are worn over those of a lower one."""
    texture: Path | None
    """Colour picture, with the share of cover in its alpha."""
    colour: tuple[float, float, float]
    """sRGB, 0 to 1; multiplies the texture."""
    part: str = "other"
    """What it is: one of `people.PARTS`; files do not say."""


def read_garment(mhclo: Path, material: Path | None = None) -> Garment:
    """Return the garment of a `.mhclo` file and of the `.obj` and `.mhmat` that it names.

    Args:
        mhclo: The garment's binding.
        material: A `.mhmat` to use instead of the garment's own.

    Raises:
        BadFile: a file is missing or does not hold a garment.
    """
    clothes = read_mhclo(mhclo)
    mesh = read_obj(mhclo.parent / clothes.obj_file, len(clothes.base_ids))
    own = mhclo.parent / clothes.material if clothes.material else None
    look = read_material(material or own)
    return Garment(
        name=clothes.name,
        base_ids=torch.from_numpy(clothes.base_ids),
        base_weights=torch.from_numpy(clothes.base_weights).float(),
        offsets=torch.from_numpy(clothes.offsets).float(),
        scale_ids=torch.from_numpy(clothes.scale_ids),
        scale_units=torch.from_numpy(clothes.scale_units).float(),
        faces=torch.from_numpy(mesh.faces),
        corner_uv=torch.from_numpy(mesh.corner_uv).float(),
        hidden_ids=torch.from_numpy(clothes.hidden_ids),
        layer=clothes.layer,
        texture=look.texture,
        colour=look.colour,
    )


def offset_scale(garment: Garment, bind_vertices: Float[Tensor, "V 3"]) -> Float[Tensor, " 3"]:
    """Return metres per unit of the garment's offsets along x, y and z on this body."""
    ends = bind_vertices[garment.scale_ids.clamp_min(0)]  # (3 axes, 2 ends, 3)
    along = (ends[:, 0] - ends[:, 1]).diagonal().abs()
    scaled = along / garment.scale_units.to(along)
    unscaled = (garment.scale_ids < 0).any(dim=1)
    return torch.where(unscaled, torch.full_like(scaled, METRES_PER_UNIT), scaled)


def fit_garment(garment: Garment, bind_vertices: Float[Tensor, "V 3"]) -> Float[Tensor, "G 3"]:
    """Return the garment's vertices on a body in its bind pose; differentiable.

        g = w_i V_i + w_j V_j + w_k V_k + offset * scale    (MakeHuman's `.mhclo`)

    Args:
        garment: Of G vertices.
        bind_vertices: All vertices of the base mesh, metres, body frame.
    """
    carriers = bind_vertices[garment.base_ids]  # (G, 3 carriers, 3)
    carried = (garment.base_weights.to(bind_vertices)[..., None] * carriers).sum(dim=1)
    return carried + garment.offsets.to(bind_vertices) * offset_scale(garment, bind_vertices)


def garment_weights(garment: Garment, weights: Float[Tensor, "V J"]) -> Float[Tensor, "G J"]:
    """Return the bone weights of the garment's vertices: those of the triples that carry them.

    Args:
        garment: Of G vertices.
        weights: Of all vertices of the base mesh; rows sum to 1.
    """
    shares = garment.base_weights.to(weights)[..., None]
    mixed = (shares * weights[garment.base_ids]).sum(dim=1).clamp_min(0.0)
    return mixed / mixed.sum(dim=1, keepdim=True)


def visible_faces(
    faces: Int[Tensor, "F 3"], hidden_ids: Int[Tensor, " D"], vertex_count: int
) -> Int[Tensor, "N 3"]:
    """Return the faces of the skin that no garment hides: those without a hidden vertex."""
    hidden = torch.zeros(vertex_count, dtype=torch.bool, device=faces.device)
    hidden[hidden_ids] = True
    return faces[~hidden[faces].any(dim=1)]
