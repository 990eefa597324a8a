import pytest
import torch
from render_views import ball, square_cameras
from torch import Tensor

from backend.render.differentiable import interpolate, rasterize
from backend.render.fragments import Backend, Cameras, DifferentiationSettings, mesh_topology
from backend.render.torch_rasterizer import pixel_rays, ray_areas


def test_interpolation_has_the_gradients_of_finite_differences() -> None:
    vertices, topology = ball(0.1, 0)
    cameras = square_cameras(8, 60)
    cameras = Cameras(intrinsics=cameras.intrinsics.double(), width=8, height=8)
    vertices = vertices.double().requires_grad_()
    values = torch.rand((1, vertices.shape[1], 2), dtype=torch.float64, requires_grad=True)
    seen = rasterize(vertices, topology, cameras, backend="torch")

    def image(vertices: Tensor, values: Tensor) -> Tensor:
        moved = rasterize(vertices, topology, cameras, backend="torch")
        assert torch.equal(moved.face, seen.face)
        return interpolate(moved, values)

    assert torch.autograd.gradcheck(image, (vertices, values))


def test_a_ray_through_a_corner_is_that_corners_alone() -> None:
    corners = torch.tensor([[0.2, 0.4, 2.0], [1, 0, 3], [0, 1, 1]])
    areas = ray_areas(corners, torch.tensor([0.1, 0.2]))
    assert torch.allclose(areas / areas.sum(), torch.tensor([1.0, 0, 0]), atol=1e-6)


def test_rays_pass_through_pixel_centres() -> None:
    rays = pixel_rays(square_cameras(4, 2))
    assert rays[0, 0].tolist() == [-0.75, -0.75]
    assert rays[0, 3].tolist() == [0.75, -0.75]


@pytest.mark.parametrize("backend", ["torch", "warp"])
def test_gradients_of_faces_seen_edge_on_are_bounded(backend: Backend) -> None:
    sliver = torch.tensor([[[-0.5, -5e-6, 1.0], [0.5, -5e-6, 1], [0.0, 5e-6, 1]]])  # 0.002 pixels^2
    topology = mesh_topology(torch.tensor([[0, 1, 2]]))
    camera = torch.tensor([[[20.0, 0, 8], [0, 20, 8.5], [0, 0, 1]]])
    cameras = Cameras(intrinsics=camera, width=16, height=16)
    slopes = []
    for least in (1e-6, 0.2):
        corners = sliver.clone().requires_grad_()
        settings = DifferentiationSettings(least_area_px2=least)
        seen = rasterize(corners, topology, cameras, backend=backend, settings=settings)
        image = interpolate(seen, torch.tensor([[[0.0], [0], [1]]]))
        slopes.append(torch.autograd.grad(image.sum(), corners)[0].abs().max())
    assert seen.mask.any()
    assert slopes[0] == pytest.approx(100 * float(slopes[1]), rel=0.01)
