from pathlib import Path

import pytest

from backend.evaluate import store


def test_digest_hangs_on_sources_and_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "BACKEND", tmp_path)
    (tmp_path / "stages").mkdir()
    source = tmp_path / "stages/fuse.py"
    source.write_text("a = 1")
    first = store.digest(["stages"], 1)
    assert store.digest(["stages"], 1) == first != store.digest(["stages"], 2)
    source.write_text("a = 2")
    assert store.digest(["stages"], 1) != first


def test_all_named_sources_exist() -> None:
    named = {*store.TRUTH_SOURCES, *store.PHOTO_SOURCES, *store.PHOTO_PIPELINE_SOURCES}
    assert all((store.BACKEND / source).exists() for source in named | {*store.METRIC_SOURCES})


def test_a_row_is_measured_once(tmp_path: Path) -> None:
    file = tmp_path / "rows/suit.json"
    assert store.kept(file, lambda: {"p2s_cm": 1.0}) == {"p2s_cm": 1.0}
    assert store.kept(file, lambda: {"p2s_cm": 2.0}) == {"p2s_cm": 1.0}
