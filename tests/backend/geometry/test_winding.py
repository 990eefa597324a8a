import pytest
import torch
import trimesh

from backend.geometry.grid import Grid, sample_positions
from backend.geometry.winding import winding_numbers

GRID = Grid(origin=torch.tensor([-1.0, -1.0, -1.0]), voxel_m=0.1, shape=(21, 21, 21))


def box(size: float, *centre: float) -> tuple[torch.Tensor, torch.Tensor]:
    mesh = trimesh.creation.box((size, size, size))
    shift = torch.tensor(centre if centre else (0.0, 0.0, 0.0))
    return torch.tensor(mesh.vertices).float() + shift, torch.tensor(mesh.faces)


def within(size: float, *centre: float) -> torch.Tensor:
    points = sample_positions(GRID, torch.arange(GRID.size))
    shift = torch.tensor(centre if centre else (0.0, 0.0, 0.0))
    return ((points - shift).abs().amax(dim=1) < size / 2).view(GRID.shape)


@pytest.mark.parametrize("size", [0.45, 0.97])
def test_one_box_has_winding_number_one(size: float) -> None:
    assert winding_numbers(*box(size), GRID).equal(within(size).to(torch.int16))


def test_overlaps_count_twice() -> None:
    first, second = box(0.65), box(0.65, 0.33, 0.21, 0.11)
    vertices = torch.cat([first[0], second[0]])
    faces = torch.cat([first[1], second[1] + 8])
    expected = within(0.65).int() + within(0.65, 0.33, 0.21, 0.11).int()
    assert winding_numbers(vertices, faces, GRID).equal(expected.to(torch.int16))


def test_faces_turned_inwards_count_negative() -> None:
    vertices, faces = box(0.65)
    assert winding_numbers(vertices, faces.flip(1), GRID).equal(-within(0.65).to(torch.int16))


def test_a_surface_that_reaches_below_the_grid_counts() -> None:
    expected = within(1.31, 0, 0, -1.1)
    assert winding_numbers(*box(1.31, 0, 0, -1.1), GRID).equal(expected.to(torch.int16))


def test_corners_on_samples_leave_no_open_column() -> None:
    number = winding_numbers(*box(1.0), GRID)
    assert set(number.unique().tolist()) == {0, 1}
    assert (number[..., 0] == 0).all()
    assert (number[..., -1] == 0).all()
