from pathlib import Path

import pytest
import torch

from backend.synthesis.garments import (
    Garment,
    fit_garment,
    garment_weights,
    read_garment,
    visible_faces,
)
from shared.errors import BadFile

ASSETS = Path(__file__).resolve().parents[4] / "shared" / "data" / "makehuman"
FILES = sorted(ASSETS.rglob("*.mhclo"))
OBJ = "v 0 0 0\nv 9 0 0\nv 9 9 0\nv 0 9 0\nvt 0 0\nvt 1 0\nvt 1 1\nf 1/1 2/2 3/3 4/1\n"
HEADER = "name My coat\nobj_file coat.obj\nx_scale 0 1 2.0\nz_scale 0 3 0.5\nz_depth 7\n"
VERTS = "0 1 2 0.5 0.25 0.25 1 2 3\n2\n1\n 0 1 3 2.0 -0.5 -0.5 0 0 0\n"
BODY = torch.tensor([[0.0, 0.0, 0.0], [0.4, 0.0, 0.0], [0.0, 0.8, 0.0], [0.0, 0.0, -0.1]])


def coat(folder: Path, clothes: str) -> Garment:
    (folder / "coat.obj").write_text(OBJ)
    (folder / "coat.mhclo").write_text(clothes)
    return read_garment(folder / "coat.mhclo")


@pytest.fixture
def garment(tmp_path: Path) -> Garment:
    return coat(tmp_path, HEADER + "verts 0\n" + VERTS + "\ndelete_verts\n1 - 3 7\n9 - 10\n")


def test_offsets_grow_with_the_body_along_each_axis(garment: Garment) -> None:
    # 0.4 m for 2 units in x, none given for y (decimetres), 0.1 m for 0.5 units in z
    mean = 0.5 * BODY[0] + 0.25 * BODY[1] + 0.25 * BODY[2]
    expected = mean + torch.tensor([0.2 * 1, 0.1 * 2, 0.2 * 3])
    torch.testing.assert_close(fit_garment(garment, BODY)[0], expected)


def test_a_single_index_copies_a_body_vertex(garment: Garment) -> None:
    assert fit_garment(garment, BODY)[1:3].equal(BODY[[2, 1]])


def test_garment_follows_the_shift_of_its_body(garment: Garment) -> None:
    shift = torch.tensor([1.0, -2.0, 3.0])
    moved = fit_garment(garment, BODY + shift)
    torch.testing.assert_close(moved, fit_garment(garment, BODY) + shift)


def test_quads_become_two_triangles_with_their_texture_corners(garment: Garment) -> None:
    assert garment.faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert garment.corner_uv[1].tolist() == [[0, 0], [1, 1], [0, 0]]


def test_ranges_of_hidden_vertices_are_expanded(garment: Garment) -> None:
    assert garment.hidden_ids.tolist() == [1, 2, 3, 7, 9, 10]


@pytest.mark.parametrize("start", ["verts 0\n", "verts\n"])
def test_header_lines_may_stand_after_verts(tmp_path: Path, garment: Garment, start: str) -> None:
    first, *others = HEADER.splitlines(keepends=True)
    read = coat(tmp_path, first + start + "".join(others) + VERTS)
    assert read.layer == garment.layer == 7
    torch.testing.assert_close(fit_garment(read, BODY), fit_garment(garment, BODY))


def test_weights_are_those_of_the_carriers_without_negative_ones(garment: Garment) -> None:
    weights = garment_weights(garment, torch.eye(4))
    torch.testing.assert_close(weights[0], torch.tensor([0.5, 0.25, 0.25, 0.0]))
    torch.testing.assert_close(weights[3], torch.tensor([1.0, 0.0, 0.0, 0.0]))


def test_faces_that_touch_a_hidden_vertex_are_left_out() -> None:
    faces = torch.tensor([[0, 1, 2], [1, 2, 3], [2, 3, 4]])
    assert visible_faces(faces, torch.tensor([1]), 5).tolist() == [[2, 3, 4]]


@pytest.mark.parametrize(
    "clothes", ["", HEADER, "verts 0\n1\n2\n3\n4\n", "\0\1", HEADER + "verts\n1\n"]
)
def test_a_file_that_is_no_garment_is_refused(tmp_path: Path, clothes: str) -> None:
    with pytest.raises(BadFile, match="MakeHuman"):
        coat(tmp_path, clothes)


def test_texture_and_tint_come_from_the_material(tmp_path: Path) -> None:
    (tmp_path / "red.mhmat").write_text("diffuseColor 1 0.5 0\ndiffuseTexture cloth red.png\n")
    red = coat(tmp_path, HEADER + "verts 0\nmaterial red.mhmat\n" + VERTS)
    assert red.texture == tmp_path / "cloth red.png"
    assert red.colour == (1.0, 0.5, 0.0)


@pytest.mark.data
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_asset_binds_within_the_base_mesh(path: Path) -> None:
    garment = read_garment(path)
    assert garment.base_ids.min() >= 0
    assert garment.base_ids.max() < 19158
    assert garment.faces.max() < len(garment.base_ids)
    assert garment.texture is None or garment.texture.is_file()
    assert (garment.base_weights.sum(dim=1) - 1).abs().max() < 0.01
