"""Where results lie between runs: folders whose names change with what made them."""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

BACKEND = Path(__file__).resolve().parents[1]
TRUTH_SOURCES = ("synthesis", "body", "evaluate/truth.py")
PHOTO_SOURCES = ("synthesis", "body", "render", "evaluate/photographs.py")
EVALUATED = ("surfaces", "consolidate", "inputs", "pose_noise", "true_maps", "subject_files")
PIPELINE_SOURCES = (
    "body",
    "geometry",
    "render",
    "stages",
    "settings.py",
    "consolidation.py",
    *(f"evaluate/{name}.py" for name in EVALUATED),
)
"""Of what makes canonical surfaces of scans."""
PHOTO_PIPELINE_SOURCES = (
    *PIPELINE_SOURCES,
    "pipeline.py",
    "rounds.py",
    "photos.py",
    "pictures.py",
    "views.py",
)
METRIC_SOURCES = ("evaluate/protocols",)


def user_cache() -> Path:
    """Return this program's folder among the user's caches."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library/Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return base / "photo-avatar/evaluate"


def digest(sources: Sequence[str], *more: object) -> str:
    """Return a name for results of these sources and of values whose `repr` tells them apart.

    Args:
        sources: Python files, or folders of them, within the backend.
        more: Settings, or names of what the results were made from.
    """
    found = hashlib.sha256(repr(more).encode())
    for source in sorted(set(sources)):
        place = BACKEND / source
        files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
        for file in files:
            found.update(file.relative_to(BACKEND).as_posix().encode())
            found.update(file.read_bytes())
    return found.hexdigest()[:12]


def kept(path: Path, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the row in a JSON file, measured and written first if there is none."""
    if not path.exists():
        row = measure()
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.partial")
        partial.write_text(json.dumps(row, indent=1))
        partial.replace(path)
    return json.loads(path.read_text())
