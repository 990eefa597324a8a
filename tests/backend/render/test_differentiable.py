import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from jaxtyping import Float
from render_views import ball, ball_area_px2, soft_mask, square_cameras
from torch import Tensor

from backend.geometry.normals import vertex_normals as plain_normals
from backend.render.crop import body_boxes, crop_images, cropped
from backend.render.differentiable import (
    antialias,
    default_backend,
    interpolate,
    rasterize,
    vertex_normals,
)
from backend.render.fragments import Backend, Cameras, Layer, Topology, mesh_topology
from backend.render.nvdiffrast_rasterizer import clip_positions

ROOT = Path(__file__).resolve().parents[3]
SKEWED = Cameras(
    intrinsics=torch.tensor([[[80.0, 1.5, 32], [0, 70, 27], [0, 0, 1]]]).repeat(2, 1, 1),
    width=64,
    height=57,
)
BOTH: tuple[Backend, ...] = ("warp", "torch")


def two_balls() -> tuple[Float[Tensor, "P V 3"], Topology]:
    """A long one that is partly before a flat one, in two views."""
    vertices, topology = ball(0.3, 2)
    first = (vertices[0] - vertices[0].mean(0)) * torch.tensor([0.3, 1.2, 0.3])
    second = first.roll(1, 1) + torch.tensor([0.1, 0.1, 0.4])
    both = torch.cat([first, second]) + torch.tensor([0.0, 0, 2])
    faces = torch.cat([topology.faces, topology.faces + len(first)])
    return torch.stack([both, both + torch.tensor([0.05, 0, 0.1])]), mesh_topology(faces)


def on(device: str, topology: Topology) -> Topology:
    return Topology(
        faces=topology.faces.to(device),
        edges=topology.edges.to(device),
        opposite=topology.opposite.to(device),
    )


def images_and_gradients(
    layer: Layer, backend: Backend, device: str = "cpu", *, are_given: bool = True
) -> list[Tensor]:
    """Of random values, which outlines know if they are given."""
    vertices, topology = two_balls()
    vertices, topology = vertices.to(device), on(device, topology)
    generator = torch.Generator().manual_seed(0)
    values = torch.rand((*vertices.shape[:2], 4), generator=generator).to(device).requires_grad_()
    asked = torch.rand((2, 57, 64, 4), generator=generator).to(device)
    vertices.requires_grad_()
    seen = rasterize(vertices, topology, SKEWED, layer=layer, backend=backend)
    image = interpolate(seen, values)
    blended = antialias(seen, image, values if are_given else None)
    inner = torch.autograd.grad((image * asked).sum(), [vertices, values], retain_graph=True)
    outer = torch.autograd.grad(((blended - image) * asked).sum(), [vertices, values])
    return [t.cpu() for t in (seen.face, seen.depth, image, blended, *inner, *outer)]


@pytest.mark.gpu
@pytest.mark.parametrize("layer", ["nearest", "farthest"])
@pytest.mark.parametrize("backend", BOTH)
def test_cuda_gives_what_the_cpu_gives(layer: Layer, backend: Backend) -> None:
    there = images_and_gradients(layer, backend, "cuda")
    for found, expected in zip(there, images_and_gradients(layer, backend), strict=True):
        assert (found - expected).float().norm() <= 1e-3 * expected.float().norm()


@pytest.mark.parametrize("are_given", [False, True])
@pytest.mark.parametrize("layer", ["nearest", "farthest"])
def test_warp_agrees_with_its_plain_twin(layer: Layer, *, are_given: bool) -> None:
    ours, twins = (images_and_gradients(layer, name, are_given=are_given) for name in BOTH)
    assert torch.equal(ours[0], twins[0])
    for image, expected in zip(ours[1:4], twins[1:4], strict=True):
        assert (image - expected).abs().max() < 1e-5
    assert ((ours[3] - ours[2]).abs().amax(-1) > 1e-4).sum() > 30
    for gradient, expected in zip(ours[4:], twins[4:], strict=True):
        assert expected.norm() > 1
        assert (gradient - expected).norm() < 1e-3 * expected.norm()


@pytest.mark.parametrize("backend", BOTH)
def test_the_farthest_layer_of_a_ball_is_its_back(backend: Backend) -> None:
    vertices, topology = ball(0.1)
    seen = rasterize(vertices, topology, square_cameras(32, 200), layer="farthest", backend=backend)
    assert seen.depth[0, 16, 16] == pytest.approx(2.1, abs=1e-3)
    assert seen.depth[0, 0, 0] == 0


@pytest.mark.parametrize("level", [3, 5])  # faces of 2 pixels, and of a tenth of one
def test_outlines_are_found_whatever_the_size_of_faces(level: int) -> None:
    vertices, topology = ball(0.1, level)
    cameras = square_cameras(64, 400)
    mask = soft_mask(vertices.requires_grad_(), topology, cameras)
    assert mask.detach().sum() == pytest.approx(ball_area_px2(0.1, 400), rel=0.01)
    (slope,) = torch.autograd.grad(mask.sum(), vertices)
    outwards = (vertices - torch.tensor([0.0, 0, 2])).detach() / 0.1
    by_radius = 2 * ball_area_px2(0.1, 400) / 0.1 * 4 / (4 - 0.01)
    assert (slope * outwards).sum() == pytest.approx(by_radius, rel=0.03)


@pytest.mark.parametrize("backend", BOTH)
def test_a_surface_enters_pixels_with_the_values_at_its_edge(backend: Backend) -> None:
    """A square's x, whose right edge covers 0.3 of a pixel."""
    corners = torch.tensor([[[0.1, 0.1, 1.0], [0.503, 0.1, 1], [0.503, 0.9, 1], [0.1, 0.9, 1]]])
    cameras = Cameras(intrinsics=torch.tensor([100.0, 100, 1]).diag()[None], width=100, height=100)
    topology = mesh_topology(torch.tensor([[0, 1, 2], [0, 2, 3]]))
    seen = rasterize(corners, topology, cameras, backend=backend)
    values = corners[..., :1].clone().requires_grad_()
    entered = antialias(seen, interpolate(seen, values), values)[0, 40, 50, 0]
    assert entered.detach() == pytest.approx(0.3 * 0.503, abs=1e-5)
    (slope,) = torch.autograd.grad(entered, values)
    down = (0.405 - 0.1) / 0.8
    expected = torch.tensor([0, 0.3 * (1 - down), 0.3 * down, 0])
    assert torch.allclose(slope[0, :, 0], expected, atol=1e-5)


@pytest.mark.parametrize("backend", BOTH)
def test_a_lone_triangles_area_grows_with_its_corner(backend: Backend) -> None:
    corners = torch.tensor([[[0.1013, 0.2, 1.0], [0.9, 0.2517, 1], [0.3, 0.8, 1]]]).requires_grad_()
    cameras = Cameras(intrinsics=torch.tensor([200.0, 200, 1]).diag()[None], width=200, height=200)
    topology = mesh_topology(torch.tensor([[0, 1, 2]]))
    seen = rasterize(corners, topology, cameras, backend=backend)
    area = antialias(seen, interpolate(seen, torch.ones(1, 3, 1))).sum()
    (slope,) = torch.autograd.grad(area, corners)
    a, b, c = (corners[0, :, :2] * 200).detach()
    expected = 200 * torch.stack([b[1] - c[1], c[0] - b[0]]) / 2  # of half the cross product
    doubled = (b - a)[0] * (c - a)[1] - (b - a)[1] * (c - a)[0]
    assert area.detach() == pytest.approx(float(doubled) / 2, rel=0.01)
    assert torch.allclose(slope[0, 0, :2], expected, atol=0.03 * float(expected.norm()))


def test_hidden_outlines_leave_no_trace() -> None:
    vertices, topology = ball(0.1)
    wall = torch.tensor([[-9.0, -9, 1], [9, -9, 1], [0, 20, 1]])
    faces = torch.cat([topology.faces, torch.tensor([[0, 1, 2]]) + vertices.shape[1]])
    both = torch.cat([vertices[0], wall])[None].requires_grad_()
    seen = rasterize(both, mesh_topology(faces), square_cameras(64, 200))
    image = interpolate(seen, both.detach())
    blended = antialias(seen, image)
    assert torch.equal(blended, image)
    assert torch.autograd.grad(blended.sum(), both)[0][0, :-3].abs().max() == 0


def test_equal_values_ask_nothing_of_positions() -> None:
    vertices, topology = ball(0.1)
    seen = rasterize(vertices.requires_grad_(), topology, square_cameras(64, 400))
    image = interpolate(seen, torch.full_like(vertices, 0.7).detach())
    (slope,) = torch.autograd.grad(image.sum(), vertices)
    assert slope.abs().max() < 1e-2  # of 1e4 that a value changing across the ball would ask


def test_interpolated_positions_move_with_the_surface() -> None:
    vertices, topology = ball(0.1)
    seen = rasterize(vertices.requires_grad_(), topology, square_cameras(64, 400))
    depth = interpolate(seen, vertices)[..., 2]
    (slope,) = torch.autograd.grad(depth[0, 32, 32], vertices)
    assert slope[..., 2].sum() == pytest.approx(1, abs=1e-3)


def test_the_number_of_threads_changes_nothing() -> None:
    count = torch.get_num_threads()
    results = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        results.append(images_and_gradients("nearest", "warp"))
    torch.set_num_threads(count)
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


@pytest.mark.parametrize("backend", BOTH)
def test_views_without_a_body_are_empty(backend: Backend) -> None:
    vertices, topology = ball(0.1)
    behind = (vertices - torch.tensor([0.0, 0, 4])).requires_grad_()
    seen = rasterize(behind, topology, square_cameras(16, 20), backend=backend)
    image = antialias(seen, interpolate(seen, behind))
    assert not image.any()
    assert not torch.autograd.grad(image.sum(), behind)[0].any()


def test_normals_are_those_of_one_view_and_so_are_their_gradients() -> None:
    vertices, topology = two_balls()
    vertices.requires_grad_()
    asked = torch.rand(vertices.shape, generator=torch.Generator().manual_seed(0))
    found = vertex_normals(vertices, topology)
    expected = torch.stack([plain_normals(one, topology.faces) for one in vertices])
    assert (found - expected).abs().max() < 1e-5
    (slope,) = torch.autograd.grad((found * asked).sum(), vertices)
    (twin,) = torch.autograd.grad((expected * asked).sum(), vertices)
    assert (slope - twin).norm() < 1e-4 * twin.norm()


def test_cropped_cameras_see_the_cropped_image() -> None:
    vertices, topology = two_balls()
    boxes = body_boxes(vertices, SKEWED, 2)
    whole = soft_mask(vertices, topology, SKEWED)
    part = soft_mask(vertices, topology, cropped(SKEWED, boxes))
    assert part.shape[1] * part.shape[2] < 0.7 * whole.shape[1] * whole.shape[2]
    assert (crop_images(whole[..., None], boxes)[..., 0] - part).abs().max() < 1e-3
    assert part.sum() == pytest.approx(float(whole.sum()), rel=1e-4)


def test_an_edge_knows_the_third_corners_of_its_two_faces() -> None:
    topology = mesh_topology(torch.tensor([[0, 1, 2], [2, 1, 3]]))
    edges = topology.edges.tolist()
    assert edges == [[0, 1], [0, 2], [1, 2], [1, 3], [2, 3]]
    assert topology.opposite.tolist() == [[2, -1], [1, -1], [0, 3], [2, -1], [1, -1]]


def test_an_edge_of_three_faces_is_an_outline() -> None:
    topology = mesh_topology(torch.tensor([[0, 1, 2], [0, 1, 3], [0, 1, 4]]))
    assert topology.opposite[0].tolist() == [2, -1]


def test_without_warp_the_plain_twin_is_used() -> None:
    code = """
import sys
sys.modules["warp"] = None
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "warp" else find(name)
import torch
from backend.render.differentiable import antialias, interpolate, rasterize
from backend.render.fragments import Cameras, mesh_topology
cameras = Cameras(intrinsics=torch.eye(3)[None], width=4, height=4)
corners = torch.tensor([[[0.0, 0, 1], [4, 0, 1], [0, 4, 1]]])
seen = rasterize(corners, mesh_topology(torch.tensor([[0, 1, 2]])), cameras)
antialias(seen, interpolate(seen, corners))
assert seen.backend == "torch" and "nvdiffrast" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert done.returncode == 0


def test_on_the_cpu_warp_is_the_default() -> None:
    assert default_backend(torch.device("cpu")) == "warp"


@pytest.mark.parametrize(("layer", "sign"), [("nearest", 1), ("farthest", -1)])
def test_clip_positions_are_those_of_the_same_pixels(layer: Layer, sign: int) -> None:
    vertices, _ = two_balls()
    clip = clip_positions(vertices, SKEWED, layer)
    place = clip[..., :3] / clip[..., 3:]
    seen = vertices @ SKEWED.intrinsics.mT
    pixels = (place[..., :2] + 1) / 2 * torch.tensor([64.0, 57])
    assert torch.allclose(pixels, seen[..., :2] / seen[..., 2:], atol=1e-3)
    assert place[..., 2].abs().max() <= 1
    ordered = place[0, vertices[0, :, 2].argsort(), 2] * sign
    assert (ordered.diff() >= -1e-5).all()
    assert not math.isnan(float(clip.sum()))
