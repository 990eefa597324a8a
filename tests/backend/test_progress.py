import pytest

from backend.progress import SHARES, Stopwatch, overall
from shared.errors import Cancelled


def test_shares_make_a_whole_job() -> None:
    assert sum(SHARES.values()) == pytest.approx(1)


def test_overall_progress_never_falls() -> None:
    done = [overall(stage, fraction) for stage in SHARES for fraction in (0.0, 0.5, 1.0)]
    assert done == sorted(done)
    assert done[0] == 0
    assert max(done) <= 1
    assert overall("write", 1.0) == pytest.approx(1)


def test_each_reports_before_each_item_and_at_the_end() -> None:
    told: list[tuple[str, float]] = []
    watch = Stopwatch(lambda stage, fraction: told.append((stage, fraction)))
    assert list(watch.each("fuse", "ab")) == ["a", "b"]
    assert told == [("fuse", 0), ("fuse", 0), ("fuse", 0.5), ("fuse", 1)]
    assert watch.seconds["fuse"] >= 0


def test_a_listener_can_cancel() -> None:
    def cancel(_stage: str, fraction: float) -> None:
        if fraction > 0:
            raise Cancelled

    watch = Stopwatch(cancel)
    done: list[str] = []
    with pytest.raises(Cancelled):
        done.extend(watch.each("fuse", "ab"))
