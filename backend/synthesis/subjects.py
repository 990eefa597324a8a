"""The eight people on whom the pipeline is measured; their garments are never trained on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from backend.body.anny55 import Anny55
from backend.synthesis.people import Person, dress
from backend.synthesis.random_people import generator_of, outfit_of, random_shape
from backend.synthesis.random_poses import random_rotations
from backend.synthesis.wardrobe import Wearer, named


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A person with known truth and the poses in which it is seen."""

    name: str
    kind: Literal["fitted", "loose"]
    person: Person
    rotations: Float[Tensor, "P J 3 3"]
    """Relative to parent and bind pose, body axes; the pelvis is the identity. The first pose
    stands with the arms away from the body."""
    shape: Float[Tensor, " B"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Casting:
    """How a subject is made."""

    kind: Literal["fitted", "loose"]
    wearer: Wearer
    seed: int
    items: tuple[str, ...]
    """Names in the wardrobe; brows, lashes and eyes come on top."""
    poses: tuple[str, ...]
    """After A-pose and arms up; a skirt cannot sit or run (`POSES_IN_SKIRTS`)."""


FACE = ("eyelashes01", "high-poly")
CASTINGS: dict[str, Casting] = {
    "shirt_and_jeans": Casting(
        kind="fitted",
        wearer="male",
        seed=11,
        items=("male_casualsuit06", "shoes05", "short02", "eyebrow001"),
        poses=("running", "sitting"),
    ),
    "suit": Casting(
        kind="fitted",
        wearer="male",
        seed=12,
        items=("male_elegantsuit01", "shoes03", "short04", "eyebrow002"),
        poses=("walking", "hands_on_hips"),
    ),
    "sportswear": Casting(
        kind="fitted",
        wearer="female",
        seed=13,
        items=("female_sportsuit01", "shoes06", "short03", "eyebrow003"),
        poses=("running", "sitting"),
    ),
    "top_and_jeans": Casting(
        kind="fitted",
        wearer="female",
        seed=14,
        items=("VNeckTop", "Tightjeans", "shoes02", "bob02", "eyebrow004"),
        poses=("running", "hands_on_hips"),
    ),
    "dress": Casting(
        kind="loose",
        wearer="female",
        seed=15,
        items=("TubeDress", "shoes03", "bob01", "eyebrow005"),
        poses=("strolling", "hands_on_hips"),
    ),
    "coat": Casting(
        kind="loose",
        wearer="female",
        seed=16,
        items=("Coat", "Tightjeans", "shoes04", "short03", "eyebrow006"),
        poses=("strolling", "hands_on_hips"),
    ),
    "skirt": Casting(
        kind="loose",
        wearer="female",
        seed=23,
        items=("VNeckTop", "JeansSkirt", "shoes01", "bob02", "eyebrow007"),
        poses=("strolling", "hands_on_hips"),
    ),
    "long_hair": Casting(
        kind="loose",
        wearer="female",
        seed=18,
        items=("long01", "female_sportsuit01", "shoes05", "eyebrow008"),
        poses=("walking", "hands_on_hips"),
    ),
}
SUBJECTS: tuple[str, ...] = tuple(CASTINGS)
QUICK = ("top_and_jeans", "dress")
"""One fitted and one loose, for a fast look."""


def subject(body: Anny55, name: str, makehuman: Path) -> Subject:
    """Return one of `SUBJECTS`, always the same.

    Args:
        body: The body model.
        name: One of `SUBJECTS`.
        makehuman: Folder that holds `system` and `community`.

    Raises:
        BadFile: a file of the folder is missing or broken.
        KeyError: there is no such subject.
    """
    casting = CASTINGS[name]
    generator = generator_of(casting.seed)
    shape = random_shape(body, generator, wearer=casting.wearer)
    items = [named(item) for item in (*casting.items, *FACE)]
    person = dress(body, shape, outfit_of(body, shape, items, makehuman, generator=generator))
    poses = ("a_pose", "arms_up", *casting.poses)
    rotations = [random_rotations(body, casting.seed, pose, person=person) for pose in poses]
    return Subject(
        name=name,
        kind=casting.kind,
        person=person,
        rotations=torch.stack(rotations),
        shape=shape,
    )
