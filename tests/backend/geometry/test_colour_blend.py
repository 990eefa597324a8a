"""Matching, choosing, blending and filling colours on a mesh."""

import pytest
import torch

from backend.geometry import colour_blend
from backend.geometry.colour_blend import GainRules

SIDE = 24


def grid_faces() -> torch.Tensor:
    corner = (torch.arange(SIDE - 1)[:, None] * SIDE + torch.arange(SIDE - 1)).flatten()
    lower = torch.stack([corner, corner + 1, corner + SIDE], 1)
    upper = torch.stack([corner + 1, corner + SIDE + 1, corner + SIDE], 1)
    return torch.cat([lower, upper])


@pytest.fixture(scope="module")
def mean() -> torch.Tensor:
    return colour_blend.averaging(grid_faces(), SIDE**2)


def columns(count: int = SIDE) -> torch.Tensor:
    return torch.arange(SIDE**2) % SIDE < count


def test_planted_gain_is_found_despite_a_quarter_of_mismatches() -> None:
    torch.manual_seed(0)
    truth = 0.2 + 0.4 * torch.rand(400, 3)
    photos = torch.stack([truth, truth * torch.tensor([1.3, 1.2, 1.1])])
    photos[1, :50], photos[1, 50:100] = 0.9, 0.1
    gains = colour_blend.exposure_gains(photos, torch.ones(2, 400, dtype=torch.bool), GainRules())
    torch.testing.assert_close(
        gains[0] / gains[1], torch.tensor([1.3, 1.2, 1.1]), rtol=0.05, atol=0
    )


def test_chain_of_three_photos_is_matched() -> None:
    photos = torch.full((3, 200, 3), 0.4) * torch.tensor([1.0, 1.5, 0.75])[:, None, None]
    is_seen = torch.zeros(3, 200, dtype=torch.bool)
    is_seen[0, :120], is_seen[1, 60:180], is_seen[2, 120:] = True, True, True
    sure = GainRules(grey=2.5)
    matched = photos[:, 0] * colour_blend.exposure_gains(photos, is_seen, sure)
    torch.testing.assert_close(matched, matched[:1].expand(3, 3), rtol=0.01, atol=0)


def test_a_narrow_overlap_hardly_tints_a_photo() -> None:
    photos = torch.full((2, 4000, 3), 0.4)
    photos[1] *= torch.tensor([0.7, 1.0, 1.4])
    is_seen = torch.zeros(2, 4000, dtype=torch.bool)
    is_seen[0, :2040], is_seen[1, 1980:] = True, True
    gains = colour_blend.exposure_gains(photos, is_seen, GainRules())
    torch.testing.assert_close(gains, torch.ones(2, 3), rtol=0.1, atol=0)


def test_photos_that_share_too_little_keep_their_exposure() -> None:
    photos = torch.stack([torch.full((100, 3), 0.2), torch.full((100, 3), 0.6)])
    is_seen = torch.zeros(2, 100, dtype=torch.bool)
    is_seen[0, :60], is_seen[1, 40:] = True, True
    assert torch.equal(colour_blend.exposure_gains(photos, is_seen, GainRules()), torch.ones(2, 3))


def test_standing_compares_photos_over_whole_regions() -> None:
    scores = torch.tensor([[0.2, 0.2, 1.0], [1.0, 0.6, 0.5]])
    standing = colour_blend.standing(scores, torch.tensor([0, 0, 1]))
    torch.testing.assert_close(standing, torch.tensor([[0.25, 0.25, 1.0], [1.0, 1.0, 0.5]]))


def test_choice_ignores_scattered_advantages(mean: torch.Tensor) -> None:
    torch.manual_seed(0)
    scores = torch.stack([torch.full((SIDE**2,), 0.8), 0.6 + 0.35 * torch.rand(SIDE**2)])
    chosen = colour_blend.coherent_choice(scores, mean, rounds=30, bond=1.0, softness=0.1)
    assert bool((chosen[0] == 1).all())


def test_choice_never_takes_a_photo_that_does_not_show_the_vertex(mean: torch.Tensor) -> None:
    scores = torch.stack([columns(20).float(), 0.2 * (~columns(4)).float()])
    scores[:, 0] = 0
    chosen = colour_blend.coherent_choice(scores, mean, rounds=30, bond=1.0, softness=0.1)
    assert not bool((chosen * (scores == 0)).any())
    assert torch.equal(chosen.sum(0), (scores > 0).any(0).float())


def test_detail_of_two_photos_is_never_averaged(mean: torch.Tensor) -> None:
    stripes = (torch.arange(SIDE**2) // SIDE % 2).float()
    colours = torch.stack([stripes, 1 - stripes])[..., None].expand(2, -1, 3)
    chosen = torch.stack([columns(12), ~columns(12)]).float()
    is_seen = torch.ones(2, SIDE**2, dtype=torch.bool)
    result = colour_blend.blend_bands(colours, chosen, is_seen, mean, narrow=2, wide=30)
    contrast = (result[:-SIDE, 0] - result[SIDE:, 0]).abs().reshape(-1, SIDE).mean(0)
    assert float(contrast[:9].min()) > 0.9
    assert float(contrast[15:].min()) > 0.9


def test_difference_of_shade_passes_over_many_edges(mean: torch.Tensor) -> None:
    colours = torch.tensor([0.4, 0.6])[:, None, None].expand(2, SIDE**2, 3)
    chosen = torch.stack([columns(12), ~columns(12)]).float()
    is_seen = torch.ones(2, SIDE**2, dtype=torch.bool)
    result = colour_blend.blend_bands(colours, chosen, is_seen, mean, narrow=2, wide=30)
    steps = result[:, 0].reshape(SIDE, SIDE).diff(dim=1)
    assert float(steps.abs().max()) < 0.04


def test_fill_decays_to_one_over_e_at_its_reach(mean: torch.Tensor) -> None:
    known = columns(1)
    filled = colour_blend.decaying_fill(torch.ones(SIDE**2, 1), known, mean, 5.0)
    middle = filled.reshape(SIDE, SIDE)[SIDE // 2]
    assert float(middle[0]) == 1
    assert float(middle[5]) == pytest.approx(torch.e**-1, abs=0.08)  # squares, not triangles


def test_lonely_colour_is_replaced_only_where_it_may_change(mean: torch.Tensor) -> None:
    colours = torch.full((SIDE**2, 3), 0.5)
    speck, seen = 5 * SIDE + 5, 12 * SIDE + 12
    colours[[speck, seen]] = 1.0
    may_change = torch.ones(SIDE**2, dtype=torch.bool)
    may_change[seen] = False
    result = colour_blend.without_specks(colours, may_change, grid_faces(), mean, least=0.1)
    assert torch.equal(result[speck], torch.full((3,), 0.5))
    assert torch.equal(result[seen], torch.ones(3))
