"""The files of `backend/assets` are those that its README describes."""

import hashlib
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "backend/assets"


@pytest.mark.parametrize("name", ["anny55.npz", "base_mesh_helpers.npz"])
def test_asset_has_the_recorded_digest(name: str) -> None:
    digest = hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()
    assert digest in (FOLDER / "README.md").read_text()


def test_body_asset_stays_small() -> None:
    assert (FOLDER / "anny55.npz").stat().st_size <= 16_000_000
