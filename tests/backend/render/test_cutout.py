import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from backend.geometry.normals import vertex_normals
from backend.render.cutout import Seen, TexturedFaces, see
from backend.types import Camera

CAMERA = Camera(
    intrinsics=torch.tensor([[64.0, 0, 32], [0, 64, 32], [0, 0, 1]]), width=64, height=64
)
QUAD = torch.tensor([[0, 1, 2], [0, 2, 3]])
QUAD_UV = torch.tensor([[0.0, 1], [1, 1], [1, 0], [0, 0]])[QUAD]
HOLE = torch.full((4, 4, 4), 255, dtype=torch.uint8)
HOLE[1:3, 1:3] = torch.tensor([255, 0, 255, 0], dtype=torch.uint8)
"""A card whose middle is cut out."""
PLAIN = torch.tensor([[[40, 80, 120, 255]]], dtype=torch.uint8)


def card(depth_m: float) -> Tensor:
    """Fills the picture's middle half at its depth; clockwise seen from the camera: its back."""
    side = depth_m / 4
    corners = [[-side, -side], [side, -side], [side, side], [-side, side]]
    return torch.tensor([[*corner, depth_m] for corner in corners])


def textured(*pictures: Tensor, cut: bool = True) -> TexturedFaces:
    """One quad for each picture; of the smaller levels only room is there."""
    count = len(pictures)
    sizes = [len(picture) for picture in pictures]
    texels = [
        torch.cat([picture.flatten(0, 1), picture.new_full((9, 4), 255)]) for picture in pictures
    ]
    starts = torch.tensor([0, *[len(level) for level in texels]]).cumsum(0)
    return TexturedFaces(
        faces=torch.cat([QUAD + 4 * number for number in range(count)]),
        corner_uv=QUAD_UV.repeat(count, 1, 1),
        part=torch.arange(count).repeat_interleave(2),
        texels=torch.cat(texels),
        first_texel=starts[:-1],
        texture_size=torch.tensor([[side, side] for side in sizes]),
        is_cut=torch.tensor([cut] * count),
    )


def seen(mesh: TexturedFaces, vertices: Float[Tensor, "V 3"], device: str = "cpu") -> Seen:
    moved = TexturedFaces(
        **{name: getattr(mesh, name).to(device) for name in TexturedFaces.__slots__}
    )
    points = vertices.to(device)
    return see(moved, points, vertex_normals(points, moved.faces), CAMERA)


def two_cards(device: str = "cpu") -> Seen:
    """A card with a hole before a plain one."""
    return seen(textured(HOLE, PLAIN), torch.cat([card(2.0), card(3.0)]), device)


def test_a_hole_shows_what_lies_behind_it_in_every_channel() -> None:
    result = two_cards()
    through, on_card = (0, 32, 32), (0, 18, 32)
    assert result.depth[through] == pytest.approx(3.0)
    assert result.face[through] in (2, 3)
    assert (result.texel[through] * 255).tolist() == pytest.approx([40, 80, 120], abs=0.01)
    assert result.depth[on_card] == pytest.approx(2.0)
    assert result.texel[on_card].tolist() == [1, 1, 1]


def test_a_hole_in_the_farthest_card_shows_the_one_before_it() -> None:
    result = seen(textured(HOLE, PLAIN), torch.cat([card(3.0), card(2.0)]))
    assert result.depth[1, 32, 32] == pytest.approx(2.0)
    assert result.depth[1, 18, 32] == pytest.approx(3.0)


def test_a_hole_before_nothing_is_empty() -> None:
    result = seen(textured(HOLE), card(2.0))
    assert (result.face[:, 32, 32] == -1).all()
    assert (result.depth[:, 32, 32] == 0).all()
    assert (result.normal[:, 32, 32] == 0).all()


def test_a_part_that_is_not_cut_hides_what_lies_behind_it() -> None:
    result = seen(textured(HOLE, PLAIN, cut=False), torch.cat([card(2.0), card(3.0)]))
    assert result.depth[0, 32, 32] == pytest.approx(2.0)


def test_half_of_the_texels_between_a_hole_and_its_card_are_there() -> None:
    is_there = seen(textured(HOLE), card(2.0)).face[0] >= 0
    # 32 pixels wide, 8 a texel: the hole's edge lies at its texels' border, corners are rounded.
    assert 32 * 32 - 16 * 16 <= int(is_there.sum()) <= 32 * 32 - 15 * 15


def test_textures_are_seen_in_perspective() -> None:
    """On a floor that runs away from the camera v is linear in space, not in the picture."""
    floor = torch.tensor([[-4.0, 1, 2], [4, 1, 2], [4, 1, 10], [-4, 1, 10]])
    ramp = (30 * torch.arange(8)).to(torch.uint8)
    picture = ramp[:, None, None].expand(8, 8, 4)
    result = seen(textured(picture, cut=False), floor)
    row = 50
    depth = 64 / (row + 0.5 - 32)
    assert result.depth[0, row, 32] == pytest.approx(depth, rel=1e-5)
    texel = (depth - 2) / 8 * 8 - 0.5
    assert result.texel[0, row, 32, 0] * 255 == pytest.approx(30 * texel, abs=0.1)


def test_a_texture_with_more_texels_than_pixels_is_read_from_a_coarser_level() -> None:
    fine = torch.zeros(16, 16, 4, dtype=torch.uint8)
    levels = [torch.full((count, 4), 100 + count, dtype=torch.uint8) for count in (64, 16, 4, 1)]
    mesh = textured(fine, cut=False)
    mesh = TexturedFaces(
        **{name: getattr(mesh, name) for name in TexturedFaces.__slots__ if name != "texels"},
        texels=torch.cat([fine.flatten(0, 1), *levels]),
    )
    far = card(2.0) * torch.tensor([0.125, 0.125, 1])  # 4 x 4 pixels: 4 texels a side each
    assert (seen(mesh, far).texel[0, 32, 32] * 255).tolist() == pytest.approx([116] * 3, abs=0.1)


def test_a_sphere_has_its_front_and_back_at_the_depths_of_both_crossings(
    sphere: tuple[Tensor, Tensor],
) -> None:
    vertices, faces = sphere
    result = seen(plain(faces), vertices + torch.tensor([0.0, 0, 4]))
    ray = torch.tensor([0.5 / 64, 0.5 / 64, 1])
    along = ray.square().sum()
    root = (16 - along * 15).sqrt()
    assert result.depth[0, 32, 32] == pytest.approx(float((4 - root) / along), abs=2e-3)
    assert result.depth[1, 32, 32] == pytest.approx(float((4 + root) / along), abs=2e-3)


def test_normals_of_a_sphere_point_outwards_on_both_sides(sphere: tuple[Tensor, Tensor]) -> None:
    vertices, faces = sphere
    result = seen(plain(faces), vertices + torch.tensor([0.0, 0, 4]))
    is_seen = result.face >= 0
    row, column = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    rays = torch.stack([(column - 31.5) / 64, (row - 31.5) / 64, torch.ones(64, 64)], -1)
    expected = rays * result.depth[..., None] - torch.tensor([0.0, 0, 4])
    assert (expected - result.normal)[is_seen].norm(dim=-1).max() < 0.03


@pytest.mark.parametrize("order", [[0, 1, 2], [0, 2, 1]])
def test_normals_of_a_sheet_face_the_camera_in_front_and_away_from_it_behind(
    order: list[int],
) -> None:
    mesh = plain(QUAD[:, order])
    normal = seen(mesh, card(2.0)).normal[:, 32, 32]
    assert normal.tolist() == [[0, 0, -1], [0, 0, 1]]


def plain(faces: Tensor) -> TexturedFaces:
    """Faces of one part in one colour."""
    mesh = textured(PLAIN, cut=False)
    return TexturedFaces(
        faces=faces,
        corner_uv=torch.zeros(len(faces), 3, 2),
        part=torch.zeros(len(faces), dtype=torch.long),
        texels=mesh.texels,
        first_texel=mesh.first_texel,
        texture_size=mesh.texture_size,
        is_cut=mesh.is_cut,
    )


def test_a_mesh_without_faces_is_not_seen() -> None:
    assert (seen(plain(torch.zeros(0, 3, dtype=torch.long)), torch.zeros(0, 3)).face == -1).all()


@pytest.mark.gpu
def test_cuda_sees_what_the_cpu_sees() -> None:
    one, other = two_cards(), two_cards("cuda")
    for name in Seen.__slots__:
        torch.testing.assert_close(getattr(other, name).cpu(), getattr(one, name))
