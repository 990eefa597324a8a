from functools import cache

import pytest
import torch

from backend.body.anny55 import Anny55, load_anny55
from backend.body.kinematics import matrix_from_axis_angle
from backend.synthesis.own_garments import make_garments
from backend.synthesis.people import Outfit, Person, dress, merged, pose_part


@cache
def body() -> Anny55:
    return load_anny55()


def person(*wear: str) -> Person:
    garments = make_garments(body())
    outfit = Outfit(
        garments=tuple(garments[name] for name in wear),
        eyes=None,
        skin_colour=(0.8, 0.6, 0.5),
        skin_texture=None,
    )
    return dress(body(), body().mean_shape, outfit)


def test_an_undressed_person_is_the_body_with_its_eyes() -> None:
    skin, eyes = person().parts
    assert len(skin.faces) == len(body().skin_faces)
    assert len(skin.faces) + len(eyes.faces) == len(body().faces)


def test_merged_weights_sum_to_one() -> None:
    surface = merged(person("shirt", "trousers", "shoes"))
    torch.testing.assert_close(surface.weights.sum(dim=1), torch.ones(len(surface.vertices)))
    assert int(surface.faces.max()) < len(surface.vertices)


def test_parts_come_from_the_lowest_layer_to_the_highest() -> None:
    names = [part.name for part in person("shirt", "trousers", "shoes").parts]
    assert names == ["skin", "eyes", "trousers", "shoes", "shirt"]


def test_identities_leave_the_bind_pose() -> None:
    dressed = person("skirt")
    for part in dressed.parts:
        posed = pose_part(dressed, part, torch.eye(3).expand(55, 3, 3))
        torch.testing.assert_close(posed, part.vertices, atol=1e-6, rtol=0)


def test_garments_turn_rigidly_with_the_pelvis() -> None:
    dressed = person("skirt", "shoes")
    rotations = torch.eye(3).repeat(55, 1, 1)
    rotations[0] = matrix_from_axis_angle(torch.tensor([0.3, 1.0, -0.5]))
    centre = dressed.bind.joints[0]
    for part in dressed.parts:
        expected = (part.vertices - centre) @ rotations[0].mT + centre
        torch.testing.assert_close(pose_part(dressed, part, rotations), expected)


@pytest.mark.parametrize("name", ["shirt", "trousers", "shoes"])
def test_own_garments_hide_only_skin_below_them(name: str) -> None:
    garment = make_garments(body())[name]
    skin = body().bind(body().mean_shape).vertices
    cloth = skin[garment.base_ids[:, 0]]
    gap = torch.cdist(skin[garment.hidden_ids], cloth).min(dim=1).values
    assert len(garment.hidden_ids) > 1000
    assert gap.max() < 0.04


def test_texture_corners_of_the_skin_lie_in_the_picture() -> None:
    skin = person().parts[0]
    assert skin.corner_uv.shape == (len(skin.faces), 3, 2)
    assert 0 <= skin.corner_uv.min() <= skin.corner_uv.max() <= 1
