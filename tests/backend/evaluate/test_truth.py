from pathlib import Path

import pytest
import torch

from backend.body.anny55 import Anny55
from backend.body.kinematics import bone_matrices
from backend.evaluate.truth import packed, published, read_given, read_truth, read_weights, unpacked
from backend.geometry.skinning import unpose


def test_packed_weights_come_back() -> None:
    weights = torch.eye(7, 5)
    assert torch.equal(unpacked(packed("w", weights), "w"), weights)


def test_scans_with_their_weights_lie_on_the_true_canonical_surface(
    subject_folder: Path, body: Anny55
) -> None:
    given, truth = read_given(subject_folder), read_truth(subject_folder)
    bones = bone_matrices(truth.joints, body.parents, given.rotations)
    weights = read_weights(subject_folder)
    assert len(given.scans) == len(weights) == 2
    for scan, own, matrices in zip(given.scans, weights, bones, strict=True):
        torch.testing.assert_close(
            unpose(scan.vertices, own, matrices), truth.surface.vertices, atol=1e-4, rtol=0
        )


def test_what_is_given_needs_no_other_file(subject_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "given.npz").write_bytes((subject_folder / "given.npz").read_bytes())
    assert len(read_given(tmp_path).scans) == 2


def test_a_folder_that_fails_does_not_appear(tmp_path: Path) -> None:
    def fail(place: Path) -> None:
        (place / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        published(tmp_path / "truth", fail)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_not_written_again(tmp_path: Path) -> None:
    published(tmp_path / "truth", lambda place: (place / "a").touch())
    published(tmp_path / "truth", lambda place: (place / "b").touch())
    assert [path.name for path in (tmp_path / "truth").iterdir()] == ["a"]
