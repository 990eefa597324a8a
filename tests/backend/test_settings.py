import pytest

from backend.settings import QUALITIES, Quality, Settings, for_quality, override
from shared.errors import BadInput


def test_dotted_names_change_one_number() -> None:
    changed = override(Settings(), {"fuse.voxel_m": 0.01})
    assert changed.fuse.voxel_m == 0.01
    assert changed.texture == Settings().texture


def test_unknown_names_are_refused() -> None:
    with pytest.raises(BadInput, match="no setting 'voxel'"):
        override(Settings(), {"fuse.voxel": 0.01})


@pytest.mark.parametrize("quality", QUALITIES)
def test_each_quality_names_known_settings(quality: Quality) -> None:
    settings = for_quality(quality, 1.7)
    assert settings.rig.height_m == 1.7


def test_better_quality_has_more_faces() -> None:
    budgets = [for_quality(quality).fuse.face_budget for quality in ("draft", "standard", "high")]
    assert budgets == sorted(set(budgets))


@pytest.mark.parametrize("height_m", [0.49, 2.51, -1.0, float("nan")])
def test_nobody_is_that_tall(height_m: float) -> None:
    with pytest.raises(BadInput, match="out of range"):
        for_quality("standard", height_m)
