"""Which vertices are face, hands and sides of parts; what colour skin has."""

import torch

from backend.geometry import colour_regions

TONE = torch.tensor([0.8, 0.6, 0.5])


def weights_on(*joints: int) -> torch.Tensor:
    return torch.eye(55)[list(joints)]


def test_face_is_the_front_of_the_head() -> None:
    normals = torch.tensor([[0.0, 0.0, 1.0], [0, 0, -1], [0, 0, 1], [0, 0, 1]])
    is_face = colour_regions.face_vertices(normals, weights_on(15, 15, 22, 9))
    assert is_face.tolist() == [True, False, True, False]


def test_hands_are_wrists_and_fingers() -> None:
    assert colour_regions.hand_vertices(weights_on(18, 20, 21, 25, 54)).tolist() == [
        False,
        True,
        True,
        True,
        True,
    ]


def test_sides_of_a_part_are_two_regions_and_its_joints_are_one() -> None:
    normals = torch.tensor([[0.0, 0, 1], [0, 0, -1], [0, 0, 1], [0, 0, 1]])
    region = colour_regions.sides_of_parts(normals, weights_on(3, 3, 9, 1))
    assert region[0] == region[2]
    assert len(set(region.tolist())) == 3


def tone_of(colours: torch.Tensor, scores: torch.Tensor, *joints: int) -> torch.Tensor | None:
    """Skin tone of vertices that all lie at the mouth and look forwards."""
    count = len(joints)
    forward = torch.tensor([0.0, 0, 1]).expand(count, 3)
    return colour_regions.skin_tone(
        colours[None], scores[None], torch.zeros(count, 3), forward, weights=weights_on(*joints)
    )


def test_skin_tone_is_that_around_the_mouth_not_the_lips() -> None:
    lips = torch.tensor([0.9, 0.1, 0.2])
    colours = torch.cat([lips.expand(20, 3), TONE.expand(30, 3), torch.zeros(60, 3)])
    tone = tone_of(colours, torch.ones(110), *[22] * 20, *[15] * 30, *[9] * 60)
    assert tone is not None
    assert torch.equal(tone, TONE)


def test_skin_tone_without_a_face_is_that_of_the_hands() -> None:
    colours = torch.cat([torch.zeros(30, 3), TONE.expand(30, 3)])
    tone = tone_of(colours, (torch.arange(60) >= 30).float(), *[22] * 30, *[20] * 30)
    assert tone is not None
    assert torch.equal(tone, TONE)


def test_nobody_seen_has_no_skin_tone() -> None:
    assert tone_of(torch.ones(30, 3), torch.zeros(30), *[22] * 30) is None


def test_skin_in_shade_is_skin_but_denim_and_black_are_not() -> None:
    colours = torch.stack([TONE, 0.6 * TONE, torch.tensor([0.2, 0.3, 0.5]), 0.1 * TONE])
    assert colour_regions.is_skin(colours, TONE).tolist() == [True, True, False, False]


def test_a_face_seen_whole_goes_before_one_seen_well_from_aside() -> None:
    sideways, is_face = torch.tensor([-1.0, 1.0]), torch.tensor([True, True])
    whole, aside = [0.4, 0.4], [0.1, 0.9]
    kept = colour_regions.face_from_one_photo(torch.tensor([whole, aside]), is_face, sideways)
    assert torch.equal(kept, torch.tensor([whole, [0.0, 0.0]]))


def test_what_a_photo_from_the_front_leaves_out_of_the_face_stays_out() -> None:
    is_face, sideways = torch.tensor([True] * 4), torch.tensor([-1.0, -2.0, 1.0, 2.0])
    front, aside = [0.6, 0.0, 0.6, 0.5], [0.0, 0.0, 0.5, 0.9]
    other = [0.1, 0.2, 0.05, 0.0]
    kept = colour_regions.face_from_one_photo(torch.tensor([front, other]), is_face, sideways)
    assert torch.equal(kept, torch.tensor([front, [0.0] * 4]))
    kept = colour_regions.face_from_one_photo(torch.tensor([aside, other]), is_face, sideways)
    assert torch.equal(kept[1], torch.tensor([0.1, 0.2, 0.0, 0.0]))
