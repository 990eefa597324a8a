import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.body.anny55 import load_anny55
from backend.body.kinematics import bone_matrices, matrix_from_axis_angle
from backend.body.smplx import HARMLESS, LAYOUT, Smplx, copy_numbers, load_smplx
from backend.body.zero_pose import bind_from_smplx
from backend.geometry.skinning import pose
from shared.errors import BadFile, BadInput
from shared.skeleton import JOINT_NAMES, PARENTS

VERTICES = LAYOUT["v_template"][0]


class Bomb:
    """Unpickling this makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.path,))


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    """SMPL-X's keys and shapes, filled from our own body in its T-pose."""
    body, draw = load_anny55(), np.random.default_rng(0)
    bind = body.bind(body.mean_shape)
    turns = bind_from_smplx(
        torch.eye(3).expand(55, 3, 3), body.zero_from_bind(bind.joints), body.parents
    )
    bones = bone_matrices(bind.joints, body.parents, turns)
    faces = body.skin_faces[(body.skin_faces < VERTICES).all(1)].numpy()
    filled: dict[str, np.ndarray] = {
        name: np.zeros(shape, np.float32) for name, shape in LAYOUT.items()
    }
    for name in ("shapedirs", "posedirs"):  # half of the time to write and read
        filled[name] = filled[name].astype(np.float16)
    filled["v_template"] = pose(bind.vertices, body.weights, bones)[:VERTICES].numpy()
    filled["weights"] = body.weights[:VERTICES].numpy()
    filled["f"] = np.resize(faces, LAYOUT["f"]).astype(np.uint32)
    filled["shapedirs"][..., :10] = draw.normal(scale=0.01, size=(VERTICES, 3, 10))
    joints = (bones[:, :3, :3] @ bind.joints[..., None])[..., 0] + bones[:, :3, 3]
    nearest = torch.cdist(joints, torch.from_numpy(filled["v_template"])).topk(4, largest=False)
    np.put_along_axis(filled["J_regressor"], nearest.indices.numpy(), 0.25, axis=1)
    filled["kintree_table"] = np.array([PARENTS, range(55)], np.int64).astype(np.uint32)
    filled["kintree_table"][0, 0] = 2**32 - 1  # as in the authors' file
    filled["lmk_faces_idx"] = np.arange(51)
    return filled


@pytest.fixture(scope="module")
def model_file(arrays: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("smplx") / "SMPLX_NEUTRAL.npz"
    tables = {name: np.array({"pelvis": 0}, dtype=object) for name in HARMLESS}
    np.savez(path, **arrays, **tables, vt=np.zeros((11313, 2)))
    return path


@pytest.fixture(scope="module")
def body(model_file: Path) -> Smplx:
    pytest.importorskip("smplx")
    return load_smplx(model_file)


def test_skinning_equals_the_packages(
    body: Smplx, arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    smplx = pytest.importorskip("smplx")
    np.savez(tmp_path / "SMPLX_NEUTRAL.npz", **arrays)
    model = smplx.SMPLX(
        str(tmp_path / "SMPLX_NEUTRAL.npz"), num_betas=10, use_pca=False, flat_hand_mean=True
    )
    vectors = 0.3 * torch.randn(55, 3, generator=torch.manual_seed(0))
    names = ("global_orient", "body_pose", "jaw_pose", "leye_pose", "reye_pose")
    names += ("left_hand_pose", "right_hand_pose")
    parts = (part.reshape(1, -1) for part in vectors.split((1, 21, 1, 1, 1, 15, 15)))
    betas = torch.randn(1, 10, generator=torch.manual_seed(1))
    theirs = model(betas=betas, **dict(zip(names, parts, strict=True))).vertices[0]
    bind = body.bind(betas[0])
    bones = bone_matrices(bind.joints, body.parents, matrix_from_axis_angle(vectors))
    assert torch.allclose(pose(bind.vertices, body.weights, bones), theirs, atol=1e-5)


def test_zero_and_bind_are_one(body: Smplx) -> None:
    joints = body.bind(body.mean_shape).joints
    assert torch.equal(body.zero_from_bind(joints), torch.eye(3).expand(55, 3, 3))


def test_model_has_smplx_layout(body: Smplx) -> None:
    assert body.weights.shape == (10475, 55)
    assert body.faces.shape == (20908, 3)
    assert body.joint_names == JOINT_NAMES
    assert body.keypoint_names == load_anny55().keypoint_names
    assert torch.allclose(body.keypoint_weights.sum(1), torch.ones(23))


def test_harmless_tables_of_the_authors_stay_behind(model_file: Path, tmp_path: Path) -> None:
    copy_numbers(model_file, tmp_path / "clean.npz")
    with np.load(tmp_path / "clean.npz", allow_pickle=False) as clean:
        assert set(clean.files) == set(LAYOUT)
        assert all(clean[name].dtype != object for name in clean.files)


@pytest.mark.parametrize("key", ["f", "hands_meanl", "extra"])
def test_a_file_with_objects_is_refused_and_runs_nothing(
    arrays: dict[str, np.ndarray], tmp_path: Path, key: str
) -> None:
    trap, path = tmp_path / "exploded", tmp_path / "model.npz"
    np.savez(path, **(arrays | {key: np.array([Bomb(trap)], dtype=object)}))
    with pytest.raises(BadFile, match="could run code"):
        load_smplx(path)
    assert not trap.exists()


def test_the_bomb_would_have_gone_off(tmp_path: Path) -> None:
    np.savez(tmp_path / "model.npz", f=np.array([Bomb(tmp_path / "exploded")], dtype=object))
    np.load(tmp_path / "model.npz", allow_pickle=True)["f"]
    assert (tmp_path / "exploded").exists()


def test_a_bomb_in_an_unread_table_does_not_go_off(
    arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    trap, path = tmp_path / "exploded", tmp_path / "model.npz"
    np.savez(path, **arrays, joint2num=np.array(Bomb(trap), dtype=object))
    copy_numbers(path, tmp_path / "clean.npz")
    assert not trap.exists()


@pytest.mark.parametrize("content", [b"", b"no model", b"PK\x03\x04 broken"])
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.npz"
    path.write_bytes(content)
    with pytest.raises(BadFile, match=r"model\.npz cannot be read"):
        copy_numbers(path, tmp_path / "clean.npz")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile):
        copy_numbers(tmp_path / "none.npz", tmp_path / "clean.npz")


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("f", np.full(LAYOUT["f"], 10475), "faces on vertices"),
        ("weights", np.zeros((6890, 24)), "weights"),
        ("hands_meanl", np.full(45, np.nan), "not finite"),
        ("hands_meanr", np.full(45, "a"), "hands_meanr"),
        ("kintree_table", np.zeros((2, 55), int), "skeleton"),
    ],
)
def test_a_file_of_another_model_is_refused(
    arrays: dict[str, np.ndarray], tmp_path: Path, key: str, value: np.ndarray, sentence: str
) -> None:
    small = {name: array for name, array in arrays.items() if name != key}
    np.savez(tmp_path / "model.npz", **small, **{key: value})
    with pytest.raises(BadFile, match=sentence):
        copy_numbers(tmp_path / "model.npz", tmp_path / "clean.npz")


def test_a_file_without_hands_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "model.npz", f=np.zeros((20908, 3), int))
    with pytest.raises(BadFile, match="lacks"):
        copy_numbers(tmp_path / "model.npz", tmp_path / "clean.npz")


def test_a_missing_package_is_said_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "smplx", None)
    with pytest.raises(BadInput, match="pip install smplx"):
        load_smplx(tmp_path / "model.npz")


def test_our_own_body_needs_neither_package(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("anny", "smplx"):
        monkeypatch.setitem(sys.modules, name, None)
    assert len(load_anny55().weights) == 19158
