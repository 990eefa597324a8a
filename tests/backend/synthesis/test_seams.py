import pytest
import torch

from backend.synthesis.garments import Garment, fit_garment
from backend.synthesis.layers import rim_edges
from backend.synthesis.seams import sewn

ROWS, COLUMNS = 12, 9


def tube(slit_m: float, radius_m: float = 0.1) -> tuple[Garment, torch.Tensor]:
    """A tube with an open seam along its height, and its vertices."""
    angle = torch.linspace(0, 2 * torch.pi - slit_m / radius_m, COLUMNS)
    height = torch.linspace(0, 0.5, ROWS)[:, None].expand(-1, COLUMNS)
    circle = torch.stack([angle.sin(), angle.cos()], -1) * radius_m
    x, z = circle.expand(ROWS, -1, -1).unbind(-1)
    vertices = torch.stack([x, height, z], -1).flatten(0, 1)
    ids = torch.arange(ROWS * COLUMNS).view(ROWS, COLUMNS)
    corners = (ids[:-1, :-1], ids[:-1, 1:], ids[1:, 1:], ids[1:, :-1])
    a, b, c, d = (corner.flatten() for corner in corners)
    faces = torch.cat([torch.stack([a, b, c], 1), torch.stack([a, c, d], 1)])
    none = torch.full((len(vertices), 3), 0)
    garment = Garment(
        name="tube",
        base_ids=torch.arange(len(vertices))[:, None].expand(-1, 3),
        base_weights=torch.eye(3)[:1].expand(len(vertices), 3),
        offsets=none.float(),
        scale_ids=none[:3, :2] - 1,
        scale_units=torch.ones(3),
        faces=faces,
        corner_uv=torch.rand(len(faces), 3, 2),
        hidden_ids=none[:0, 0],
        layer=0,
        texture=None,
        colour=(1.0, 1.0, 1.0),
    )
    return garment, vertices


def test_a_slit_is_closed_and_the_ends_stay_open() -> None:
    garment, vertices = tube(0.01)
    closed = sewn(garment, fit_garment(garment, vertices), 0.02)
    edges = torch.stack([closed.faces, closed.faces.roll(-1, 1)], 2)
    heights = vertices[edges[rim_edges(vertices, closed.faces)]][..., 1]
    assert len(heights) == 2 * COLUMNS
    assert ((heights == 0).all(1) | (heights == 0.5).all(1)).all()


def test_sewn_faces_look_outwards_like_the_others() -> None:
    garment, vertices = tube(0.01)
    closed = sewn(garment, vertices, 0.02)
    corners = vertices[closed.faces]
    normals = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    outward = (normals * corners.mean(1) * torch.tensor([1.0, 0, 1])).sum(1).sign()
    assert outward.eq(outward[0]).all()
    assert len(closed.corner_uv) == len(closed.faces) > len(garment.faces)


@pytest.mark.parametrize("gap_m", [0.005, 0.0])
def test_what_is_wider_than_the_gap_stays_open(gap_m: float) -> None:
    garment, vertices = tube(0.01)
    assert sewn(garment, vertices, gap_m).faces.equal(garment.faces)
