"""The MakeHuman items that synthetic people wear: what each is, who wears it, who may train on it.

Paths are relative to a folder that holds `system` (MakeHuman's own assets) and `community`.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.body.anny55 import Anny55
from backend.geometry.isosurface import face_components
from backend.synthesis.garments import Garment, fit_garment, garment_weights, read_garment
from backend.synthesis.people import ABOVE_ALL, ON_SKIN
from backend.synthesis.seams import sewn

Slot = Literal[
    "top", "bottom", "suit", "dress", "coat", "shoes", "hair", "hat", "brows", "lashes", "eyes"
]
"""Place in an outfit; a suit is top and bottom in one mesh."""
Fit = Literal["fitted", "loose"]
Wearer = Literal["female", "male", "any"]
PART_OF_SLOT = {"coat": "dress", "brows": "hair", "lashes": "hair", "eyes": "skin"}
"""Where the slot is not itself one of `people.PARTS`; a suit is split into two."""
BODY_LABELS = ("top", "bottom")

LAYER_OF_SLOT = {
    "lashes": ABOVE_ALL,
    "brows": ON_SKIN,
    "eyes": ABOVE_ALL,
    "shoes": 5,
    "bottom": 40,
    "top": 45,
    "suit": 45,
    "dress": 50,
    "coat": 60,
    "hair": 70,
    "hat": 80,
}
"""What is worn over what; the files' own figures are the same for most."""
LEG_JOINTS = ("hip", "knee", "ankle", "foot")
LEG_SHARE = 0.3
"""A piece of a suit that follows the legs this much is its lower garment."""
WAIST_M = 0.14
"""Height of the trousers' waistband on the mean body, body frame; one-piece suits are cut here."""
REACH_M = 0.2
"""A piece that reaches this far above and below the waist is a whole suit in one piece."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing to wear."""

    name: str
    mhclo: Path
    """Relative to the MakeHuman folder."""
    part: str
    """One of `people.PARTS`; `suit` where one mesh holds a top and a bottom."""
    slot: Slot
    fit: Fit
    """Loose: coat, skirt, long hair, and a dress unless it is bound to the skin itself; all else is
    fitted."""
    wearer: Wearer
    materials: tuple[Path, ...] = ()
    """Other looks of the same mesh, relative to the MakeHuman folder."""
    gapes_m: float = 0.0
    """What is closer than this across an open seam is sewn; 0 = its seams are closed."""


def _item(
    path: str, slot: Slot, wearer: Wearer, fit: Fit = "fitted", *, materials: tuple[str, ...] = ()
) -> Item:
    """Return an item of a folder that bears the item's name."""
    folder = Path(path)
    return Item(
        name=folder.name,
        mhclo=folder / f"{folder.name}.mhclo",
        part=PART_OF_SLOT.get(slot, slot),
        slot=slot,
        fit=fit,
        wearer=wearer,
        materials=tuple(folder.parent / name for name in materials),
    )


_CLOTHES = "system/clothes"
_OTHERS = "community/clothes"
_FEDORAS = tuple(f"fedora01/materials/{name}fedora.mhmat" for name in ("", "black_", "grey_"))

CATALOGUE: tuple[Item, ...] = (
    *(_item(f"{_CLOTHES}/male_casualsuit0{i}", "suit", "male") for i in range(1, 7)),
    _item(f"{_CLOTHES}/male_elegantsuit01", "suit", "male"),
    _item(f"{_CLOTHES}/female_casualsuit01", "suit", "female"),
    _item(f"{_CLOTHES}/female_casualsuit02", "suit", "female"),
    _item(f"{_CLOTHES}/female_sportsuit01", "suit", "female"),
    _item(f"{_CLOTHES}/female_elegantsuit01", "suit", "female", "loose"),
    _item(f"{_OTHERS}/Sleeveless", "top", "female"),
    _item(f"{_OTHERS}/Tank_Top_01", "top", "female"),
    _item(f"{_OTHERS}/TubeTop", "top", "female"),
    _item(f"{_OTHERS}/VNeckTop", "top", "female"),
    _item(f"{_OTHERS}/ShortJeans", "bottom", "female"),
    # Both inner seams gape by 6 to 14 mm from the crotch to the hem.
    replace(_item(f"{_OTHERS}/Tightjeans", "bottom", "female"), gapes_m=0.016),
    _item(f"{_OTHERS}/JeansSkirt", "bottom", "female", "loose"),
    _item(f"{_OTHERS}/F_Beach_Dress_01", "dress", "female"),
    _item(f"{_OTHERS}/F_Dress_01", "dress", "female"),
    _item(f"{_OTHERS}/F_Dress_03", "dress", "female", "loose"),
    _item(f"{_OTHERS}/F_Dress_04", "dress", "female"),
    _item(f"{_OTHERS}/TubeDress", "dress", "female", "loose"),
    _item(f"{_OTHERS}/Coat", "coat", "any", "loose"),
    *(_item(f"{_CLOTHES}/shoes0{i}", "shoes", "any") for i in range(1, 7)),
    *(_item(f"system/hair/{name}", "hair", "male") for name in ("afro01", "short01", "short02")),
    *(_item(f"system/hair/{name}", "hair", "any") for name in ("short03", "short04")),
    *(_item(f"system/hair/{name}", "hair", "female") for name in ("bob01", "bob02")),
    *(
        _item(f"system/hair/{name}", "hair", "female", "loose")
        for name in ("braid01", "long01", "ponytail01")
    ),
    replace(
        _item(f"{_CLOTHES}/fedora01", "hat", "any", materials=_FEDORAS),
        name="fedora",
        mhclo=Path(f"{_CLOTHES}/fedora01/fedora.mhclo"),
    ),
    _item(f"{_OTHERS}/Fishing_Hat_01", "hat", "any"),
    *(_item(f"system/eyebrows/eyebrow{i:03d}", "brows", "any") for i in range(1, 13)),
    *(_item(f"system/eyelashes/eyelashes0{i}", "lashes", "any") for i in range(1, 5)),
    _item(
        "system/eyes/high-poly",
        "eyes",
        "any",
        materials=tuple(
            f"materials/{colour}.mhmat"
            for colour in (
                *("blue", "bluegreen", "brown", "brownlight", "deepblue"),
                *("green", "grey", "ice", "lightblue"),
            )
        ),
    ),
)
"""All items but `Asymmetric_Tunic_and_Sash`, which does not bind well, and `male_worksuit01`, whose
picture belongs to another mesh."""

HELD_OUT: frozenset[str] = frozenset(
    {
        *("male_casualsuit06", "male_elegantsuit01", "female_sportsuit01"),
        *("VNeckTop", "Tightjeans"),
        *("TubeDress", "Coat", "JeansSkirt", "long01"),
    }
)
"""What defines the people of `subjects`; training and tuning never touch it."""

TRAINING: tuple[Item, ...] = tuple(item for item in CATALOGUE if item.name not in HELD_OUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Skin:
    """A picture of a whole skin."""

    material: Path
    """Relative to the MakeHuman folder."""
    gender: Literal["female", "male"]
    age: Literal["young", "middleage", "old"]


SKINS: tuple[Skin, ...] = tuple(
    Skin(
        material=Path(f"system/skins/{age}_{kind}_{gender}/{age}_{kind}_{gender}.mhmat"),
        gender=gender,
        age=age,
    )
    for age in ("young", "middleage", "old")
    for kind in ("african", "asian", "caucasian")
    for gender in ("female", "male")
)


def named(name: str) -> Item:
    """Return the item of a name.

    Raises:
        KeyError: there is none.
    """
    return {item.name: item for item in CATALOGUE}[name]


def read_item(
    item: Item, body: Anny55, makehuman: Path, material: Path | None = None
) -> tuple[Garment, ...]:
    """Return the garments of an item, each of one part; a suit gives its top and its bottom.

    Args:
        item: Of the catalogue.
        body: Its mean shape tells a suit's waist.
        makehuman: The folder that holds `system` and `community`.
        material: Another look, relative to that folder.

    Raises:
        BadFile: a file is missing or does not hold a garment.
    """
    garment = _read(makehuman / item.mhclo, makehuman / material if material else None)
    garment = replace(garment, layer=LAYER_OF_SLOT[item.slot])
    if item.gapes_m > 0:
        fitted = fit_garment(garment, body.bind(body.mean_shape).vertices)
        garment = sewn(garment, fitted, item.gapes_m)
    if item.slot != "suit":
        return (replace(garment, name=item.name, part=item.part),)
    is_lower = lower_faces(garment, body)
    kept = zip(BODY_LABELS, (~is_lower, is_lower), strict=True)
    return tuple(_cut(garment, item.name, part, faces) for part, faces in kept)


@lru_cache(maxsize=128)
def _read(mhclo: Path, material: Path | None) -> Garment:
    """Parsing the text takes longer than all that follows."""
    return read_garment(mhclo, material)


def lower_faces(garment: Garment, body: Anny55) -> Bool[Tensor, " F"]:
    """Tell which faces of a suit belong to its lower garment.

    A suit's shirt and trousers do not share vertices: each connected piece is judged as a whole by
    the share of the legs' bones in it. A piece from the shoulders to the legs is cut at the waist.
    """
    bind = body.bind(body.mean_shape)
    height = fit_garment(garment, bind.vertices)[garment.faces, 1]  # (F, 3)
    legs = [i for i, name in enumerate(body.joint_names) if name.split("_")[-1] in LEG_JOINTS]
    share = garment_weights(garment, body.weights)[:, legs].sum(dim=1)[garment.faces].mean(dim=1)
    piece = face_components(garment.faces, len(garment.base_ids))
    top, bottom = _of_piece(height.amax(1), piece, "amax"), _of_piece(height.amin(1), piece, "amin")
    is_lower = (_of_piece(share, piece, "mean") > LEG_SHARE) | (top < WAIST_M)
    is_whole = (top > WAIST_M + REACH_M) & (bottom < WAIST_M - REACH_M)
    return torch.where(is_whole, height.mean(dim=1) < WAIST_M, is_lower)


def _of_piece(
    values: Float[Tensor, " F"], piece: Int[Tensor, " F"], kind: str
) -> Float[Tensor, " F"]:
    """Return for each face the mean (or `amax`, `amin`) over its connected piece."""
    start = values.new_zeros(len(values))
    return start.scatter_reduce(0, piece, values, kind, include_self=False)[piece]


def _cut(garment: Garment, name: str, part: str, kept: Bool[Tensor, " F"]) -> Garment:
    ids, faces = garment.faces[kept].unique(return_inverse=True)
    return replace(
        garment,
        name=f"{name}_{part}",
        part=part,
        base_ids=garment.base_ids[ids],
        base_weights=garment.base_weights[ids],
        offsets=garment.offsets[ids],
        faces=faces,
        corner_uv=garment.corner_uv[kept],
    )
