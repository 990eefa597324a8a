import subprocess
import sys

import pytest

HEAVY = "torch", "mediapipe", "warp", "jaxtyping", "skimage", "scipy"


@pytest.mark.parametrize("module", ["cli", "progress", "service.pipe", "thumbnails", "worker"])
def test_pytorch_is_loaded_only_where_a_job_runs(module: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", f"import backend.{module}, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not set(HEAVY) & set(told.stdout.split())
