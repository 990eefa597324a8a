from functools import cache
from pathlib import Path

import pytest
import torch

from backend.body.anny55 import Anny55, load_anny55
from backend.synthesis.people import PARTS, Person
from backend.synthesis.random_people import (
    generator_of,
    random_items,
    random_person,
    random_shape,
)
from backend.synthesis.wardrobe import CATALOGUE, HELD_OUT, TRAINING, Wearer

ASSETS = Path(__file__).resolve().parents[4] / "shared" / "data" / "makehuman"


@cache
def body() -> Anny55:
    return load_anny55()


def same(first: Person, second: Person) -> bool:
    pairs = zip(first.parts, second.parts, strict=True)
    return all(a.name == b.name and a.vertices.equal(b.vertices) for a, b in pairs)


def test_same_seed_same_person() -> None:
    assert same(random_person(body(), 5, None), random_person(body(), 5, None))
    assert not first_vertices(5).equal(first_vertices(6))


def first_vertices(seed: int) -> torch.Tensor:
    return random_person(body(), seed, None).bind.vertices[:100]


def test_without_assets_people_wear_our_own_garments() -> None:
    parts = [part.part for part in random_person(body(), 1, None).parts]
    assert set(parts) == {"skin", "top", "bottom", "shoes"}


def test_people_are_adults() -> None:
    age = body().shape_names.index("age")
    shapes = torch.stack([random_shape(body(), generator_of(seed)) for seed in range(50)])
    assert shapes[:, age].min() >= 2 / 3 - 1e-3  # Anny's young adult


@pytest.mark.parametrize("wearer", ["female", "male"])
@pytest.mark.parametrize("seed", range(20))
def test_outfits_cover_the_body_once(seed: int, wearer: Wearer) -> None:
    slots = [item.slot for item in random_items(CATALOGUE, generator_of(seed), wearer=wearer)]
    assert len(set(slots)) == len(slots)
    assert {"shoes", "hair", "eyes"} < set(slots)
    body_wear = frozenset(slots) & {"top", "bottom", "suit", "dress"}
    assert body_wear in ({"suit"}, {"dress"}, {"top", "bottom"})


def test_held_out_items_are_never_worn_in_training() -> None:
    names = {
        item.name
        for seed in range(100)
        for wearer in ("female", "male")
        for item in random_items(TRAINING, generator_of(seed), wearer=wearer)
    }
    assert not names & HELD_OUT
    assert len(names) > 30


@pytest.mark.data
@pytest.mark.parametrize("seed", range(3))
def test_people_in_real_clothes_are_the_same_for_a_seed(seed: int) -> None:
    person = random_person(body(), seed, ASSETS)
    assert same(person, random_person(body(), seed, ASSETS))
    assert all(part.part in PARTS for part in person.parts)
    assert all(part.texture is None or part.texture.is_file() for part in person.parts)
