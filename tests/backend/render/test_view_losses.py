"""The image terms of eq 11: little where the render is what the photo shows; closed forms."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from backend.geometry.depth_normals import normals_of_depth, points_of_depth
from backend.render.fragments import Layer, mesh_topology
from backend.render.map_losses import (
    colour_loss,
    mask_loss,
    normal_and_mask_loss,
    normal_loss,
)
from backend.render.rasterizer import rasterize
from backend.render.targets import (
    Targets,
    chosen,
    halved,
    joined,
    mask_corners,
    on_photo,
    targets_of,
)
from backend.render.view_losses import ImageWeights, memory_bytes, view_losses
from backend.types import Camera, SurfaceMaps

CAMERA = Camera(
    intrinsics=torch.tensor([[120.0, 0, 48], [0, 120.0, 48], [0, 0, 1]]), width=96, height=96
)
WEIGHTS = ImageWeights(normal=1.0, back_share=1.0, mask=1.0, colour=1.0)


def maps_of(vertices: Tensor, faces: Tensor) -> SurfaceMaps:
    layers = [rasterize(vertices, faces, CAMERA, side) for side in ("nearest", "farthest")]
    mask = layers[0].mask
    return SurfaceMaps(
        camera=CAMERA,
        camera_from_crop_px=torch.eye(3),
        level=mask.float(),
        depth=torch.stack([layer.depth for layer in layers]),
        weights=torch.ones(2, int(mask.sum()), 1),
        colour=torch.full((2, 96, 96, 3), 0.5),
    )


@pytest.fixture
def ball(sphere: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """A ball of a metre, 4 m before the camera."""
    return sphere[0] + torch.tensor([0.0, 0, 4]), sphere[1]


@pytest.fixture
def targets(ball: tuple[Tensor, Tensor]) -> Targets:
    known = torch.ones(96, 96, dtype=torch.bool)
    return targets_of(maps_of(*ball), known, max_slope=2.0, inset_px=2)


@pytest.mark.parametrize("layer", ["nearest", "farthest"])
def test_the_true_surface_costs_next_to_nothing(
    ball: tuple[Tensor, Tensor], targets: Targets, layer: Layer
) -> None:
    vertices, faces = ball
    topology, grey = mesh_topology(faces), torch.full_like(vertices, 0.5)
    moved = vertices + torch.tensor([0.1, 0, 0])
    true, wrong = (
        float(view_losses(one[None], grey, topology, targets, layer=layer, weights=WEIGHTS))
        for one in (vertices, moved)
    )
    assert true < 0.02
    assert wrong > 5 * true


@pytest.mark.parametrize("layer", ["nearest", "farthest"])
def test_gradients_lead_back(ball: tuple[Tensor, Tensor], targets: Targets, layer: Layer) -> None:
    vertices, faces = ball
    shift = torch.tensor([0.1, 0.0, 0.0], requires_grad=True)
    seen = (vertices + shift)[None]
    grey = torch.full_like(vertices, 0.5)
    loss = view_losses(seen, grey, mesh_topology(faces), targets, layer=layer, weights=WEIGHTS)
    (gradient,) = torch.autograd.grad(loss.sum(), shift)
    assert float(gradient[0]) > 10 * abs(float(gradient[1]))


def test_normals_count_where_both_are_known() -> None:
    normals = torch.zeros(1, 1, 4, 3)
    normals[..., 2] = -1
    target = normals.clone()
    target[0, 0, 0] = torch.tensor([-0.6, 0, -0.8])  # |n − n*| = 0.8
    target[0, 0, 3] = 0
    covered = torch.tensor([[[1.0, 1, 0.5, 1]]])
    assert float(normal_loss(normals, covered, target)) == pytest.approx(0.8 / 2)


def test_masks_count_where_the_photo_tells() -> None:
    covered = torch.tensor([[[1.0, 0.5, 1.0, 0.0]]])
    target = torch.tensor([[[1.0, 1.0, 0.0, 0.0]]])
    known = torch.tensor([[[1.0, 1.0, 0.0, 1.0]]])
    assert float(mask_loss(covered, target, known)) == pytest.approx(0.25 / 2)


def test_colours_count_on_the_whole_person() -> None:
    colour, target = torch.zeros(1, 1, 3, 3), torch.full((1, 1, 3, 3), 0.2)
    covered, mask = torch.tensor([[[1.0, 1.0, 0.4]]]), torch.tensor([[[1.0, 0.5, 1.0]]])
    assert float(colour_loss(colour, covered, target, mask)) == pytest.approx(3 * 0.04)


def test_half_the_resolution_shows_the_same(ball: tuple[Tensor, Tensor], targets: Targets) -> None:
    small = halved(targets)
    assert (small.cameras.width, small.cameras.height) == (48, 48)
    depth = torch.full((48, 48), 4.0)
    points = points_of_depth(depth, replace(CAMERA, intrinsics=small.cameras.intrinsics[0]))
    assert points[24, 24, 0] == pytest.approx(0.5 / 60 * 4)
    known = small.normals[0, 0].square().sum(-1) > 0
    drawn = points_of_depth(maps_of(*ball).depth[0], CAMERA)
    seen = normals_of_depth(drawn, maps_of(*ball).level > 0.5, 2.0)
    assert torch.allclose(small.normals[0, 0, 24, 24], seen[48:50, 48:50].mean((0, 1)), atol=1e-5)
    assert float(known.float().mean()) > 0.15


def test_the_outside_of_the_photo_is_unknown(ball: tuple[Tensor, Tensor]) -> None:
    crop = torch.tensor([[2.0, 0, -20], [0, 2.0, 10], [0, 0, 1]])  # photo pixels of crop pixels
    photo = replace(CAMERA, width=100, height=300)
    known = on_photo(replace(maps_of(*ball), camera_from_crop_px=crop), photo, 0.0)
    assert known[0].tolist() == [10 <= column < 60 for column in range(96)]
    assert known[:, 30].all()


def test_an_empty_mask_still_has_a_frame(targets: Targets) -> None:
    empty = replace(targets, mask=torch.zeros_like(targets.mask))
    assert mask_corners(empty).isfinite().all()


def test_images_of_two_sizes_are_refused(targets: Targets) -> None:
    with pytest.raises(ValueError, match="2 sizes"):
        joined([targets, halved(targets)])


def test_sixteen_large_photos_fit_into_memory() -> None:
    assert memory_bytes(16, 1024, 25_000, 8 * 512 * 512) < 3e9
    assert memory_bytes(40, 1024, 25_000, 8 * 512 * 512) < 5e9


def test_one_pass_gives_both_losses_and_their_gradients() -> None:
    random = torch.Generator().manual_seed(0)
    image = torch.rand(2, 9, 8, 5, generator=random).requires_grad_()
    normals = torch.randn(2, 9, 8, 3, generator=random) * (torch.arange(8) > 2)[:, None]
    mask, known = torch.rand(2, 2, 9, 8, generator=random).round()
    image.data[:, :, 4:, 3] = 1  # fully covered: there, normals count
    fast = torch.stack(normal_and_mask_loss(image, normals, mask, known))
    covered = image[..., 3]
    slow = torch.stack(
        [normal_loss(image[..., :3], covered, normals), mask_loss(covered, mask, known)]
    )
    assert torch.allclose(fast, slow)
    weights = torch.tensor([[1.0, 2], [3, 4]])
    quick, plain = (torch.autograd.grad((x * weights).sum(), image)[0] for x in (fast, slow))
    assert torch.allclose(quick, plain, atol=1e-7)


def test_consecutive_views_are_not_copied(targets: Targets) -> None:
    three = joined([targets] * 3)
    assert chosen(three, torch.tensor([1, 2])).normals.data_ptr() == three.normals[1].data_ptr()
    assert chosen(three, torch.tensor([2, 0])).normals.shape == (2, *three.normals.shape[1:])
