"""Make backend/assets/base_mesh_helpers.npz from MakeHuman's `base.obj` (CC0).

For developers only: `python -m backend.synthesis.export_helpers BASE_OBJ`.
"""

import sys
from pathlib import Path

import numpy as np
from jaxtyping import Int

from backend.body.anny55 import HELPERS

GROUPS = {"tights": "helper-tights", "skirt": "helper-skirt"}


def quads_of(base: Path, group: str) -> Int[np.ndarray, "Q 4"]:
    """Return the vertex ids of a group's faces."""
    current, quads = "", []
    for line in base.read_text().splitlines():
        words = line.split()
        if words[:1] == ["g"]:
            current = words[1]
        elif words[:1] == ["f"] and current == group:
            quads.append([int(word.split("/")[0]) - 1 for word in words[1:]])
    return np.array(quads)


if __name__ == "__main__":
    arrays = {name: quads_of(Path(sys.argv[1]), group) for name, group in GROUPS.items()}
    np.savez_compressed(HELPERS, **{name: a.astype(np.uint16) for name, a in arrays.items()})
