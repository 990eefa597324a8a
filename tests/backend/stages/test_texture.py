"""A striped plane and a body before a camera: which photo's colours the vertices take."""

from collections.abc import Callable
from dataclasses import replace

import torch

from backend.geometry.colour_regions import hand_vertices
from backend.geometry.skinning import pose
from backend.render.rasterizer import interpolate, rasterize
from backend.stages.texture import TextureSettings, sight, texture
from backend.types import Camera, Landmarks, SkinnedMesh, View

SIDE = 41
SETTINGS = TextureSettings()
PRIOR = torch.tensor([0.1, 0.9, 0.1])
Bones = Callable[[dict[int, list[float]], float], torch.Tensor]


def plane(z_m: float = 0.0, half_m: float = 0.5, joint: int = 9) -> SkinnedMesh:
    """A square that faces +Z."""
    steps = torch.linspace(-half_m, half_m, SIDE)
    y, x = torch.meshgrid(-steps, steps, indexing="ij")
    corner = (torch.arange(SIDE - 1)[:, None] * SIDE + torch.arange(SIDE - 1)).flatten()
    lower = torch.stack([corner, corner + SIDE, corner + 1], 1)
    upper = torch.stack([corner + 1, corner + SIDE, corner + SIDE + 1], 1)
    return SkinnedMesh(
        vertices=torch.stack([x, y, torch.full_like(x, z_m)], -1).reshape(-1, 3),
        faces=torch.cat([lower, upper]),
        weights=torch.eye(55)[joint].expand(SIDE**2, 55),
        colours=PRIOR.expand(SIDE**2, 3),
    )


def both(first: SkinnedMesh, second: SkinnedMesh) -> SkinnedMesh:
    return SkinnedMesh(
        vertices=torch.cat([first.vertices, second.vertices]),
        faces=torch.cat([first.faces, second.faces + len(first.vertices)]),
        weights=torch.cat([first.weights, second.weights]),
        colours=torch.cat([first.colours, second.colours]),
    )


def bones_turned(yaw_rad: float = 0.0) -> torch.Tensor:
    """Every bone 2 m before the camera, turned about the vertical."""
    turn = torch.tensor(yaw_rad)
    matrix = torch.diag(torch.tensor([0.0, -1.0, 0.0, 1.0]))
    matrix[0, 0], matrix[0, 2] = turn.cos(), turn.sin()
    matrix[2, 0], matrix[2, 2] = turn.sin(), -turn.cos()
    matrix[2, 3] = 2.0
    return matrix.expand(55, 4, 4)


def photo(mesh: SkinnedMesh, colours: torch.Tensor, bones: torch.Tensor, camera: Camera) -> View:
    """The mesh as the camera sees it, on magenta."""
    raster = rasterize(pose(mesh.vertices, mesh.weights, bones), mesh.faces, camera)
    image = interpolate(raster, mesh.faces, colours)
    magenta = torch.tensor([1.0, 0, 1])
    nothing = Landmarks(
        points_px=torch.zeros(33, 2),
        visibility=torch.zeros(33),
        world_m=torch.zeros(33, 3),
        left_hand_px=None,
        right_hand_px=None,
        face_px=None,
    )
    return View(
        name="photo",
        color=torch.where(raster.mask[..., None], image, magenta),
        mask=raster.mask.float(),
        camera=camera,
        landmarks=nothing,
    )


def inner(mesh: SkinnedMesh, within_m: float) -> torch.Tensor:
    return mesh.vertices[:, :2].abs().amax(1) < within_m


def test_seen_colours_come_back(camera: Camera) -> None:
    mesh, bones = plane(), bones_turned()
    truth = torch.cat([mesh.vertices[:, :2] * 0.4 + 0.5, torch.full((SIDE**2, 1), 0.3)], 1)
    found = texture(mesh, [photo(mesh, truth, bones, camera)], bones[None], SETTINGS)
    inside = inner(mesh, 0.42)
    torch.testing.assert_close(found[inside], truth[inside], atol=0.01, rtol=0)


def test_background_never_reaches_the_outline(camera: Camera) -> None:
    mesh, bones = plane(), bones_turned()
    truth = torch.full((SIDE**2, 3), 0.5)
    shot = photo(mesh, truth, bones, camera)
    found = texture(mesh, [shot], bones[None], SETTINGS)
    assert float(found[:, [0, 2]].max()) < 0.51  # less than magenta
    assert float(found[:, 1].min()) > 0.49


def test_stripes_survive_a_shifted_photo_that_sees_them_worse(camera: Camera) -> None:
    mesh = plane()
    rows = torch.arange(SIDE**2)[:, None].expand(-1, 3) // SIDE
    stripes, shifted = (0.5 + 0.3 * torch.sin(rows + shift) for shift in (0, 2))
    square, oblique = bones_turned(), bones_turned(0.9)
    views = [photo(mesh, stripes, square, camera), photo(mesh, shifted, oblique, camera)]
    found = texture(mesh, views, torch.stack([square, oblique]), SETTINGS)
    inside = inner(mesh, 0.4)
    assert float((found - stripes)[inside].abs().mean()) < 0.05


def test_darker_photo_is_matched(camera: Camera) -> None:
    mesh, bones = plane(), torch.stack([bones_turned(0.4), bones_turned(-0.4)])
    grey = torch.full((SIDE**2, 3), 0.5)
    views = [photo(mesh, grey, bones[0], camera), photo(mesh, 0.8 * grey, bones[1], camera)]
    found = texture(mesh, views, bones, SETTINGS)[inner(mesh, 0.4)]
    assert float(found.max() - found.min()) < 0.01


def test_hidden_vertices_never_take_the_occluders_colour(camera: Camera) -> None:
    behind, before = plane(), plane(z_m=0.3, half_m=0.2, joint=16)
    mesh, bones = both(behind, before), bones_turned()
    blue, red = torch.tensor([0.2, 0.2, 0.8]), torch.tensor([0.8, 0.2, 0.2])
    truth = torch.cat([blue.expand(SIDE**2, 3), red.expand(SIDE**2, 3)])
    mesh = replace(mesh, colours=truth)
    moved = bones.clone()
    moved[16, 0, 3] += 0.004  # fitted a little beside where the photo shows it
    view = photo(mesh, truth, bones, camera)
    found = texture(mesh, [view], moved[None], SETTINGS)[: SIDE**2]
    torch.testing.assert_close(found, truth[: SIDE**2], atol=0.03, rtol=0)


def test_nothing_seen_keeps_the_prior(camera: Camera) -> None:
    mesh = plane()
    away = bones_turned(torch.pi)
    view = photo(mesh, torch.ones(SIDE**2, 3), away, camera)
    assert torch.equal(texture(mesh, [view], away[None], SETTINGS), mesh.colours)


def test_unseen_side_meets_the_seen_one_and_returns_to_the_prior(camera: Camera) -> None:
    mesh, bones = plane(), bones_turned()
    view = photo(mesh, torch.full((SIDE**2, 3), 0.5), bones, camera)
    left = torch.arange(camera.width) < camera.width // 2
    found = texture(mesh, [replace(view, mask=view.mask * left)], bones[None], SETTINGS)
    rows = found.reshape(SIDE, SIDE, 3)[SIDE // 2]
    torch.testing.assert_close(rows[5], torch.full((3,), 0.5), atol=0.01, rtol=0)
    torch.testing.assert_close(rows[-1], PRIOR, atol=0.05, rtol=0)


def test_oblique_and_small_surfaces_score_lower(camera: Camera) -> None:
    mesh, bones = plane(), torch.stack([bones_turned(), bones_turned(0.8)])
    views = [photo(mesh, mesh.colours, one, camera) for one in bones]
    scores = [sight(mesh, v, one, SETTINGS).score for v, one in zip(views, bones, strict=True)]
    middle = SIDE**2 // 2
    assert scores[0][middle] > 1.5 * scores[1][middle] > 0


def test_unseen_hands_take_the_faces_skin(
    template: SkinnedMesh, bones_of: Bones, camera: Camera
) -> None:
    skin, trousers = torch.tensor([0.8, 0.6, 0.5]), torch.tensor([0.1, 0.1, 0.15])
    is_head = template.weights[:, [12, 15, 22, 23, 24]].sum(1) > 0.5
    truth = torch.where(is_head[:, None], skin, trousers)  # both hands wear the trousers' colour
    bones = bones_of({}, 0.0)
    view = photo(template, truth, bones, camera)
    found = texture(replace(template, colours=truth), [view], bones[None], SETTINGS)
    used = torch.zeros(len(truth), dtype=torch.bool)
    used[template.faces.flatten()] = True
    hands = found[hand_vertices(template.weights) & used]
    assert float((hands - skin).abs().amax(1).quantile(0.9)) < 0.15


def test_face_comes_from_one_photo(template: SkinnedMesh, bones_of: Bones, camera: Camera) -> None:
    bones = torch.stack([bones_of({}, 0.3), bones_of({}, -0.6)])
    bright, dark = (torch.full_like(template.colours, grey) for grey in (0.6, 0.5))
    views = [photo(template, bright, bones[0], camera), photo(template, dark, bones[1], camera)]
    apart = replace(SETTINGS, max_gain=1.0, shade_rounds=1, seam_rounds=0)
    found = texture(template, views, bones, apart)[:, 0]
    seen = sight(template, views[0], bones[0], SETTINGS).score > 0
    is_head = template.weights[:, [15, 22, 23, 24]].sum(1) > 0.5
    nose = is_head & seen & (template.vertices[:, 2] > template.vertices[is_head, 2].max() - 0.05)
    assert float((found[nose] - 0.6).abs().quantile(0.99)) < 0.01
