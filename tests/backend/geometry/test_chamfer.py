import pytest
import torch
import trimesh
from torch import Tensor

from backend.geometry.chamfer import FixedSurface, PairRules, Pairs, chamfer_energy

GENERATOR = torch.Generator().manual_seed(0)


def ball(radius_m: float) -> tuple[Tensor, Tensor]:
    mesh = trimesh.creation.icosphere(3)
    return radius_m * torch.tensor(mesh.vertices).float(), torch.tensor(mesh.faces)


def test_two_balls_are_as_far_apart_as_their_radii() -> None:
    vertices, faces = ball(0.5)
    larger = FixedSurface(*ball(0.51), torch.ones(642, dtype=torch.bool))
    pairs = larger.pairs(vertices, faces, PairRules(), GENERATOR)
    assert float(chamfer_energy(vertices, pairs, 1e3).sqrt()) == pytest.approx(0.01, rel=0.1)


def test_what_was_not_observed_attracts_nothing() -> None:
    vertices, faces = ball(0.5)
    fixed, _ = ball(0.51)
    pairs = FixedSurface(fixed, faces, fixed[:, 0] > 0).pairs(
        vertices, faces, PairRules(), GENERATOR
    )
    assert float(pairs.target[:, 0].min()) > -1e-6


def test_the_other_side_of_a_thin_sheet_is_no_pair() -> None:
    vertices, faces = ball(0.5)
    inside_out = FixedSurface(vertices, faces.flip(1), torch.ones(642, dtype=torch.bool))
    assert not len(inside_out.pairs(vertices, faces, PairRules(), GENERATOR).target)


def test_far_pairs_pull_no_harder() -> None:
    one = torch.tensor([[0, 0, 0]])
    pairs = Pairs(corners=one, shares=torch.tensor([[1.0, 0, 0]]), target=torch.zeros(1, 3))
    near, far = (chamfer_energy(torch.tensor([[x, 0.0, 0]]), pairs, 0.03) for x in (0.001, 10.0))
    assert float(near) == pytest.approx(1e-6, rel=0.01)
    assert float(far) == pytest.approx(0.03**2, rel=0.01)
