from functools import cache

import torch

from backend.body.anny55 import Anny55, load_anny55
from backend.synthesis.layers import cover_of, layered, rim_edges
from backend.synthesis.own_garments import make_garments
from backend.synthesis.parts import Part
from backend.synthesis.people import Outfit, Person, dress, pose_part
from backend.synthesis.random_poses import random_rotations

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


def test_garments_of_one_layer_leave_each_other_alone() -> None:
    parts = [sheet(0.004, 0.3, "bottom"), sheet(0.0, 0.2, "top")]
    assert all(a is b for a, b in zip(parts, layered(parts, [1, 1]), strict=True))


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
