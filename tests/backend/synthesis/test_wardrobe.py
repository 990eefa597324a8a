from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch

from backend.body.anny55 import Anny55, load_anny55
from backend.synthesis.garments import Garment, fit_garment
from backend.synthesis.own_garments import make_garments
from backend.synthesis.people import PARTS
from backend.synthesis.wardrobe import (
    CATALOGUE,
    HELD_OUT,
    SKINS,
    TRAINING,
    Item,
    lower_faces,
    named,
    read_item,
)

ASSETS = Path(__file__).resolve().parents[4] / "shared" / "data" / "makehuman"


@cache
def body() -> Anny55:
    return load_anny55()


def sewn(*garments: Garment) -> Garment:
    """One mesh of several pieces."""
    counts = [0]
    for garment in garments:
        counts.append(counts[-1] + len(garment.base_ids))
    faces = torch.cat([g.faces + start for g, start in zip(garments, counts, strict=False)])
    return replace(
        garments[0],
        faces=faces,
        base_ids=torch.cat([garment.base_ids for garment in garments]),
        base_weights=torch.cat([garment.base_weights for garment in garments]),
        offsets=torch.cat([garment.offsets for garment in garments]),
        corner_uv=torch.cat([garment.corner_uv for garment in garments]),
    )


def test_names_are_unique_and_held_out_ones_exist() -> None:
    names = [item.name for item in CATALOGUE]
    assert len(set(names)) == len(names)
    assert set(names) > HELD_OUT
    assert {item.name for item in TRAINING} == set(names) - HELD_OUT


def test_the_badly_bound_tunic_is_not_worn() -> None:
    assert not any("Asymmetric" in str(item.mhclo) for item in CATALOGUE)


def test_every_loose_class_is_held_out() -> None:
    loose = {item.slot for item in map(named, HELD_OUT) if item.fit == "loose"}
    assert loose == {"dress", "coat", "bottom", "hair"}


def test_a_suit_of_two_pieces_is_split_between_them() -> None:
    garments = make_garments(body())
    suit = sewn(garments["shirt"], garments["trousers"])
    expected = torch.arange(len(suit.faces)) >= len(garments["shirt"].faces)
    assert lower_faces(suit, body()).equal(expected)


@pytest.mark.data
@pytest.mark.parametrize("item", CATALOGUE, ids=lambda item: item.name)
def test_every_item_can_be_worn(item: Item) -> None:
    vertices = body().bind(body().mean_shape).vertices
    garments = read_item(item, body(), ASSETS)
    assert [g.part for g in garments] == (["top", "bottom"] if item.slot == "suit" else [item.part])
    for garment in garments:
        assert garment.part in PARTS
        assert len(garment.faces) > 50
        assert fit_garment(garment, vertices).abs().max() < 1.2
    assert all((ASSETS / material).is_file() for material in item.materials)


@pytest.mark.data
def test_tops_of_suits_lie_above_their_bottoms() -> None:
    vertices = body().bind(body().mean_shape).vertices
    for item in CATALOGUE:
        if item.slot == "suit":
            top, bottom = (
                fit_garment(garment, vertices)[:, 1] for garment in read_item(item, body(), ASSETS)
            )
            assert top.min() > -0.05
            assert bottom.max() < 0.25


@pytest.mark.data
def test_every_skin_is_there() -> None:
    assert all((ASSETS / skin.material).is_file() for skin in SKINS)
