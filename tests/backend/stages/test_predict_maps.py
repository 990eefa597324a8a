import numpy as np
import pytest
import torch

from backend.render.rasterizer import rasterize
from backend.stages.predict_maps import PredictMapsSettings, predict_maps
from backend.types import Camera, Landmarks, SkinnedMesh, SurfaceMaps, View

FOCAL_PX, DISTANCE_M = 2000.0, 10.0  # far away: rays are nearly parallel, 5 mm a pixel
SETTINGS = PredictMapsSettings(resolution=128)
SPINE, HEAD, NECK, HIP, WRIST = 6, 15, 12, 1, 20


def ball(
    radii_m: tuple[float, float, float], centre_m: tuple[float, float, float], joint: int
) -> SkinnedMesh:
    """An ellipsoid bound to one joint."""
    phi, theta = np.meshgrid(np.linspace(0, 2 * np.pi, 40), np.linspace(0, np.pi, 40))
    unit = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], -1)
    index = np.arange(1600).reshape(40, 40)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    faces = np.concatenate([np.stack(f, -1).reshape(-1, 3) for f in ((a, c, b), (b, c, d))])
    vertices = torch.tensor(unit.reshape(-1, 3) * radii_m + centre_m, dtype=torch.float32)
    weights = torch.zeros(len(vertices), 55)
    weights[:, joint] = 1
    vertices[:, 2] += DISTANCE_M
    colours = torch.zeros_like(vertices)
    return SkinnedMesh(
        vertices=vertices, faces=torch.tensor(faces), weights=weights, colours=colours
    )


def join(*meshes: SkinnedMesh) -> SkinnedMesh:
    starts = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes])
    faces = [mesh.faces + int(start) for mesh, start in zip(meshes, starts, strict=False)]
    return SkinnedMesh(
        vertices=torch.cat([mesh.vertices for mesh in meshes]),
        faces=torch.cat(faces),
        weights=torch.cat([mesh.weights for mesh in meshes]),
        colours=torch.cat([mesh.colours for mesh in meshes]),
    )


def camera(size: int = 240) -> Camera:
    intrinsics = torch.tensor([[FOCAL_PX, 0, size / 2], [0, FOCAL_PX, size / 2], [0, 0, 1]])
    return Camera(intrinsics=intrinsics, width=size, height=size)


def silhouette(body: SkinnedMesh) -> torch.Tensor:
    return rasterize(body.vertices, body.faces, camera()).mask.float()


def view(mask: torch.Tensor, color: torch.Tensor | None = None) -> View:
    nothing = torch.zeros(33, 2)
    landmarks = Landmarks(
        points_px=nothing,
        visibility=torch.zeros(33),
        world_m=torch.zeros(33, 3),
        left_hand_px=None,
        right_hand_px=None,
        face_px=None,
    )
    color = torch.zeros(*mask.shape, 3) if color is None else color
    return View(name="test", color=color, mask=mask, camera=camera(), landmarks=landmarks)


def box(left: int, top: int, right: int, bottom: int) -> torch.Tensor:
    mask = torch.zeros(240, 240)
    mask[top:bottom, left:right] = 1
    return mask


def in_crop(maps: SurfaceMaps, image: torch.Tensor) -> torch.Tensor:
    """Values of the photo at the centres of the crop's pixels."""
    side = torch.arange(maps.camera.width) + 0.5
    scale, start = maps.camera_from_crop_px[0, 0], maps.camera_from_crop_px[:2, 2]
    columns, rows = ((side * scale + start[k]).long().clamp(0, 239) for k in (0, 1))
    return image[rows][:, columns]


def weight_image(maps: SurfaceMaps, side: int, joint: int) -> torch.Tensor:
    image = torch.zeros_like(maps.level)
    image[maps.level > 0.5] = maps.weights[side, :, joint]
    return image


TRUNK = ball((0.15, 0.4, 0.12), (0, 0, 0), SPINE)


def test_an_undressed_body_keeps_its_depth() -> None:
    maps = predict_maps(view(silhouette(TRUNK)), TRUNK, SETTINGS)
    raster = rasterize(TRUNK.vertices, TRUNK.faces, maps.camera)
    inside = maps.level > 0.5
    error = (maps.depth[0] - raster.depth)[inside & raster.mask].abs()
    assert error.median() < 0.003
    assert error.quantile(0.9) < 0.01


def test_thickness_vanishes_at_the_outline_and_is_positive_inside() -> None:
    mask = silhouette(ball((0.2, 0.45, 0.2), (0, 0, 0), SPINE))
    maps = predict_maps(view(mask), TRUNK, SETTINGS)
    inside = maps.level > 0.5
    thickness = maps.depth[1] - maps.depth[0]
    shrunk = -torch.nn.functional.max_pool2d(-inside.float()[None], 3, 1, 1)[0] > 0
    assert (thickness[inside] > 0).all()
    # A circle of 20 cm is 6 cm thick one pixel (7.4 mm) beside its edge.
    assert thickness[inside & ~shrunk].median() < 0.08
    assert thickness[inside].max() > 0.24


def test_cloth_never_lies_inside_the_trusted_body() -> None:
    mask = silhouette(ball((0.2, 0.45, 0.2), (0, 0, 0), SPINE))
    maps = predict_maps(view(mask), TRUNK, SETTINGS)
    rasters = [
        rasterize(TRUNK.vertices, TRUNK.faces, maps.camera, layer)
        for layer in ("nearest", "farthest")
    ]
    deep = ball((0.11, 0.36, 0.12), (0, 0, 0), SPINE)
    trusted = rasterize(deep.vertices, deep.faces, maps.camera).mask
    assert (maps.depth[0] <= rasters[0].depth + 1e-4)[trusted].all()
    assert (maps.depth[1] >= rasters[1].depth - 1e-4)[trusted].all()


def test_an_arm_before_the_trunk_is_a_clean_step() -> None:
    arm = ball((0.3, 0.05, 0.05), (0, 0, -0.4), WRIST)
    body = join(TRUNK, arm)
    maps = predict_maps(view(silhouette(body)), body, SETTINGS)
    raster = rasterize(body.vertices, body.faces, maps.camera)
    column = maps.depth[0, :, 64]
    is_arm = raster.face[:, 64] >= len(TRUNK.faces)
    # From the arm's front to the trunk's: no pixel floats half way.
    assert (column[is_arm] < DISTANCE_M - 0.3).all()
    assert (column[~is_arm & (column > 0)] > DISTANCE_M - 0.2).all()


def test_an_island_of_the_mask_stays_near_the_body() -> None:
    arm = ball((0.03, 0.03, 0.03), (0.3, -0.3, -0.2), WRIST)
    body = join(TRUNK, arm)
    mask = silhouette(TRUNK)
    mask[58:64, 180:186] = 1  # beside where the body has its hand
    mask[56:62, 177:182] = 1
    maps = predict_maps(view(mask), body, SETTINGS)
    island = in_crop(maps, box(170, 50, 190, 70)).bool() & (maps.level > 0.5)
    assert island.any()
    assert (maps.depth[:, island] - (DISTANCE_M - 0.2)).abs().max() < 0.1


def test_weights_sum_to_one_and_everything_is_finite() -> None:
    mask = torch.maximum(silhouette(TRUNK), box(90, 100, 160, 220))
    maps = predict_maps(view(mask, torch.rand(240, 240, 3)), TRUNK, SETTINGS)
    assert maps.weights.shape[1] == int((maps.level > 0.5).sum())
    assert torch.allclose(maps.weights.sum(-1), torch.ones(1), atol=1e-4)
    assert all(torch.isfinite(value).all() for value in (maps.depth, maps.weights, maps.colour))


def figure() -> SkinnedMesh:
    """Head, neck and trunk, and a hand beside the crown."""
    head = ball((0.1, 0.13, 0.1), (0, -0.65, 0), HEAD)
    neck = ball((0.06, 0.1, 0.06), (0, -0.47, 0), NECK)
    return join(TRUNK, head, neck, ball((0.03, 0.06, 0.03), (0.17, -0.7, 0), WRIST))


def test_a_hat_that_a_hand_touches_is_bound_to_the_head() -> None:
    body = figure()
    hat = box(100, 8, 152, 40)  # from above the crown to the hand
    low = torch.tensor([[FOCAL_PX, 0, 120], [0, FOCAL_PX, 180], [0, 0, 1]])
    seen = Camera(intrinsics=low, width=240, height=240)
    mask = torch.maximum(rasterize(body.vertices, body.faces, seen).mask.float(), hat)
    given = view(mask)
    given = View(
        name=given.name, color=given.color, mask=mask, camera=seen, landmarks=given.landmarks
    )
    maps = predict_maps(given, body, SETTINGS)
    is_hat = in_crop(maps, box(104, 11, 148, 26)).bool()
    assert all((weight_image(maps, side, HEAD)[is_hat] > 0.9).all() for side in (0, 1))


def test_the_hip_beside_a_hand_is_not_bound_to_the_hand() -> None:
    hand = ball((0.06, 0.06, 0.015), (0, 0, -0.14), WRIST)
    body = join(TRUNK, hand)
    maps = predict_maps(view(silhouette(body)), body, SETTINGS)
    raster = rasterize(body.vertices, body.faces, maps.camera)
    is_hand = raster.face >= len(TRUNK.faces)
    front, back = (weight_image(maps, side, WRIST) for side in (0, 1))
    assert (front[is_hand] > 0.5).float().mean() > 0.9
    assert (front[raster.mask & ~is_hand] < 0.5).all()
    assert (back < 0.01).all()


def test_the_photos_border_does_not_thin_the_surface() -> None:
    mask = silhouette(TRUNK)
    cut = View(
        name="half",
        color=torch.zeros(130, 240, 3),
        mask=mask[:130],
        camera=Camera(intrinsics=camera().intrinsics, width=240, height=130),
        landmarks=view(mask).landmarks,
    )
    maps = predict_maps(cut, TRUNK, SETTINGS)
    inside = maps.level > 0.5
    last = int(torch.nonzero(inside.any(1)).max())
    middle = inside[last].nonzero().median()
    assert maps.depth[1, last, middle] - maps.depth[0, last, middle] > 0.2


def test_the_colours_of_both_sides_hold_no_background() -> None:
    mask = silhouette(TRUNK)
    color = mask[..., None] * torch.tensor([1.0, 0, 0]) + (1 - mask)[..., None] * torch.tensor(
        [0, 1.0, 0]
    )
    maps = predict_maps(view(mask, color), TRUNK, SETTINGS)
    inside = maps.level > 0.5
    assert (maps.colour[:, inside, 1] < 0.02).all()
    assert (maps.colour[:, inside, 0] > 0.98).all()


@pytest.mark.parametrize("resolution", [96, 192])
def test_thickness_of_cloth_does_not_depend_on_the_resolution(resolution: int) -> None:
    mask = silhouette(ball((0.25, 0.45, 0.2), (0, 0, 0), SPINE))
    maps = predict_maps(view(mask), TRUNK, PredictMapsSettings(resolution=resolution))
    reference = predict_maps(view(mask), TRUNK, SETTINGS)
    thick = [(m.depth[1] - m.depth[0])[m.level > 0.5].mean() for m in (maps, reference)]
    assert abs(float(thick[0] - thick[1])) < 0.01
