"""Clothed people with known truth: a body shape in garments, in the bind pose and in any other.

Body frame, metres. Textures are paths: whoever draws the person reads them.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from backend.body.anny55 import SKIN_VERTICES, TONGUE, Anny55
from backend.body.kinematics import bone_matrices
from backend.geometry.skinning import pose
from backend.synthesis.garments import Garment, fit_garment, garment_weights
from backend.synthesis.layers import layered, lifted
from backend.synthesis.parts import PARTS as PARTS
from backend.synthesis.parts import Part as Part
from backend.types import BindBody, SkinnedMesh

ABOVE_ALL = 1000
"""Layer of what no garment may push: eyes, lashes."""
ON_SKIN = 1001
"""Layer of what no garment may push and the skin must not hide: brows. Lashes are rooted in the
lids: lifted, their roots show as black specks around the eyes."""
EYE_COLOUR = (0.93, 0.93, 0.93)
"""sRGB of the base mesh's own eyeballs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outfit:
    """What a person wears."""

    garments: tuple[Garment, ...]
    """Clothes, shoes, hair, brows, lashes."""
    eyes: Garment | None
    """None = the base mesh's own eyeballs, plain white."""
    skin_colour: tuple[float, float, float]
    """sRGB, 0 to 1; multiplies the texture."""
    skin_texture: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A dressed body."""

    bind: BindBody
    parents: tuple[int, ...]
    parts: tuple[Part, ...]
    """The skin that shows, the eyes, then the garments from the lowest layer to the highest."""


def dress(body: Anny55, shape: Float[Tensor, " B"], outfit: Outfit) -> Person:
    """Return a body of a shape in an outfit.

    What garments hide is left out, and no layer pierces the one above it (`layers.layered`).
    Brows lie above the skin (`layers.lifted`).
    """
    bind = body.bind(shape)
    worn = sorted(outfit.garments, key=lambda garment: garment.layer)
    hidden = torch.zeros(len(bind.vertices), dtype=torch.bool, device=bind.vertices.device)
    for garment in worn:
        hidden[garment.hidden_ids] = True
    skin = (body.quads[:, 0] < SKIN_VERTICES) & ~hidden[body.quads].all(dim=1)
    parts = [
        replace(
            _base_part(body, bind, skin),
            name="skin",
            texture=outfit.skin_texture,
            colour=outfit.skin_colour,
        )
    ]
    if outfit.eyes is None:
        parts.append(_base_part(body, bind, body.quads[:, 0] >= TONGUE[1]))
    else:
        parts.append(_garment_part(body, bind, outfit.eyes))
    for garment in worn:
        part = _garment_part(body, bind, garment)
        parts.append(lifted(part, parts[0]) if garment.layer == ON_SKIN else part)
    layers = [0, ABOVE_ALL, *(garment.layer for garment in worn)]
    return Person(bind=bind, parents=body.parents, parts=layered(parts, layers))


def _base_part(body: Anny55, bind: BindBody, kept: Bool[Tensor, " Q"]) -> Part:
    """Cut some quads out of the base mesh, coloured as eyes."""
    corners = torch.tensor([[0, 1, 2], [0, 2, 3]], device=body.quads.device)
    ids, faces = body.quads[kept][:, corners].flatten(0, 1).unique(return_inverse=True)
    return Part(
        name="eyes",
        part="skin",
        vertices=bind.vertices[ids],
        faces=faces,
        weights=body.weights[ids],
        corner_uv=body.uv[body.quad_uv[kept][:, corners].flatten(0, 1)],
        texture=None,
        colour=EYE_COLOUR,
    )


def _garment_part(body: Anny55, bind: BindBody, garment: Garment) -> Part:
    return Part(
        name=garment.name,
        part=garment.part,
        vertices=fit_garment(garment, bind.vertices),
        faces=garment.faces,
        weights=garment_weights(garment, body.weights),
        corner_uv=garment.corner_uv,
        texture=garment.texture,
        colour=garment.colour,
    )


def merged(person: Person) -> SkinnedMesh:
    """Return all parts as one mesh in the bind pose, coloured plainly by part."""
    counts = [len(part.vertices) for part in person.parts]
    starts = torch.tensor([0, *counts]).cumsum(0).tolist()
    parts = list(zip(person.parts, starts, strict=False))
    return SkinnedMesh(
        vertices=torch.cat([part.vertices for part in person.parts]),
        faces=torch.cat([part.faces + start for part, start in parts]),
        weights=torch.cat([part.weights for part in person.parts]),
        colours=torch.cat([_plain_colours(part) for part in person.parts]),
    )


def _plain_colours(part: Part) -> Float[Tensor, "V 3"]:
    return part.vertices.new_tensor(part.colour).expand(len(part.vertices), 3)


def pose_part(
    person: Person, part: Part, rotations: Float[Tensor, "*P J 3 3"]
) -> Float[Tensor, "*P V 3"]:
    """Return a part's vertices in other poses.

    Args:
        person: Whose part it is.
        part: Of V vertices.
        rotations: Of each joint relative to its parent and to the bind pose, in body axes.
    """
    bones = bone_matrices(person.bind.joints, person.parents, rotations)
    return pose(part.vertices, part.weights, bones)
