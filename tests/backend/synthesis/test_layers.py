from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor

from backend.body.anny55 import Anny55, load_anny55
from backend.geometry.signed_distance import SurfaceQuery
from backend.synthesis.layers import cover_of, layered, lifted, rim_edges
from backend.synthesis.own_garments import make_garments
from backend.synthesis.parts import Part
from backend.synthesis.people import Outfit, Person, dress, pose_part
from backend.synthesis.random_people import generator_of, outfit_of, random_shape
from backend.synthesis.random_poses import random_rotations
from backend.synthesis.wardrobe import CATALOGUE, named

ASSETS = Path(__file__).resolve().parents[4] / "shared" / "data" / "makehuman"
BROWS = [item.name for item in CATALOGUE if item.slot == "brows"]
SIDE = 41


@cache
def body() -> Anny55:
    return load_anny55()


def sheet(height: float, half_width: float, part: str, joint: int = 0) -> Part:
    """A level square of cloth that faces up, around the origin."""
    line = torch.linspace(-half_width, half_width, SIDE)
    x, z = torch.meshgrid(line, line, indexing="ij")
    ids = torch.arange(SIDE * SIDE).view(SIDE, SIDE)
    a, b, c, d = (
        ids[i : SIDE - 1 + i, k : SIDE - 1 + k].flatten()
        for i, k in ((0, 0), (0, 1), (1, 1), (1, 0))
    )
    faces = torch.cat([torch.stack([a, b, c], 1), torch.stack([a, c, d], 1)])
    return Part(
        name=part,
        part=part,
        vertices=torch.stack([x, torch.full_like(x, height), z], -1).view(-1, 3),
        faces=faces,
        weights=torch.eye(2)[joint].expand(SIDE * SIDE, 2),
        corner_uv=torch.zeros(len(faces), 3, 2),
        texture=None,
        colour=(1.0, 1.0, 1.0),
    )


def test_the_border_of_a_sheet_is_its_rim() -> None:
    plane = sheet(0.0, 0.1, "top")
    ends = plane.vertices[torch.stack([plane.faces, plane.faces.roll(-1, 1)], 2)]  # (F, 3, 2, 3)
    outside = (ends[..., [0, 2]].mean(2).abs() > 0.1 - 1e-6).any(-1)
    assert rim_edges(plane.vertices, plane.faces).equal(outside)


def test_depth_below_a_garment_is_the_distance_along_its_normal() -> None:
    cover = cover_of(sheet(-0.005, 0.1, "skin"), sheet(0.0, 0.2, "top"))
    assert cover.is_covered.all()
    torch.testing.assert_close(cover.gap_m, torch.full_like(cover.gap_m, 0.005))


def test_skin_well_inside_a_garment_is_left_out_and_the_rest_stays() -> None:
    skin, top = layered([sheet(-0.005, 0.3, "skin"), sheet(0.0, 0.2, "top")], [0, 1])
    reach = skin.vertices[:, [0, 2]].abs().amax(1)
    assert reach.min() > 0.13
    assert reach.max() > 0.29
    assert len(top.vertices) == SIDE**2


def test_skin_that_pierces_a_garment_is_pushed_below_it_and_follows_it() -> None:
    skin, top = layered([sheet(0.004, 0.3, "skin"), sheet(0.0, 0.2, "top", joint=1)], [0, 1])
    covered = (skin.vertices[:, [0, 2]].abs() < 0.2 - 1e-4).all(1)
    assert (skin.vertices[covered, 1] + 0.003).abs().max() < 1e-6
    assert skin.weights[:, 1].equal(covered.float())
    assert top.vertices.equal(sheet(0.0, 0.2, "top").vertices)


def test_skin_seen_through_an_opening_without_a_rim_stays() -> None:
    """A roof with a chimney along its ridge, open as far as one can see."""
    skin, top = sheet(-0.03, 0.1, "skin"), sheet(0.0, 0.2, "top")
    beside = top.vertices[:, 0].abs()
    height = (0.05 - beside).clamp_min(0.0) + (beside < 0.015).float()
    top = replace(top, vertices=top.vertices + torch.tensor([0.0, 1, 0]) * height[:, None])
    shown = layered([skin, top], [0, 1])[0]
    seen = skin.vertices[:, 0].abs() < 0.008
    assert torch.isin(skin.vertices[seen, 0], shown.vertices[:, 0]).all()


def test_garments_of_one_layer_leave_each_other_alone() -> None:
    parts = [sheet(0.004, 0.3, "bottom"), sheet(0.0, 0.2, "top")]
    assert all(a is b for a, b in zip(parts, layered(parts, [1, 1]), strict=True))


def heights(card: Part, skin: Part) -> Tensor:
    """Of the corners and the middles of a card's faces above the skin, metres."""
    points = torch.cat([card.vertices, card.vertices[card.faces].mean(1)])
    return SurfaceQuery(skin.vertices, skin.faces).signed_distance(points, 0.05)


@pytest.mark.parametrize("height", [-0.002, 0.0002])
def test_brows_at_the_skin_are_lifted_off_it_and_follow_it(height: float) -> None:
    brow = lifted(sheet(height, 0.01, "hair"), sheet(0.0, 0.1, "skin", joint=1))
    assert (brow.vertices[:, 1] - 0.0005).abs().max() < 1e-7
    assert brow.weights[:, 1].min() > 1 - 1e-6


@pytest.mark.parametrize("height", [-0.01, 0.002])
def test_what_stands_off_the_skin_or_is_rooted_deep_stays(height: float) -> None:
    lash = sheet(height, 0.01, "hair")
    stays = lifted(lash, sheet(0.0, 0.1, "skin", joint=1))
    assert stays.vertices.equal(lash.vertices)
    assert stays.weights.equal(lash.weights)


@pytest.mark.data
@pytest.mark.parametrize("name", BROWS)
def test_no_brow_lies_under_the_skin(name: str) -> None:
    generator = generator_of(1)
    shape = random_shape(body(), generator)
    outfit = outfit_of(body(), shape, [named(name)], ASSETS, generator=generator)
    skin, _, card = dress(body(), shape, outfit).parts
    height_m = heights(card, skin)
    assert height_m[: len(card.vertices)].min() > 0.00049
    assert (height_m < 0).float().mean() < 0.01


def worn(*names: str) -> Person:
    garments = make_garments(body())
    outfit = Outfit(
        garments=tuple(garments[name] for name in names),
        eyes=None,
        skin_colour=(1.0, 1.0, 1.0),
        skin_texture=None,
    )
    return dress(body(), body().mean_shape, outfit)


def test_no_skin_shows_through_clothes_when_walking() -> None:
    person = worn("shirt", "trousers", "shoes")
    rotations = random_rotations(body(), 3, "walking", person=person)
    skin, _, *clothes = (
        Part(**{**fields(part), "vertices": pose_part(person, part, rotations)})
        for part in person.parts
    )
    for cloth in clothes:
        cover = cover_of(skin, cloth)
        pierced = cover.is_covered & (cover.gap_m < -0.001) & (cover.edge_m > 0.01)
        assert pierced.sum() <= 0.001 * len(skin.vertices)


def fields(part: Part) -> dict:
    return {name: getattr(part, name) for name in Part.__slots__}
