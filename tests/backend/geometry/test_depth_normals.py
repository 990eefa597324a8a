import torch
from torch import Tensor

from backend.geometry.depth_normals import normals_of_depth, points_of_depth
from backend.types import Camera

CAMERA = Camera(
    intrinsics=torch.tensor([[200.0, 0, 64], [0, 210.0, 60], [0, 0, 1]]), width=128, height=120
)
CENTRE = torch.tensor([0.1, -0.05, 3.0])


def ball_points(radius_m: float) -> tuple[Tensor, Tensor]:
    """Where the rays of the pixels meet the front of a ball; and which do."""
    rays = points_of_depth(torch.ones(120, 128), CAMERA)
    along, squared = rays @ CENTRE, rays.square().sum(-1)
    inside = along.square() - squared * (CENTRE.square().sum() - radius_m**2)
    depth = (along - inside.clamp(min=0).sqrt()) / squared
    return points_of_depth(torch.where(inside > 0, depth, 0.0), CAMERA), inside > 0


def test_points_lie_on_their_pixels_rays() -> None:
    points = points_of_depth(torch.full((120, 128), 2.0), CAMERA)
    seen = points @ CAMERA.intrinsics.T
    assert torch.allclose(seen[30, 70, :2] / seen[30, 70, 2], torch.tensor([70.5, 30.5]))


def test_normals_of_a_ball_point_away_from_its_middle() -> None:
    points, is_seen = ball_points(0.5)
    normals = normals_of_depth(points, is_seen, 2.0)
    known = normals.square().sum(-1) > 0
    true = torch.nn.functional.normalize(points - CENTRE, dim=-1)
    assert float(known.float().sum() / is_seen.float().sum()) > 0.7
    assert float((normals - true)[known].norm(dim=-1).max()) < 0.03


def test_steps_and_outlines_have_no_normals() -> None:
    depth = torch.full((120, 128), 2.0)
    depth[:, 64:] = 2.5
    is_seen = torch.ones(120, 128, dtype=torch.bool)
    is_seen[:10] = False
    known = normals_of_depth(points_of_depth(depth, CAMERA), is_seen, 3.0).square().sum(-1) > 0
    assert not known[:, 63:65].any()
    assert not known[:11].any()
    assert known[11:119, 1:62].all()
