import numpy as np
import pytest
from scipy import ndimage

from backend.geometry.matting import (
    colour_posterior,
    guided_upsampling,
    resized,
    unsure_band,
    without_strays,
)

NO_MARKS = np.zeros((0, 2), int)


def disc(size: int, radius: float) -> np.ndarray:
    y, x = np.mgrid[:size, :size] + 0.5 - size / 2
    return np.clip(radius - np.hypot(x, y) + 0.5, 0, 1).astype(np.float32)


def painted(mask: np.ndarray) -> np.ndarray:
    inside, outside = np.array([0.8, 0.3, 0.2], np.float32), np.array([0.3, 0.5, 0.8], np.float32)
    return mask[..., None] * inside + (1 - mask[..., None]) * outside


def test_posterior_is_the_sum_over_all_samples() -> None:
    generator = np.random.default_rng(0)
    colour = generator.random((9, 9, 3), np.float32)
    mask = np.full((9, 9), 0.5, np.float32)
    mask[:, :4], mask[:, 5:] = 1.0, 0.0
    band = np.zeros((9, 9), bool)
    band[4, 4] = True
    options = {"radius_px": 3.0, "samples": 30, "colour_sigma": 0.5}
    got = colour_posterior(colour, mask, band, **options)[4, 4]
    index = np.arange(30) + 0.5
    angle, distance = index * 2.39996323, 3.0 * np.sqrt(index / 30)
    inside = outside = 0.05
    offsets = np.stack([distance * np.sin(angle), distance * np.cos(angle)], axis=1)
    for down, right in offsets.round().astype(int):
        near = np.exp(-(down**2 + right**2) / (2 * 1.8**2))
        like = np.exp(-((colour[4 + down, 4 + right] - colour[4, 4]) ** 2).sum() / 0.5)
        inside += near * like * (mask[4 + down, 4 + right] == 1)
        outside += near * like * (mask[4 + down, 4 + right] == 0)
    assert got == pytest.approx(inside / (inside + outside), rel=1e-4)


def test_posterior_finds_the_edge_that_a_blurred_mask_lost() -> None:
    true = disc(120, 40)
    blurred = ndimage.gaussian_filter(np.roll(true, 3, axis=1), 5).astype(np.float32)
    band = unsure_band(blurred, 0.02, 2.0)
    got = colour_posterior(
        painted(true), blurred, band, radius_px=20.0, samples=120, colour_sigma=0.04
    )
    wrong_before = ((blurred > 0.5) != (true > 0.5)).sum()
    assert ((got > 0.5) != (true > 0.5)).sum() < 0.2 * wrong_before


def test_posterior_keeps_what_is_outside_the_band() -> None:
    mask = disc(40, 10)
    band = np.zeros((40, 40), bool)
    got = colour_posterior(painted(mask), mask, band, radius_px=5.0, samples=10, colour_sigma=0.1)
    assert np.array_equal(got, mask)


def test_guided_upsampling_puts_the_edge_where_the_photo_has_it() -> None:
    fine = disc(240, 80)
    coarse = resized(fine, (60, 60))
    colour = np.stack([resized(painted(fine)[..., i], (60, 60)) for i in range(3)], axis=-1)
    got = guided_upsampling(painted(fine), colour, coarse, radius_px=3, smoothness=1e-6)
    assert np.abs(got - fine).max() < 0.1
    assert np.abs(resized(coarse, (240, 240)) - fine).max() > 0.3


def test_resized_keeps_a_plane_and_its_pixel_centres() -> None:
    y, x = np.mgrid[:40, :60] + 0.5
    plane = (2 * x + 3 * y).astype(np.float32)
    up_y, up_x = (np.mgrid[:80, :120] + 0.5) / 2
    got = resized(plane, (80, 120))
    assert np.allclose(got[4:-4, 4:-4], (2 * up_x + 3 * up_y)[4:-4, 4:-4], atol=1e-3)


def test_band_is_the_unsure_pixels_and_their_surroundings() -> None:
    mask = np.zeros((1, 9), np.float32)
    mask[0, 4] = 0.5
    assert unsure_band(mask, 0.1, 2.0)[0].tolist() == [False] * 2 + [True] * 5 + [False] * 2
    assert not unsure_band(np.ones((3, 3), np.float32), 0.1, 2.0).any()


def test_only_the_largest_piece_and_pieces_with_a_mark_stay() -> None:
    mask = np.zeros((60, 60), np.float32)
    mask[5:30, 5:30] = mask[40:50, 5:15] = mask[40:50, 40:50] = 1.0
    got = without_strays(mask, np.array([[45, 45], [59, 59]]), least_hole_px=0.0)
    assert got[5:30, 5:30].all()
    assert got[40:50, 40:50].all()
    assert got.sum() == 725


def test_tiny_holes_are_filled_and_larger_ones_stay() -> None:
    mask = np.ones((40, 40), np.float32)
    mask[5:7, 5:7] = mask[20:30, 20:30] = 0.0
    got = without_strays(mask, NO_MARKS, least_hole_px=9.0)
    assert got[5:7, 5:7].all()
    assert not got[20:30, 20:30].any()


def test_empty_mask_stays_empty() -> None:
    assert not without_strays(np.zeros((8, 8), np.float32), NO_MARKS, 4.0).any()
