import numpy as np

from backend.geometry.pixel_graph import outline_links, pixel_graph, solve_field, subgraph


def strip(half_width: float) -> np.ndarray:
    """Share of a strip |x| < half_width in pixels whose centres lie at whole numbers."""
    reach = np.abs(np.arange(-20, 21))
    return np.clip(half_width - reach + 0.5, 0, 1)[None].repeat(30, 0)


def test_a_strip_gets_a_circular_section() -> None:
    level = strip(12.3)
    graph = pixel_graph(level > 0.5)
    tied = outline_links(level, np.zeros(level.shape, dtype=bool))
    source = np.full((graph.size, 1), 2.0)
    squared = solve_field(
        graph, np.ones(len(graph.first)), tied, np.zeros_like(source), source=source
    )
    section = np.zeros(level.shape)
    section[graph.mask] = squared[:, 0]
    inside = np.abs(np.arange(-20, 21)) < 12
    expected = 12.3**2 - np.arange(-20, 21)[inside] ** 2
    # The ends of the strip are the image's border, which ties nothing.
    assert np.abs(section[15, inside] - expected).max() < 0.02 * 12.3**2


def test_known_pixels_keep_their_values_and_others_lie_between() -> None:
    graph = pixel_graph(np.ones((1, 5), dtype=bool))
    pull = np.array([np.inf, 0, 0, 0, np.inf])
    values = np.array([[1.0], [9], [9], [9], [5]])
    field = solve_field(graph, np.ones(4), pull, values)
    assert np.allclose(field[:, 0], [1, 2, 3, 4, 5])


def test_a_field_without_anchors_is_finite() -> None:
    graph = pixel_graph(np.ones((4, 4), dtype=bool))
    field = solve_field(graph, np.ones(24), np.zeros(16), np.ones((16, 2)))
    assert np.isfinite(field).all()


def test_a_subgraph_keeps_the_order_of_links() -> None:
    mask = np.random.default_rng(0).random((12, 9)) > 0.3
    graph = pixel_graph(mask)
    kept = np.random.default_rng(1).random(graph.size) > 0.3
    part, links = subgraph(graph, kept)
    numbers = np.cumsum(kept) - 1
    assert np.array_equal(part.first, numbers[graph.first[links]])
    assert np.array_equal(part.second, numbers[graph.second[links]])


def test_smoothing_does_not_pass_a_cut_link() -> None:
    graph = pixel_graph(np.ones((1, 4), dtype=bool))
    steps = np.array([[0.0], [0.1], [0.9], [1]])
    field = solve_field(graph, np.array([1.0, 0, 1]), np.full(4, 1e-3), steps)
    assert np.allclose(field[:, 0], [0.05, 0.05, 0.95, 0.95], atol=1e-3)
