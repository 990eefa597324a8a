import math

import pytest
import torch

from backend.synthesis.shelter import SLANT_RAD, is_sheltered

UP = torch.tensor([[0.0, 1.0, 0.0]])


def roof(half_width_m: float, height_m: float = 0.1) -> tuple[torch.Tensor, torch.Tensor]:
    signs = torch.tensor([[-1.0, -1], [1, -1], [1, 1], [-1, 1]]) * half_width_m
    vertices = torch.stack([signs[:, 0], torch.full((4,), height_m), signs[:, 1]], 1)
    return vertices, torch.tensor([[0, 1, 2], [0, 2, 3]])


@pytest.mark.parametrize(("share", "sheltered"), [(0.95, False), (1.05, True)])
def test_a_roof_shelters_if_it_reaches_beyond_the_slant(share: float, *, sheltered: bool) -> None:
    vertices, faces = roof(share * 0.1 * math.tan(SLANT_RAD))
    assert is_sheltered(torch.zeros(1, 3), UP, vertices, faces).tolist() == [sheltered]


def test_a_roof_behind_shelters_nothing() -> None:
    assert not is_sheltered(torch.zeros(1, 3), -UP, *roof(1.0)).any()


def test_no_mesh_shelters_nothing() -> None:
    vertices, faces = roof(1.0)
    assert not is_sheltered(torch.zeros(1, 3), UP, vertices, faces[:0]).any()
