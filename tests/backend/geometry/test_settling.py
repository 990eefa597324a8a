import torch
from torch import Tensor

from backend.geometry.settling import settled


def to_sphere(points: Tensor) -> Tensor:
    return points.norm(dim=1) - 1


def test_vertices_settle_on_the_sphere_whose_faces_are_right_in_the_mean(
    sphere: tuple[Tensor, Tensor],
) -> None:
    vertices, faces = (
        settled(1.05 * sphere[0], sphere[1], to_sphere, steps=3, longest_m=0.1),
        sphere[1],
    )
    corners = to_sphere(vertices)
    centres = to_sphere(vertices[faces].mean(1))
    assert corners.min() > 0
    assert centres.max() < 0
    share = torch.rand(64, 3, generator=torch.Generator().manual_seed(0))
    share = -share.log() / -share.log().sum(1, keepdim=True)
    inner = torch.einsum("nk,fkc->nfc", share, vertices[faces]).reshape(-1, 3)
    assert to_sphere(inner).mean().abs() < 0.2 * centres.abs().mean()


def test_steps_are_bounded(sphere: tuple[Tensor, Tensor]) -> None:
    moved = settled(1.5 * sphere[0], sphere[1], to_sphere, steps=2, longest_m=0.01)
    assert ((moved - 1.5 * sphere[0]).norm(dim=1) < 0.031).all()
