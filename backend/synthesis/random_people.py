"""Random adults in a sensible dress, the same for the same seed."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from backend.body.anny55 import Anny55
from backend.synthesis.garments import Garment
from backend.synthesis.makehuman_files import read_material
from backend.synthesis.own_garments import make_garments
from backend.synthesis.people import Outfit, Person, dress
from backend.synthesis.wardrobe import SKINS, TRAINING, Item, Slot, Wearer, read_item

Choice = TypeVar("Choice")

RANGES = {
    "age": (0.667, 0.95),
    "muscle": (0.25, 0.85),
    "weight": (0.25, 0.85),
    "height": (0.2, 0.6),
    "proportions": (0.3, 0.9),
}
"""Of the phenotypes: 18 years and older, 1.5 to 1.95 m."""
FEMALE, MALE = (0.75, 1.0), (0.0, 0.25)
OLD, MIDDLE_AGED = 0.87, 0.77
"""Ages from which a skin of that kind is worn."""
DRESS_SHARE, COAT_SHARE, HAT_SHARE = 0.45, 0.25, 0.15
"""Shares of those for whom there is one."""
SHORT_HAIR = ("short01", "short02", "short03", "short04")
"""What a hat sits on."""
OWN_COLOURS = ((0.75, 0.2, 0.18), (0.16, 0.22, 0.42), (0.25, 0.5, 0.35), (0.85, 0.8, 0.7))
SKIN_COLOURS = ((0.95, 0.78, 0.68), (0.85, 0.65, 0.5), (0.6, 0.42, 0.3), (0.36, 0.24, 0.17))
"""sRGB, where no pictures are at hand."""


def generator_of(seed: int) -> torch.Generator:
    """Return the source of randomness of a seed."""
    return torch.Generator().manual_seed(seed)


def random_shape(
    body: Anny55, generator: torch.Generator, *, wearer: Wearer = "any"
) -> Float[Tensor, " B"]:
    """Return phenotypes of an adult."""
    sex = wearer if wearer != "any" else pick(("female", "male"), generator)
    ranges = RANGES | {"gender": FEMALE if sex == "female" else MALE}
    bounds = body.mean_shape.new_tensor([ranges[name] for name in body.shape_names])
    share = torch.rand(len(bounds), generator=generator).to(bounds)
    return bounds[:, 0] + share * (bounds[:, 1] - bounds[:, 0])


def random_person(
    body: Anny55, seed: int, makehuman: Path | None, *, items: Sequence[Item] = TRAINING
) -> Person:
    """Return a dressed adult in the bind pose, always the same for a seed.

    Args:
        body: The body model.
        seed: Any number.
        makehuman: Folder that holds `system` and `community`; None for our own few garments.
        items: What may be worn.

    Raises:
        BadFile: a file of the folder is missing or broken.
    """
    generator = generator_of(seed)
    shape = random_shape(body, generator)
    if makehuman is None:
        return dress(body, shape, _own_outfit(body, generator))
    wearer = "female" if is_female(body, shape) else "male"
    worn = random_items(items, generator, wearer=wearer)
    return dress(body, shape, outfit_of(body, shape, worn, makehuman, generator=generator))


def is_female(body: Anny55, shape: Float[Tensor, " B"]) -> bool:
    """Tell the gender of a shape."""
    return float(shape[body.shape_names.index("gender")]) > sum(FEMALE + MALE) / 4


def random_items(
    items: Sequence[Item], generator: torch.Generator, *, wearer: Wearer
) -> tuple[Item, ...]:
    """Return a suit, or a top and a bottom, or a dress; with shoes, hair and now and then more."""
    slots: dict[Slot, list[Item]] = {}
    for item in items:
        if item.wearer in (wearer, "any"):
            slots.setdefault(item.slot, []).append(item)
    clothes = _clothes(slots, generator)
    hair = _picked(slots, "hair", generator)
    hats = _picked(slots, "hat", generator) if chance(HAT_SHARE, generator) else ()
    if hats:
        short = [item for item in slots.get("hair", []) if item.name in SHORT_HAIR]
        hair = (pick(short, generator),) if short else ()
    others = [_picked(slots, slot, generator) for slot in ("shoes", "brows", "lashes", "eyes")]
    return (*clothes, *hair, *hats, *(item for picked in others for item in picked))


def _clothes(slots: dict[Slot, list[Item]], generator: torch.Generator) -> tuple[Item, ...]:
    if chance(DRESS_SHARE, generator) and "dress" in slots:
        return _picked(slots, "dress", generator)
    apart = [(top, bottom) for top in slots.get("top", []) for bottom in slots.get("bottom", [])]
    kinds: list[tuple[Item, ...]] = [(suit,) for suit in slots.get("suit", [])]
    if apart:
        kinds += [pick(apart, generator) for _ in range(max(len(kinds), 1))]
    coat = _picked(slots, "coat", generator) if chance(COAT_SHARE, generator) else ()
    return pick(kinds, generator) + coat


def outfit_of(
    body: Anny55,
    shape: Float[Tensor, " B"],
    worn: Sequence[Item],
    makehuman: Path,
    *,
    generator: torch.Generator,
) -> Outfit:
    """Return items as an outfit, with a skin of the person's gender and age.

    Raises:
        BadFile: a file of the folder is missing or broken.
    """
    garments: list[Garment] = []
    eyes = None
    for item in worn:
        material = pick(item.materials, generator) if item.materials else None
        read = read_item(item, body, makehuman, material)
        if item.slot == "eyes":
            eyes = replace(read[0], name="eyes")
        else:
            garments += read
    skin = read_material(makehuman / _skin(body, shape, generator))
    return Outfit(
        garments=tuple(garments),
        eyes=eyes,
        skin_colour=skin.colour,
        skin_texture=skin.texture,
    )


def _skin(body: Anny55, shape: Float[Tensor, " B"], generator: torch.Generator) -> Path:
    age = float(shape[body.shape_names.index("age")])
    kind = "old" if age > OLD else "middleage" if age > MIDDLE_AGED else "young"
    gender = "female" if is_female(body, shape) else "male"
    fitting = [skin for skin in SKINS if (skin.age, skin.gender) == (kind, gender)]
    return pick(fitting, generator).material


def _own_outfit(body: Anny55, generator: torch.Generator) -> Outfit:
    garments = make_garments(body)
    names = ("shirt", pick(("trousers", "skirt"), generator), "shoes")
    worn = [replace(garments[name], colour=pick(OWN_COLOURS, generator)) for name in names]
    return Outfit(
        garments=tuple(worn),
        eyes=None,
        skin_colour=pick(SKIN_COLOURS, generator),
        skin_texture=None,
    )


def _picked(
    slots: dict[Slot, list[Item]], slot: Slot, generator: torch.Generator
) -> tuple[Item, ...]:
    """Return one item of a slot, none if there is none."""
    return (pick(slots[slot], generator),) if slots.get(slot) else ()


def pick(choices: Sequence[Choice], generator: torch.Generator) -> Choice:
    """Return one of several, all alike likely."""
    return choices[int(torch.randint(len(choices), (), generator=generator))]


def chance(share: float, generator: torch.Generator) -> bool:
    """Return True in that share of the draws."""
    return float(torch.rand((), generator=generator)) < share
