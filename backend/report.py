"""How a stage tells its progress."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Report = Callable[[str, float], None]
"""`report(stage, fraction)`: progress of the stage, 0 to 1; raises `Cancelled` on request."""
Item = TypeVar("Item")


def part_of(report: Report, start: float, end: float) -> Report:
    """Return what a part of a stage reports to: its 0 to 1 is from `start` to `end` of the whole.

    Args:
        report: Of the stage.
        start: Fraction of the stage, 0 to 1.
        end: Fraction of the stage, 0 to 1.
    """

    def report_part(stage: str, fraction: float) -> None:
        report(stage, start + (end - start) * fraction)

    return report_part


def reported(items: Sequence[Item], stage: str, report: Report) -> Iterator[Item]:
    """Give the items one by one; reports the share of them that is done before each."""
    for done, item in enumerate(items):
        report(stage, done / len(items))
        yield item
