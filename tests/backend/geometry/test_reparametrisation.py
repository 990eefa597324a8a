"""Fewer and better triangles, in two ways."""

import pytest
import torch
from torch import Tensor

from backend.geometry.remesh import is_watertight
from backend.geometry.reparametrisation import Way, reparametrised


@pytest.mark.parametrize("way", ["decimate", "flexicubes"])
def test_a_ball_stays_a_ball_within_the_budget(sphere: tuple[Tensor, Tensor], way: Way) -> None:
    told: list[float] = []
    vertices, faces = reparametrised(
        *sphere, way=way, face_budget=1500, max_edge_m=0.3, report=told.append
    )
    assert 1000 < len(faces) <= 1515
    assert is_watertight(faces)
    assert (vertices.norm(dim=1) - 1).abs().max() < 0.03
    assert told == sorted(told)


def test_flexicubes_give_the_evener_triangles(sphere: tuple[Tensor, Tensor]) -> None:
    def quality(way: Way) -> float:
        vertices, faces = reparametrised(
            *sphere, way=way, face_budget=1500, max_edge_m=0.3, report=lambda _: None
        )
        edges = vertices[faces] - vertices[faces.roll(1, dims=1)]
        area = torch.linalg.cross(edges[:, 0], edges[:, 1]).norm(dim=1) / 2
        return float((area / edges.square().sum((1, 2))).mean())

    assert quality("flexicubes") > quality("decimate")
