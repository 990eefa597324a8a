"""Khronos' glTF validator, where Node and `npm ci` in tests/node have put it."""

import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "node"


def validate(path: Path) -> str:
    """Return the validator's words about a file without errors or warnings; skip if not there."""
    node = shutil.which("node")
    if node is None or not (FOLDER / "node_modules" / "gltf-validator").is_dir():
        pytest.skip("needs Node and `npm ci` in tests/node")
    command = [node, "validate_glb.mjs", str(path)]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
