import pytest

from backend.report import part_of, reported


def test_parts_of_parts_report_fractions_of_the_whole() -> None:
    told: list[float] = []
    half = part_of(lambda _stage, fraction: told.append(fraction), 0.5, 1.0)
    last_quarter = part_of(half, 0.5, 1.0)
    half("fuse", 0.0)
    last_quarter("fuse", 0.0)
    last_quarter("fuse", 1.0)
    assert told == pytest.approx([0.5, 0.75, 1.0])


def test_items_report_before_each() -> None:
    told: list[tuple[str, float]] = []
    report = lambda stage, fraction: told.append((stage, fraction))  # noqa: E731
    assert list(reported("ab", "fuse", report)) == ["a", "b"]
    assert told == [("fuse", 0.0), ("fuse", 0.5)]
