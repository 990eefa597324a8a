from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from backend.body.anny55 import Anny55, load_anny55
from backend.body.kinematics import matrix_from_axis_angle
from backend.synthesis.lights import Light, constant_light
from backend.synthesis.people import PARTS, Person
from backend.synthesis.random_people import random_person
from backend.synthesis.renders import (
    Rendering,
    posed_vertices,
    random_camera,
    random_light,
    render,
)

MAKEHUMAN = Path(__file__).resolve().parents[4] / "shared" / "data" / "makehuman"


@cache
def body() -> Anny55:
    return load_anny55()


@cache
def person() -> Person:
    return random_person(body(), 0, None)


def random_rotations(seed: int) -> Float[Tensor, "55 3 3"]:
    vectors = 0.15 * torch.randn(55, 3, generator=torch.Generator().manual_seed(seed))
    vectors[0] = 0
    return matrix_from_axis_angle(vectors)


def rendered(
    dressed: Person,
    seed: int = 0,
    *,
    size: int = 96,
    light: Light | None = None,
    background: Tensor | None = None,
) -> Rendering:
    rotations = random_rotations(seed)
    points = posed_vertices(dressed, rotations)
    matrix, camera = random_camera(seed, points, size_px=(size, size))
    shone = light or random_light(seed)
    return render(dressed, rotations, matrix, camera, shone, background=background)


@cache
def picture() -> Rendering:
    return rendered(person())


def test_weights_of_seen_pixels_sum_to_one() -> None:
    weights = picture().weights
    assert weights.shape == (2, int(picture().is_seen.sum()), 55)
    torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:2]))


def test_all_channels_tell_of_the_same_pixels() -> None:
    truth = picture()
    is_seen = truth.is_seen
    assert 500 < int(is_seen.sum()) < 96 * 96 / 2
    for channel in (truth.depth > 0, truth.parts >= 0, truth.normals.norm(dim=-1) > 0.99):
        assert channel.equal(is_seen.expand(2, -1, -1))
    assert (truth.albedo.amax(-1) > 0).equal(is_seen.expand(2, -1, -1))


def test_the_nearest_surface_is_not_behind_the_farthest() -> None:
    depth = picture().depth
    assert (depth[0] <= depth[1]).all()
    assert (depth[1] - depth[0]).max() > 0.1


def test_the_mask_is_the_share_of_each_pixel() -> None:
    truth = picture()
    assert set(truth.mask.unique().tolist()) == {0, 0.25, 0.5, 0.75, 1}
    assert ((truth.mask >= 0.5) != truth.is_seen).float().mean() < 0.02
    assert (truth.image[truth.mask == 0] == 0).all()


def test_parts_are_those_worn_and_have_their_colours() -> None:
    truth = picture()
    worn = {PARTS.index(part.part) for part in person().parts}
    assert set(truth.parts.unique().tolist()) - {-1} <= worn
    tops = [part.colour for part in person().parts if part.part == "top"]
    shown = truth.albedo[truth.parts == PARTS.index("top")].unique(dim=0)
    torch.testing.assert_close(shown, torch.tensor(tops))


def test_the_back_of_a_person_is_the_front_seen_from_behind() -> None:
    """Their depths differ by the person's thickness; normals point apart."""
    truth = picture()
    cosine = (truth.normals[0] * truth.normals[1]).sum(-1)[truth.is_seen]
    assert cosine.mean() < -0.3


def test_constant_light_shows_the_albedo() -> None:
    truth = rendered(person(), light=constant_light())
    whole = truth.mask == 1
    error = (truth.image - truth.albedo[0]).abs().amax(-1)[whole]
    assert error.median() < 1e-5  # at edges within a pixel the image mixes several colours


def test_twice_the_light_is_twice_as_bright() -> None:
    half = rendered(person(), light=constant_light((0.5, 0.5, 0.5)))
    whole = (half.mask == 1) & half.is_seen
    expected = 0.5 * ((half.albedo[0][whole] + 0.055) / 1.055) ** 2.4
    found = ((half.image[whole] + 0.055) / 1.055) ** 2.4
    assert (found - expected).abs().amax(-1).median() < 1e-4


@pytest.mark.parametrize("shape", [(3,), (96, 1, 3), (96, 96, 3)])
def test_a_background_stands_around_the_person(shape: tuple[int, ...]) -> None:
    background = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    truth = rendered(person(), background=background)
    outside = truth.mask == 0
    expected = background.expand(96, 96, 3)[outside]
    torch.testing.assert_close(truth.image[outside], expected)
    torch.testing.assert_close(truth.depth, picture().depth)


def test_same_seed_same_picture() -> None:
    again = rendered(random_person(body(), 0, None))
    for name in Rendering.__slots__:
        assert getattr(again, name).equal(getattr(picture(), name))


def test_a_turned_camera_sees_a_turned_person() -> None:
    """Turning the camera with the person changes nothing but the light."""
    rotations = random_rotations(1)
    matrix, camera = random_camera(1, posed_vertices(person(), rotations), size_px=(64, 64))
    turn = torch.eye(4)
    turn[:3, :3] = matrix_from_axis_angle(torch.tensor([0.0, 0.8, 0.0]))
    pelvis = person().bind.joints[0]
    turn[:3, 3] = pelvis - turn[:3, :3] @ pelvis
    turned = rotations.clone()
    turned[0] = turn[:3, :3]
    light = constant_light()
    one = render(person(), rotations, matrix, camera, light)
    other = render(person(), turned, matrix @ turn.inverse(), camera, light)
    assert (one.parts != other.parts).float().mean() < 0.01
    assert (one.depth - other.depth).abs().median() < 1e-4


def test_a_texture_cuts_its_part_out_of_every_channel(tmp_path: Path) -> None:
    """A shirt whose texture is transparent everywhere but in a strip that it does not use."""
    picture_file = tmp_path / "lace.png"
    lace = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    lace.paste((255, 0, 0, 255), (4, 0, 8, 8))
    lace.save(picture_file)
    parts = tuple(
        replace(part, texture=picture_file, corner_uv=part.corner_uv * 0 + 0.25)
        if part.part == "top"
        else part
        for part in person().parts
    )
    truth = rendered(replace(person(), parts=parts))
    assert not (truth.parts == PARTS.index("top")).any()
    assert (truth.albedo.amax(-1) > 0).equal(truth.depth > 0)


@pytest.mark.gpu
def test_cuda_draws_what_the_cpu_draws() -> None:
    moved = on_cuda(person())
    rotations = random_rotations(0).cuda()
    matrix, camera = random_camera(0, posed_vertices(moved, rotations).cpu(), size_px=(96, 96))
    other = render(moved, rotations, matrix.cuda(), camera, random_light(0))
    assert ((other.image.cpu() - picture().image).abs().amax(-1) > 0.02).float().mean() < 0.01
    assert (other.parts.cpu() != picture().parts).float().mean() < 0.01


def on_cuda(dressed: Person) -> Person:
    bind = replace(
        dressed.bind, vertices=dressed.bind.vertices.cuda(), joints=dressed.bind.joints.cuda()
    )
    fields = ("vertices", "faces", "weights", "corner_uv")
    parts = tuple(
        replace(part, **{name: getattr(part, name).cuda() for name in fields})
        for part in dressed.parts
    )
    return replace(dressed, bind=bind, parts=parts)


@pytest.mark.data
@pytest.mark.parametrize("seed", range(6))
def test_people_in_makehuman_garments_are_drawn_with_all_they_wear(seed: int) -> None:
    dressed = random_person(body(), seed, MAKEHUMAN)
    truth = rendered(dressed, seed, size=256)
    seen = {PARTS[label] for label in truth.parts.unique().tolist() if label >= 0}
    assert {"skin", "hair", "shoes"} <= seen
    assert (truth.depth[0] <= truth.depth[1]).all()
    torch.testing.assert_close(truth.weights.sum(-1), torch.ones(truth.weights.shape[:2]))


@pytest.mark.data
def test_hair_is_cut_along_its_texture() -> None:
    """Uncut cards would cover more of the picture."""
    dressed = random_person(body(), 10, MAKEHUMAN)
    parts = tuple(
        replace(part, texture=None) if part.part == "hair" else part for part in dressed.parts
    )
    hair = PARTS.index("hair")
    cut = (rendered(dressed, 10, size=256).parts[0] == hair).sum()
    uncut = (rendered(replace(dressed, parts=parts), 10, size=256).parts[0] == hair).sum()
    assert 0 < int(cut) < int(uncut)
