import torch
import trimesh

from backend.geometry.grid import Grid
from backend.geometry.open_air import coverage, distance_to, grown, joined_to_corner

GRID = Grid(origin=torch.tensor([-1.0, -1.0, -1.0]), voxel_m=0.1, shape=(21, 21, 21))


def box_without(*directions: tuple[int, int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    mesh = trimesh.creation.box((1.03, 1.03, 1.03))
    normals = torch.tensor(mesh.face_normals).round().int()
    kept = torch.ones(len(normals), dtype=torch.bool)
    for direction in directions:
        kept &= (normals != torch.tensor(direction)).any(dim=1)
    return torch.tensor(mesh.vertices).float(), torch.tensor(mesh.faces)[kept]


def test_coverage_counts_the_closed_sides_of_a_box() -> None:
    assert coverage(*box_without(), GRID)[10, 10, 10] == 6
    assert coverage(*box_without((0, 1, 0)), GRID)[10, 10, 10] == 5
    assert coverage(*box_without((0, 1, 0), (0, -1, 0)), GRID)[10, 10, 10] == 4


def test_coverage_is_nothing_beside_a_box_and_negative_before_its_opening() -> None:
    assert coverage(*box_without(), GRID)[1, 10, 10] == 0
    assert coverage(*box_without((0, 1, 0)), GRID)[10, 18, 10] == 1
    assert coverage(*box_without((0, 1, 0)), GRID)[10, 1, 10] == -1


def test_enclosed_air_is_not_joined_to_the_corner() -> None:
    free = torch.ones(9, 9, 9, dtype=torch.bool)
    free[2:7, 2:7, 2:7] = False
    free[4, 4, 4] = True
    joined = joined_to_corner(free)
    assert not joined[4, 4, 4]
    assert int(joined.sum()) == 9**3 - 5**3


def test_growing_stops_at_what_is_not_allowed() -> None:
    marked = torch.zeros(9, 1, 1, dtype=torch.bool)
    marked[2] = True
    allowed = torch.ones_like(marked)
    allowed[4] = False
    assert grown(marked, allowed, 3).flatten().nonzero().flatten().tolist() == [0, 1, 2, 3]


def test_distances_are_euclidean_up_to_the_limit() -> None:
    marked = torch.rand(12, 13, 14, generator=torch.Generator().manual_seed(2)) > 0.995
    every = torch.ones_like(marked).nonzero().double()
    exact = torch.cdist(every, marked.nonzero().double()).min(dim=1).values.clamp_max(4.5)
    torch.testing.assert_close(distance_to(marked, 4.5).flatten().double(), exact)
