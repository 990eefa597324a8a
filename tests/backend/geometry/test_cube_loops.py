import torch

from backend.geometry.cube_loops import AXIS_BIT, FACE_EDGES, FACES, cube_loops, edge_start

EVERY_SIGN = 1.0 - 2.0 * (torch.arange(256)[:, None] >> torch.arange(8) & 1)


def ends(edge: int) -> set[int]:
    return {edge_start(edge), edge_start(edge) + AXIS_BIT[edge // 4]}


def test_edges_of_faces_join_their_corners() -> None:
    for corners, edges in zip(FACES, FACE_EDGES, strict=True):
        for k in range(4):
            assert ends(edges[k]) == {corners[k], corners[(k + 1) % 4]}


def test_exactly_the_edges_with_both_signs_are_crossed() -> None:
    onwards = cube_loops(EVERY_SIGN).onwards
    for edge in range(12):
        one, other = ends(edge)
        differs = EVERY_SIGN[:, one] != EVERY_SIGN[:, other]
        assert torch.equal(onwards[:, edge] != edge, differs)


def test_edges_are_passed_once_in_all_cases() -> None:
    onwards = cube_loops(EVERY_SIGN * torch.rand(256, 8, generator=torch.Generator())).onwards
    assert torch.equal(onwards.sort(1).values, torch.arange(12).expand(256, 12))


def test_the_saddle_of_a_face_tells_which_corners_are_joined() -> None:
    values = torch.ones(2, 8)
    first, _, third, _ = FACES[0]
    values[0, [first, third]] = -0.5  # the saddle is outside: two loops of three edges
    values[1, [first, third]] = -2.0
    loops = cube_loops(values)
    assert [len(set(row.tolist())) - 6 for row in loops.loop] == [2, 1]
    assert loops.comes_twice.any(1).tolist() == [False, True]
