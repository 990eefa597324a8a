"""Gradients against finite differences of hard images, and a fit that follows them."""

import math
from collections.abc import Callable

import pytest
import torch
from jaxtyping import Float
from render_views import CENTRE, ball, soft_mask, square_cameras
from torch import Tensor

from backend.body.anny55 import load_anny55
from backend.body.kinematics import bone_matrices, matrix_from_axis_angle
from backend.geometry.skinning import pose
from backend.render.differentiable import antialias, interpolate, rasterize, vertex_normals
from backend.render.fragments import Topology, mesh_topology

POSE = {
    "left_shoulder": (0, 0, 0.7),
    "right_elbow": (0, 1.2, 0),
    "left_hip": (-0.8, 0, 0.2),
    "left_knee": (1.0, 0, 0),
}
SIZE_PX = 512
FINE = 4
STEP_M = 0.002
FAR_M = 0.01
"""A step of translations, with less noise: for the losses below they are as good as linear."""
WAYS = {"up": (0.0, -1.0, 0.0), "sideways": (1.0, 0.0, 0.0)}


def posed_body() -> tuple[Float[Tensor, "1 V 3"], Topology]:
    """Anny, one arm and one leg raised, 3 m before the camera and upright in it."""
    body = load_anny55()
    bind = body.bind(body.mean_shape)
    angles = torch.zeros(len(body.parents), 3)
    for name, vector in POSE.items():
        angles[body.joint_names.index(name)] = torch.tensor(vector)
    bones = bone_matrices(bind.joints, body.parents, matrix_from_axis_angle(angles))
    vertices = pose(bind.vertices, body.weights, bones)
    middle = (vertices.amax(0) + vertices.amin(0)) / 2
    flipped = (vertices - middle) * torch.tensor([1.0, -1, -1]) + torch.tensor([0, 0, 3.0])
    return flipped[None], mesh_topology(body.faces)


def render(
    vertices: Tensor, topology: Topology, values: Tensor, times: int, *, is_soft: bool
) -> Tensor:
    size = SIZE_PX * times
    cameras = square_cameras(size, size / 2 / math.tan(math.radians(26)))
    seen = rasterize(vertices, topology, cameras)
    image = interpolate(seen, values)
    return (antialias(seen, image, values) if is_soft else image)[0]


def mask_loss(weights: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """The mask times an image: weights of x and y, from 0 to 1 across it."""

    def loss(vertices: Tensor, topology: Topology, *, times: int) -> Tensor:
        ones = torch.ones_like(vertices[..., :1])
        mask = render(vertices, topology, ones, times, is_soft=times == 1)[..., 0]
        axis = (torch.arange(SIZE_PX * times) + 0.5) / (SIZE_PX * times)
        return (mask * weights(axis[None], axis[:, None])).sum(dtype=torch.float64) / times**2

    return loss


def smooth(x: Tensor, y: Tensor) -> Tensor:
    """What one side asks of a translation nearly cancels what the other side asks."""
    return 1 + 5 * x - 5 * y + 0.5 * (5 * x + 1).sin() + 0.8 * (7 * y).cos()


def ramps(x: Tensor, y: Tensor) -> Tensor:
    """Both sides ask for the same translation."""
    return (x - 0.5) + (y - 0.5)


def normal_loss_to(goal: Tensor, topology: Topology, power: int) -> Callable[..., Tensor]:
    """A power of the difference of normals to those of the body elsewhere, at coarse pixels."""
    target = render(goal, topology, vertex_normals(goal, topology), 1, is_soft=True)

    def loss(vertices: Tensor, topology: Topology, *, times: int) -> Tensor:
        normals = vertex_normals(vertices, topology)
        image = render(vertices, topology, normals, times, is_soft=times == 1)
        blocks = image.reshape(SIZE_PX, times, SIZE_PX, times, 3)
        difference = (blocks - target[:, None, :, None]).abs() ** power
        return difference.sum(dtype=torch.float64) / times**2

    return loss


def error(
    loss: Callable[..., Tensor],
    body: tuple[Tensor, Topology],
    way: Tensor,
    step_m: float = STEP_M,
) -> float:
    """How far the slope along a way is from finite differences, as a share of these."""
    vertices, topology = body
    free = vertices.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(free, topology, times=1), free)
    ends = [loss(vertices + s * step_m * way, topology, times=FINE) for s in (-1, 1)]
    expected = float(ends[1] - ends[0]) / (2 * step_m)
    return abs(float((gradient * way).sum()) / expected - 1)


@pytest.mark.slow
@pytest.mark.parametrize("weights", [smooth, ramps])
def test_masks_grow_as_finite_differences_say(weights: Callable[..., Tensor]) -> None:
    vertices, topology = posed_body()
    outwards = vertex_normals(vertices, topology)
    assert error(mask_loss(weights), (vertices, topology), outwards) < 0.05


@pytest.mark.parametrize("weights", [smooth, ramps])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_masks_move_as_finite_differences_say(
    weights: Callable[..., Tensor], way: tuple[float, float, float]
) -> None:
    body = posed_body()
    along = torch.tensor(way).expand_as(body[0])
    assert error(mask_loss(weights), body, along, FAR_M) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("power", [1, 2])
def test_normals_grow_as_finite_differences_say(power: int) -> None:
    vertices, topology = posed_body()
    outwards = vertex_normals(vertices, topology)
    slimmer = normal_loss_to(vertices - 0.01 * outwards, topology, power)
    assert error(slimmer, (vertices, topology), outwards) < 0.08


@pytest.mark.slow
@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_normals_move_as_finite_differences_say(
    power: int, way: tuple[float, float, float]
) -> None:
    vertices, topology = posed_body()
    along = torch.tensor(way).expand_as(vertices)
    shifted = normal_loss_to(vertices + 0.03 * along, topology, power)
    assert error(shifted, (vertices, topology), along) < 0.05


def test_a_ball_is_found_from_its_mask() -> None:
    vertices, topology = ball(1.0, 2)
    unit = vertices - CENTRE
    cameras = square_cameras(64, 400)
    place = torch.tensor([0.02, -0.015, 2.0])
    goal = soft_mask(0.1 * unit + place, topology, cameras)
    state = torch.tensor([0.08, 0.0, 0.0], requires_grad=True)  # radius, x, y
    adam = torch.optim.Adam([state], lr=0.003)
    for _ in range(80):
        centre = torch.cat([state[1:], place[2:].detach()])
        loss = (soft_mask(state[0] * unit + centre, topology, cameras) - goal).square().mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    assert (state - torch.tensor([0.1, 0.02, -0.015])).abs().max() < 5e-4  # a tenth of a pixel
