"""Files as three.js shows them, where Node and `npm ci` in tests/node have put it."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

FOLDER = Path(__file__).parents[1] / "node"
FILE_FROM_WORLD = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
"""+Y is up in both formats."""


def posed(path: Path, pose: dict[str, Any]) -> tuple[NDArray[Any], NDArray[Any], str]:
    """Return the vertices (V 3), their linear colours (V 3) and what three.js says of the file.

    Args:
        path: Of a .glb or .fbx file with one skinned mesh.
        pose: Each bone's rotation (3 3) relative to its parent and to rest, in world axes.
    """
    node = shutil.which("node")
    if node is None or not (FOLDER / "node_modules" / "three").is_dir():
        pytest.skip("needs Node and `npm ci` in tests/node")
    turned = {
        name: (FILE_FROM_WORLD @ rotation @ FILE_FROM_WORLD.T).tolist()
        for name, rotation in pose.items()
    }
    given, found = path.with_suffix(".json"), path.with_suffix(".bin")
    given.write_text(json.dumps(turned))
    command = [node, "pose_file.mjs", str(path), str(given), str(found)]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    places, colours = np.fromfile(found, "<f4").reshape(2, -1, 3)
    return places @ FILE_FROM_WORLD, colours, done.stdout
