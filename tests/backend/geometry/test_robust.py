import torch

from backend.geometry.robust import geman_mcclure


def test_small_errors_count_squared() -> None:
    assert torch.allclose(geman_mcclure(torch.tensor([1e-4]), 6.0), torch.tensor([1e-4]))


def test_large_errors_count_at_most_the_squared_scale() -> None:
    assert torch.allclose(geman_mcclure(torch.tensor([1e9]), 6.0), torch.tensor([36.0]))
