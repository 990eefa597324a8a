from functools import cache
from pathlib import Path

import pytest
import torch

from backend.body.anny55 import Anny55, load_anny55
from backend.synthesis.subjects import CASTINGS, QUICK, SUBJECTS, subject
from backend.synthesis.wardrobe import HELD_OUT

ASSETS = Path(__file__).resolve().parents[4] / "shared" / "data" / "makehuman"


@cache
def body() -> Anny55:
    return load_anny55()


def test_there_are_four_of_each_kind_and_one_of_each_is_quick() -> None:
    assert sorted(CASTINGS[name].kind for name in SUBJECTS) == ["fitted"] * 4 + ["loose"] * 4
    assert {CASTINGS[name].kind for name in QUICK} == {"fitted", "loose"}


@pytest.mark.parametrize("name", SUBJECTS)
def test_each_wears_what_is_held_out(name: str) -> None:
    assert set(CASTINGS[name].items) & HELD_OUT


@pytest.mark.data
@pytest.mark.parametrize("name", SUBJECTS)
def test_subjects_are_always_the_same(name: str) -> None:
    first, second = subject(body(), name, ASSETS), subject(body(), name, ASSETS)
    assert len(first.rotations) >= 4
    assert first.rotations.equal(second.rotations)
    assert first.shape.equal(second.shape)
    for a, b in zip(first.person.parts, second.person.parts, strict=True):
        assert torch.equal(a.vertices, b.vertices)
