import numpy as np

from backend.geometry.pixel_graph import pixel_graph
from backend.geometry.scene import BodySamples
from backend.geometry.skin_transfer import (
    belongs_to_head,
    blend_weights,
    grid_distance,
    nearest_weights,
)


def test_a_nearer_point_that_faces_away_lends_no_weight() -> None:
    grid = np.stack(np.meshgrid(np.linspace(-0.1, 0.1, 9), np.linspace(-0.1, 0.1, 9)), -1)
    flat = np.concatenate([grid.reshape(-1, 2), np.zeros((81, 1))], 1)
    down = np.array([0, 0, -1.0])
    palm, hip = flat - 0.01 * down, flat + 0.02 * down
    up = np.tile([0.0, 0, 1], (81, 1))
    samples = BodySamples(
        points=np.concatenate([palm, hip]),
        normals=np.concatenate([-up, up]),
        weights=np.repeat(np.eye(2), 81, axis=0),
        part=np.zeros(162, dtype=np.int64),
        eyes=np.zeros(3),
    )
    weights, away = nearest_weights(samples, np.zeros((1, 3)), up[:1], count=8, normal_scale_m=0.05)
    assert np.allclose(weights, [[0, 1]])
    assert np.allclose(away, 0.02)


def test_ways_stay_inside_the_mask() -> None:
    mask = np.ones((5, 3), dtype=bool)
    mask[2, :2] = False
    graph = pixel_graph(mask)
    start = np.full(graph.size, np.inf)
    start[0] = 0
    length = np.zeros(mask.shape)
    length[mask] = grid_distance(graph, start, 50.0)
    assert np.isclose(length[4, 0], 4 * np.sqrt(2))


def test_the_hat_belongs_to_the_head_although_a_hand_touches_it() -> None:
    graph = pixel_graph(np.ones((10, 6), dtype=bool))  # the hat; the head is below it
    start, handicap = np.full((10, 6), np.inf), np.full((10, 6), np.inf)
    start[9], handicap[0, 5] = 0, 12
    assert belongs_to_head(graph, start.ravel(), handicap.ravel(), 40.0).all()
    handicap[0, 5] = 0
    assert not belongs_to_head(graph, start.ravel(), handicap.ravel(), 40.0)[5]


def test_loose_cloth_passes_smoothly_from_leg_to_leg() -> None:
    graph = pixel_graph(np.ones((6, 30), dtype=bool))
    column = np.tile(np.arange(30), 6)
    weights = np.where((column < 15)[:, None], [1.0, 0], [0, 1.0])
    loose = (column > 4) & (column < 25)
    links = np.ones(len(graph.first))
    blended = blend_weights(graph, links, weights, np.where(loose, 0, np.inf)).reshape(6, 30, 2)
    assert np.allclose(blended.sum(-1), 1)
    assert np.abs(np.diff(blended[3, :, 0])).max() < 1.5 / 21
