import math

import pytest
import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.render.rasterizer import Layer, interpolate, mask_iou, rasterize
from backend.types import Camera

CAMERA = Camera(
    intrinsics=torch.tensor([[60.0, 2.0, 31.0], [0.0, 55.0, 22.5], [0.0, 0.0, 1.0]]),
    width=64,
    height=48,
)
TRIANGLE = torch.tensor([[0, 1, 2]])


def rays(camera: Camera) -> Float[Tensor, "H W 3"]:
    rows, columns = torch.meshgrid(
        torch.arange(camera.height) + 0.5, torch.arange(camera.width) + 0.5, indexing="ij"
    )
    pixels = torch.stack([columns, rows, torch.ones_like(rows)], -1).double()
    return pixels @ camera.intrinsics.double().inverse().T


def slow_depths(
    vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"], camera: Camera
) -> Float[Tensor, "F H W"]:
    """Depth of each face alone, by intersecting each ray with it; nan where it misses."""
    depths = []
    for corners in vertices.double()[faces]:
        shares = rays(camera) @ corners.inverse()  # ray = shares @ corners, times 1 / depth
        depth = 1 / shares.sum(-1)
        inside = (shares >= 0).all(-1) & (corners[:, 2] > 0).all()
        depths.append(torch.where(inside, depth, torch.nan))
    return torch.stack(depths)


def plane_grid(count: int, slope: float = 0.5) -> tuple[Tensor, Tensor]:
    """A jittered grid of triangles on the plane z = 2 + slope x that covers CAMERA's image."""
    axis = torch.linspace(-3, 3, count)
    points = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1).reshape(-1, 2)
    points += 0.2 * (torch.rand(points.shape, generator=torch.Generator().manual_seed(1)) - 0.5)
    vertices = torch.cat([points, 2 + slope * points[:, :1]], 1)
    corner = torch.arange(count * count).reshape(count, count)
    a, b, c, d = (
        t.flatten() for t in (corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1])
    )
    return vertices, torch.cat([torch.stack([a, b, c], 1), torch.stack([a, c, d], 1)])


@pytest.mark.parametrize("layer", ["nearest", "farthest"])
def test_agrees_with_one_ray_at_a_time(layer: Layer) -> None:
    generator = torch.Generator().manual_seed(0)
    vertices = torch.rand((90, 3), generator=generator) * 3 - torch.tensor([1.5, 1.5, -0.5])
    faces = torch.randint(90, (60, 3), generator=generator)
    faces = faces[(faces != faces.roll(1, 1)).all(1)]
    depths = slow_depths(vertices, faces, CAMERA)
    far = layer == "farthest"
    expected, ids = depths.nan_to_num(-torch.inf if far else torch.inf).sort(0, descending=far)
    raster = rasterize(vertices, faces, CAMERA, layer)
    assert torch.equal(raster.mask, expected[0].isfinite())
    agrees = raster.face[raster.mask] == ids[0][raster.mask]
    assert agrees.double().mean() > 0.999
    error = (raster.depth - expected[0])[raster.mask]
    assert error.abs().max() < 1e-4


def test_depth_of_a_tilted_plane_is_exact() -> None:
    vertices, faces = plane_grid(9)
    raster = rasterize(vertices, faces, CAMERA)
    expected = 2 / (1 - 0.5 * rays(CAMERA)[..., 0])  # z = 2 + x/2 with x = u z
    assert raster.mask.all()
    assert (raster.depth - expected).abs().max() < 1e-5


def test_neighbours_leave_no_cracks() -> None:
    vertices, faces = plane_grid(150)
    assert rasterize(vertices, faces.flip(0), CAMERA).mask.all()


def test_edges_through_pixel_centres_leave_no_cracks() -> None:
    camera = Camera(intrinsics=torch.eye(3), width=32, height=32)
    square = torch.tensor([[0.0, 0, 1], [32, 0, 1], [32, 32, 1], [0, 32, 1]])
    faces = torch.tensor([[0, 1, 2], [2, 3, 0]])
    assert rasterize(square, faces, camera).mask.all()


def test_the_lower_face_index_wins_at_equal_depth() -> None:
    vertices, faces = plane_grid(3)
    doubled = torch.cat([faces, faces])
    for layer in ("nearest", "farthest"):
        assert rasterize(vertices, doubled, CAMERA, layer).face.max() < len(faces)


def test_farthest_layer_of_a_sphere_is_its_back(sphere: tuple[Tensor, Tensor]) -> None:
    vertices, faces = sphere
    raster = rasterize(vertices + torch.tensor([0.0, 0, 3]), faces, CAMERA, "farthest")
    direction = torch.nn.functional.normalize(rays(CAMERA), dim=-1)[raster.mask]
    along = 3 * direction[:, 2]
    half_chord = (1 - (9 - along**2)).clamp(min=0).sqrt()
    expected = (along + half_chord) * direction[:, 2]
    central = half_chord > 0.3
    assert (raster.depth[raster.mask] - expected)[central].abs().max() < 0.01


def test_pixel_centres_are_at_one_half() -> None:
    camera = Camera(intrinsics=torch.eye(3), width=4, height=4)
    corner = torch.tensor([[0.0, 0, 1], [1.1, 0, 1], [0, 1.1, 1]])
    assert rasterize(corner, TRIANGLE, camera).mask.nonzero().tolist() == [[0, 0]]


def test_interpolated_vertices_are_the_points_seen() -> None:
    vertices, faces = plane_grid(9)
    raster = rasterize(vertices, faces, CAMERA)
    seen = interpolate(raster, faces, vertices)
    pixels = seen @ CAMERA.intrinsics.T / seen[..., 2:]
    assert pixels[7, 9, :2].tolist() == pytest.approx([9.5, 7.5], abs=1e-3)
    assert torch.allclose(seen[..., 2], raster.depth, atol=1e-5)


def test_interpolation_is_differentiable_in_the_values() -> None:
    vertices, faces = plane_grid(5)
    values = torch.ones((len(vertices), 2), requires_grad=True)
    interpolate(rasterize(vertices, faces, CAMERA), faces, values).sum().backward()
    assert values.grad is not None
    assert values.grad.sum() == pytest.approx(2 * 64 * 48, rel=1e-5)


def test_an_empty_mesh_gives_an_empty_raster() -> None:
    raster = rasterize(torch.zeros((0, 3)), torch.zeros((0, 3), dtype=torch.int64), CAMERA)
    assert not raster.mask.any()
    assert raster.depth.shape == (48, 64)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan])
def test_faces_that_reach_behind_the_camera_are_dropped(value: float) -> None:
    vertices = torch.tensor([[0.0, 0, value], [1, 0, 2], [0, 1, 2]])
    assert not rasterize(vertices, TRIANGLE, CAMERA).mask.any()


@pytest.mark.parametrize("value", [1e30, -1e30, math.inf, math.nan])
def test_corners_far_outside_the_image_are_harmless(value: float) -> None:
    vertices = torch.tensor([[value, 0.1, 2], [0, 0, 2], [0, 1, 2]])
    assert rasterize(vertices, TRIANGLE, CAMERA).face.max() <= 0


def test_a_face_larger_than_the_image_fills_it() -> None:
    vertices = torch.tensor([[-1e3, -1e3, 2.0], [1e4, -1e3, 2], [-1e3, 1e4, 2]])
    assert rasterize(vertices, TRIANGLE, CAMERA).mask.all()


def test_iou_of_half_overlapping_masks_is_a_third() -> None:
    row = torch.arange(6)[None].expand(4, 6)
    assert mask_iou(row < 4, row >= 2) == pytest.approx(1 / 3)
    assert mask_iou(row < 0, row < 0) == 1
