"""Vertex colours that reproduce an image."""

import torch

from backend.geometry.colour_sampling import fit_vertex_colours

CORNERS = torch.tensor([[0, 1, 2], [1, 3, 2]])


def pixels_of_two_faces(count: int = 400) -> tuple[torch.Tensor, torch.Tensor]:
    """Faces' corners and random barycentric coordinates."""
    generator = torch.Generator().manual_seed(0)
    shares = torch.rand(count, 3, generator=generator)
    return CORNERS[torch.arange(count) % 2], shares / shares.sum(1, keepdim=True)


def test_colours_that_the_mesh_can_hold_are_recovered() -> None:
    truth = torch.rand(5, 3, generator=torch.Generator().manual_seed(1))
    corners, shares = pixels_of_two_faces()
    pixels = (shares[..., None] * truth[corners]).sum(1)
    start = torch.full((5, 3), 0.5)
    found = fit_vertex_colours(
        corners, shares, pixels, start, pull=torch.full((5,), 1e-4), rounds=30
    )
    torch.testing.assert_close(found[:4], truth[:4], atol=1e-3, rtol=0)
    assert torch.equal(found[4], start[4])


def test_result_is_the_least_squares_solution() -> None:
    corners, shares = pixels_of_two_faces()
    pixels = torch.rand(400, 3, generator=torch.Generator().manual_seed(2))
    start, pull = torch.full((5, 3), 0.3), torch.tensor([0.5, 1, 2, 4, 8])
    found = fit_vertex_colours(corners, shares, pixels, start, pull=pull, rounds=30)
    rows = torch.zeros(400, 5).scatter(1, corners, shares)
    system = rows.T @ rows + torch.diag(pull)
    expected = torch.linalg.solve(system, rows.T @ pixels + pull[:, None] * start)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_no_pixels_leave_the_first_guess() -> None:
    start = torch.rand(5, 3)
    none = torch.zeros(0, 3)
    found = fit_vertex_colours(none.long(), none, none, start, pull=torch.ones(5), rounds=5)
    assert torch.equal(found, start)
