import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_warp_starts_silently_even_where_its_cache_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    blocked = {"HOME": str(tmp_path / "file"), "XDG_CACHE_HOME": str(tmp_path / "file")}
    done = subprocess.run(
        [sys.executable, "-c", "from backend.geometry.warp_runtime import start; start()"],
        env={**os.environ, **blocked},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
