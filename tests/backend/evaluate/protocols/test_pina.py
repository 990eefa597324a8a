import math
from collections.abc import Callable

import pytest
import torch
import trimesh

from backend.evaluate.protocols.mesh import Surface
from backend.evaluate.protocols.pina import pina, volume_iou


def box(shift_m: float, length_m: float = 0.2) -> Surface:
    mesh = trimesh.creation.box((length_m, 0.2, 0.2))
    vertices = torch.tensor(mesh.vertices, dtype=torch.float32) + torch.tensor([shift_m, 0, 0])
    return Surface(vertices=vertices, faces=torch.tensor(mesh.faces))


def test_concentric_spheres(ball: Callable[..., Surface]) -> None:
    result = pina(ball(0.31), ball(0.30))
    assert result.volume_iou == pytest.approx((0.30 / 0.31) ** 3, abs=0.002)
    assert result.chamfer_cm == pytest.approx(1, rel=0.01)
    assert result.normal_consistency == pytest.approx(1, abs=0.002)


def test_cubes_half_beside_each_other_share_a_third() -> None:
    assert volume_iou(box(0.1), box(0)) == pytest.approx(1 / 3, abs=0.003)


def test_pieces_that_overlap_count_once() -> None:
    left, right = box(-0.05), box(0.05)
    both = Surface(
        vertices=torch.cat([left.vertices, right.vertices]),
        faces=torch.cat([left.faces, right.faces + len(left.vertices)]),
    )
    assert volume_iou(both, box(0, length_m=0.3)) == pytest.approx(1, abs=0.01)


def test_separate_cubes_share_nothing() -> None:
    assert volume_iou(box(0.5), box(0)) == 0


def test_normals_of_a_tilted_wall_agree_by_the_cosine(wall: Callable[..., Surface]) -> None:
    result = pina(wall(0.4, side_m=0.5), wall(side_m=0.5))
    assert result.normal_consistency == pytest.approx(math.cos(0.4), abs=1e-5)


def test_a_surface_has_no_error_against_itself(blob: Surface) -> None:
    result = pina(blob, blob)
    assert result.volume_iou == 1
    assert result.chamfer_cm == pytest.approx(0, abs=1e-4)
    assert result.normal_consistency == pytest.approx(1, abs=1e-3)
