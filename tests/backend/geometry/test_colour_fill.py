import numpy as np

from backend.geometry.body_parts import Part
from backend.geometry.colour_fill import (
    grow_colours,
    links_around_limbs,
    median_colour,
    pull_inwards,
)
from backend.geometry.inflate import depth_inside
from backend.geometry.pixel_graph import pixel_graph

RED, GREEN, BLUE = np.eye(3)


def test_no_background_colour_is_left_inside_the_outline() -> None:
    mask = np.zeros((40, 40), dtype=bool)
    mask[8:30, 10:30] = True
    mask[30:38, 20:22] = True  # thinner than twice the inset
    colour = np.where(mask[..., None], RED, GREEN)
    edge = mask & (depth_inside(mask) < 1.5)
    edge[30:38] = False
    mixed = np.where(edge[..., None], (RED + GREEN) / 2, colour)
    clean = pull_inwards(mixed, depth_inside(mask), 2.0)
    assert np.allclose(clean[mask], RED)


def test_each_part_grows_from_its_own_rim() -> None:
    graph = pixel_graph(np.ones((10, 20), dtype=bool))
    part = np.tile(np.arange(20) // 10, 10)
    known = np.zeros((10, 20))
    known[0] = np.inf
    colours = np.where((part == 0)[:, None], RED, BLUE)
    links = links_around_limbs(graph, part, leak=1e-4, along=1.0)
    grown = grow_colours(graph, links, known.ravel(), colours)
    assert np.abs(grown - colours).max() < 0.01


def test_a_part_without_rim_takes_its_neighbours_colour() -> None:
    graph = pixel_graph(np.ones((10, 20), dtype=bool))
    part = np.tile(np.arange(20) // 10, 10)
    known = np.where(np.tile(np.arange(20), 10) == 0, np.inf, 0)
    links = links_around_limbs(graph, part, leak=1e-4, along=1.0)
    grown = grow_colours(graph, links, known, np.tile(RED, (200, 1)))
    assert np.allclose(grown, RED, atol=1e-3)


def test_too_few_pixels_have_no_median_colour() -> None:
    assert median_colour(np.ones((4, 4, 3)), np.eye(4, dtype=bool), 5) is None


def test_a_belt_goes_around_the_limb() -> None:
    graph = pixel_graph(np.ones((60, 20), dtype=bool))
    row, column = np.divmod(np.arange(1200), 20)
    colours = np.where((np.abs(row - 30) < 4)[:, None], RED, BLUE)
    known = np.where((column == 0) | (column == 19), np.inf, 0)
    middle = (30 * 20 + 10, 10 * 20 + 10)
    links = [
        links_around_limbs(graph, np.zeros(1200, dtype=np.int64), leak=1e-4, along=along)
        for along in (0.05, 1.0)
    ]
    clear, blurred = (grow_colours(graph, one, known, colours)[middle, 0] for one in links)
    assert clear[0] - clear[1] > 0.8
    assert blurred[0] < 0.6


def test_trousers_at_the_legs_outlines_meet_over_the_seat() -> None:
    graph = pixel_graph(np.ones((40, 40), dtype=bool))
    row, column = np.divmod(np.arange(1600), 40)
    is_seat = (np.abs(column - 20) < 10) & (row < 35)  # the torso reaches down between the legs
    leg = np.where(column < 20, int(Part.LEFT_LEG), int(Part.RIGHT_LEG))
    part = np.where((row < 12) | is_seat, int(Part.TORSO), leg)
    colours = np.where((row < 12)[:, None], RED, BLUE)
    known = np.where((column == 0) | (column == 39), np.inf, 0)
    links = links_around_limbs(graph, part, leak=1e-4, along=0.05)
    seat = grow_colours(graph, links, known, colours)[25 * 40 + 20]
    assert seat[2] > 0.9
