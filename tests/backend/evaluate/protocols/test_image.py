from collections.abc import Callable

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torch import Tensor

from backend.evaluate.protocols.image import psnr_db, ssim


@pytest.fixture
def picture() -> Tensor:
    return 0.2 + 0.6 * torch.rand(60, 50, 3, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def noisy(picture: Tensor) -> Tensor:
    return picture + 0.1 * torch.randn(60, 50, 3, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def disc() -> Tensor:
    rows, columns = torch.meshgrid(torch.arange(60), torch.arange(50), indexing="ij")
    return (rows - 30) ** 2 + (columns - 25) ** 2 < 18**2


@pytest.fixture
def whole() -> Tensor:
    return torch.ones(60, 50, dtype=torch.bool)


def test_noise_of_a_tenth_is_20_db(picture: Tensor, noisy: Tensor, whole: Tensor) -> None:
    assert psnr_db(noisy, picture, whole) == pytest.approx(20, abs=0.2)
    assert psnr_db(picture + 0.1, picture, whole) == pytest.approx(20, abs=1e-4)


def test_equal_pictures_get_the_best_finite_values(picture: Tensor, disc: Tensor) -> None:
    assert psnr_db(picture, picture, disc) == 100
    assert ssim(picture, picture, disc) == pytest.approx(1)


@pytest.mark.parametrize("measure", [psnr_db, ssim])
def test_a_shared_black_background_gains_nothing(
    measure: Callable[..., float], picture: Tensor, noisy: Tensor, disc: Tensor
) -> None:
    black = [image * disc[..., None] for image in (noisy, picture)]
    assert measure(*black, disc) == pytest.approx(measure(noisy, picture, disc), abs=1e-9)


@pytest.mark.parametrize("measure", [psnr_db, ssim])
def test_a_wrong_background_costs_nothing(
    measure: Callable[..., float], picture: Tensor, noisy: Tensor, disc: Tensor
) -> None:
    other = torch.where(disc[..., None], noisy, 1.0)
    assert measure(other, picture, disc) == pytest.approx(measure(noisy, picture, disc), abs=1e-9)


def test_ssim_is_that_of_scikit_image(picture: Tensor, noisy: Tensor, whole: Tensor) -> None:
    expected = structural_similarity(
        picture.double().numpy(), noisy.double().numpy(), channel_axis=2, data_range=1,
        gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
    )  # fmt: skip
    # It leaves out a border of 5 pixels; here windows are cut there.
    assert ssim(noisy, picture, whole) == pytest.approx(float(np.mean(expected)), abs=0.002)


def test_ssim_of_plain_pictures_compares_their_means(disc: Tensor) -> None:
    plain = torch.full((60, 50, 3), 0.4)
    expected = (2 * 0.4 * 0.6 + 1e-4) / (0.4**2 + 0.6**2 + 1e-4)
    assert ssim(plain + 0.2, plain, disc) == pytest.approx(expected, abs=1e-5)


def test_an_empty_mask_is_refused(picture: Tensor, whole: Tensor) -> None:
    with pytest.raises(ValueError, match="empty"):
        psnr_db(picture, picture, ~whole)
    with pytest.raises(ValueError, match="empty"):
        ssim(picture, picture, ~whole)
