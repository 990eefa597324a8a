import json
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.files.glb import glb, linear_rgba, strongest_influences
from shared.types import Avatar

DTYPES = {5121: "<u1", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}


def parse(data: bytes) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """The document and its accessors, read the slow way."""
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    (text_length,) = struct.unpack_from("<I", data, 12)
    document = json.loads(data[20 : 20 + text_length])
    binary = data[28 + text_length :]
    arrays = []
    for accessor in document["accessors"]:
        view = document["bufferViews"][accessor["bufferView"]]
        width = WIDTHS[accessor["type"]]
        flat = np.frombuffer(
            binary, DTYPES[accessor["componentType"]], accessor["count"] * width, view["byteOffset"]
        )
        arrays.append(flat.reshape(-1, width))
    return document, arrays


def written(avatar: Avatar) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    return parse(glb(avatar, outward(avatar)))


def outward(avatar: Avatar) -> NDArray[np.float32]:
    """Unit vectors away from the middle."""
    arrows = avatar.vertices - avatar.vertices.mean(axis=0)
    return arrows / np.linalg.norm(arrows, axis=1, keepdims=True)


def test_up_is_y_and_the_front_is_z(box_avatar: Avatar) -> None:
    document, arrays = written(box_avatar)
    points = arrays[document["meshes"][0]["primitives"][0]["attributes"]["POSITION"]]
    x, y, z = box_avatar.vertices.T
    assert np.array_equal(points, np.stack([x, z, -y], axis=1))


def test_rest_pose_is_bind_pose(box_avatar: Avatar) -> None:
    document, arrays = written(box_avatar)
    skin = document["skins"][0]
    parent = {c: i for i, n in enumerate(document["nodes"]) for c in n.get("children", [])}
    for node, matrix in zip(skin["joints"], arrays[skin["inverseBindMatrices"]], strict=True):
        place, above = np.zeros(3), node
        while above in parent:
            place += document["nodes"][above]["translation"]
            above = parent[above]
        assert np.allclose(matrix.reshape(4, 4).T @ [*place, 1], [0, 0, 0, 1], atol=1e-7)


def test_all_joints_hang_below_one_root(box_avatar: Avatar) -> None:
    document, _ = written(box_avatar)
    names = [document["nodes"][node]["name"] for node in document["skins"][0]["joints"]]
    assert names == ["root", "pelvis", "head"]
    assert document["nodes"][0]["children"] == [1]


def test_unused_influences_name_node_zero() -> None:
    joints, shares = strongest_influences(np.array([[0, 0.25, 0, 0.75, 0]], np.float32))
    assert joints.tolist() == [[4, 2, 0, 0]]
    assert shares.tolist() == [[0.75, 0.25, 0, 0]]


def test_middle_grey_is_linear_in_the_file() -> None:
    colours = linear_rgba(np.array([[0, 188, 255]], np.uint8))
    assert np.allclose(colours / 65535, [[0, 0.503, 1, 1]], atol=1e-3)


@pytest.mark.node
def test_the_validator_has_nothing_to_say(tmp_path: Path, box_avatar: Avatar) -> None:
    (tmp_path / "box.glb").write_bytes(glb(box_avatar, outward(box_avatar)))
    told = subprocess.run(
        ["node", "validate_glb.mjs", tmp_path / "box.glb"],
        cwd=Path(__file__).parents[2] / "node",
        capture_output=True,
        text=True,
        check=False,
    )
    assert "0 errors, 0 warnings, 0 infos" in told.stdout
