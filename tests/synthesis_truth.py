"""How far the weights of the nearest body vertex are from a garment's own, by class of garment.

`python tests/synthesis_truth.py [--makehuman DIR]` prints a table: mean and 95th percentile of the
distance in millimetres between the garment posed with either, over 12 poses. It is the check of the
truth: 1 to 2 mm on fitted items, 4 to 8 mm on skirts, dresses, coats and long hair.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from backend.body.anny55 import SKIN_VERTICES, Anny55, load_anny55
from backend.body.kinematics import bone_matrices
from backend.evaluate.protocols.skinning import Deformation, deformation_error
from backend.geometry.nearest import nearest_vertices
from backend.synthesis.garments import Garment, fit_garment, garment_weights
from backend.synthesis.random_poses import deformation_poses
from backend.synthesis.wardrobe import CATALOGUE, read_item

MAKEHUMAN = Path(__file__).resolve().parents[2] / "shared/data/makehuman"
POSES = 12
FARTHEST_M = 1.0


def nearest_body_error(body: Anny55, garment: Garment) -> Deformation:
    """Return the error of the nearest skin vertex' weights on the mean body."""
    bind = body.bind(body.mean_shape)
    vertices = fit_garment(garment, bind.vertices)
    skin = bind.vertices[:SKIN_VERTICES]
    nearest = nearest_vertices(vertices, skin, 1, FARTHEST_M).index[:, 0]
    bones = bone_matrices(bind.joints, body.parents, deformation_poses(body, POSES))
    return deformation_error(
        vertices, garment_weights(garment, body.weights), body.weights[nearest], bones
    )


def rows(body: Anny55, makehuman: Path) -> Iterator[tuple[str, str, Deformation]]:
    """Give class, name and error of each garment."""
    for item in CATALOGUE:
        if item.slot in ("brows", "lashes", "eyes"):
            continue
        for garment in read_item(item, body, makehuman):
            fit = "fitted" if garment.part == "top" else item.fit
            yield f"{fit} {garment.part}", garment.name, nearest_body_error(body, garment)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--makehuman", type=Path, default=MAKEHUMAN)
    by_class: dict[str, list[float]] = {}
    for kind, name, error in rows(load_anny55(), parser.parse_args().makehuman):
        sys.stdout.write(f"{kind:15s} {name:28s} {error.mean_mm:6.2f} {error.p95_mm:6.1f}\n")
        by_class.setdefault(kind, []).append(error.mean_mm)
    for kind, means in sorted(by_class.items()):
        sys.stdout.write(f"{kind:15s} mean of {len(means)}: {sum(means) / len(means):.2f} mm\n")
