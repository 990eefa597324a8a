"""Words and lines of the panel."""

import time

import pytest

from blender_addon.wording import about, clock, count, day, wrap


def test_lines_are_not_wider_than_the_region() -> None:
    text = "Choose the Python program that the backend is installed in."
    lines = wrap(text, 20, len)
    assert max(map(len, lines)) <= 20
    assert " ".join(lines) == text


def test_a_long_path_is_cut_into_pieces_that_lose_nothing() -> None:
    lines = wrap("There is no /home/somebody/a/long/way/python here", 16, len)
    assert max(map(len, lines)) <= 16
    assert "".join(lines).replace(" ", "") == "Thereisno/home/somebody/a/long/way/pythonhere"


def test_paragraphs_stay_apart() -> None:
    assert wrap("one\ntwo three", 20, len) == ["one", "two three"]


def test_a_width_of_nothing_ends() -> None:
    assert wrap("abc", 0, len) == ["a", "b", "c"]


@pytest.mark.parametrize(("seconds", "words"), [(0, "0:00"), (7.9, "0:07"), (750, "12:30")])
def test_clock(seconds: float, words: str) -> None:
    assert clock(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (3, "almost done"),
        (33, "about 30 s left"),
        (56, "about 1 min left"),
        (310, "about 5 min left"),
    ],
)
def test_estimated_time(seconds: float, words: str) -> None:
    assert about(seconds) == words


def test_day_is_told_as_short_as_it_can_be() -> None:
    now = time.mktime((2026, 3, 4, 12, 0, 0, 0, 0, -1))
    assert day(now - 3600, now) == "11:00"
    assert day(now - 86400, now) == "3 Mar"
    assert day(now - 365 * 86400, now) == "4 Mar 2025"


def test_one_photo_is_no_plural() -> None:
    assert [count(1, "photo"), count(4, "photo")] == ["1 photo", "4 photos"]
