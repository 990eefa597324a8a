"""The files of the subjects, made when they are first asked for."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backend.body.anny55 import Anny55
from backend.evaluate import store
from backend.evaluate.photographs import PhotographSettings, write_photos, write_posed_photos
from backend.evaluate.surfaces import (
    Weigher,
    canonical_surface,
    nearest_vertex,
    pipeline_weights,
    weigh,
)
from backend.evaluate.truth import (
    packed,
    published,
    read_given,
    read_weights,
    save,
    unpacked,
    write_truth,
)
from backend.settings import Settings
from backend.synthesis.scan import ScanSettings
from backend.synthesis.subjects import subject
from backend.types import SkinnedMesh

WEIGHERS: dict[str, Weigher] = {"pipeline": pipeline_weights, "nearest_vertex": nearest_vertex}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What measuring a subject needs."""

    body: Anny55
    settings: Settings
    """Of the pipeline."""
    makehuman: Path
    cache: Path
    is_quick: bool
    """Only the most telling rows."""
    say: Callable[[str], None]
    """Takes a line about what is being done."""
    scan: ScanSettings
    photographs: PhotographSettings


def truth_folder(place: Place, name: str) -> Path:
    """Return the folder of a subject's scans and truth."""
    folder = place.cache / "truth" / _truth_key(place) / name
    if not folder.exists():
        place.say(f"{name}: true scans")
        one = subject(place.body, name, place.makehuman)
        write_truth(one.person, one.shape, one.rotations, folder, settings=place.scan)
    return folder


def photos_folder(place: Place, name: str) -> Path:
    """Return the folder of a subject's photos from all around, for avatars."""
    folder = place.cache / "photos" / _photos_key(place) / name
    if not folder.exists():
        place.say(f"{name}: photos")
        one = subject(place.body, name, place.makehuman)
        published(folder, lambda p: write_photos(one, p, place.photographs))
    return folder


def poses_folder(place: Place, name: str) -> Path:
    """Return the folder of a subject's photos in many poses, with the true ones."""
    folder = place.cache / "poses" / _photos_key(place) / name
    if not folder.exists():
        place.say(f"{name}: photos of poses")
        one = subject(place.body, name, place.makehuman)
        published(folder, lambda p: write_posed_photos(one, place.body, p, place.photographs))
    return folder


def surface_of(place: Place, name: str, row: str) -> SkinnedMesh:
    """Return the canonical surface of a row of `fusion.ROWS`, fused when first asked for.

    Args:
        place: See there.
        name: Of the subject.
        row: The way to weights, and behind `_` how many scans are used.
    """
    given_folder = truth_folder(place, name)
    key = store.digest(store.PIPELINE_SOURCES, place.settings, _truth_key(place))
    folder = place.cache / "surfaces" / key / name / row
    if not folder.exists():
        mesh = fused_row(given_folder, row, place.body, place.settings)
        arrays = {"vertices": mesh.vertices, "faces": mesh.faces, **packed("weights", mesh.weights)}
        published(folder, lambda p: save(p / "surface.npz", arrays))
    with np.load(folder / "surface.npz", allow_pickle=False) as archive:
        tensors = {key: torch.from_numpy(archive[key]) for key in archive.files}
    return SkinnedMesh(
        vertices=tensors["vertices"],
        faces=tensors["faces"],
        weights=unpacked(tensors, "weights"),
        colours=torch.zeros_like(tensors["vertices"]),
    )


def fused_row(folder: Path, row: str, body: Anny55, settings: Settings) -> SkinnedMesh:
    """Return the canonical surface of a row, from what the row may see alone.

    Args:
        folder: As `write_truth` wrote it.
        row: Of `fusion.ROWS`.
        body: Anny-55.
        settings: Of the pipeline.
    """
    given = read_given(folder)
    if row == "true_weights":
        return canonical_surface(given, read_weights(folder), body, settings)
    way, _, count = row.rpartition("_") if row[-1].isdigit() else (row, "", "")
    if count:
        given = replace(given, scans=given.scans[: int(count)])
        given = replace(given, rotations=given.rotations[: int(count)])
    weights = weigh(given, body, WEIGHERS[way], settings)
    return canonical_surface(given, weights, body, settings)


def result_file(place: Place, what: str, name: str, *sources: Any) -> Path:
    """Return the file of a subject's figures.

    Args:
        place: See there.
        what: The benchmark.
        name: Of the subject.
        sources: What else than the benchmark's own module the figures hang on.
    """
    key = store.digest(
        (*sources, *store.METRIC_SOURCES, f"evaluate/{what}.py"),
        place.settings,
        place.is_quick and what == "fusion",
        _truth_key(place),
        _photos_key(place),
    )
    return place.cache / "results" / what / key / f"{name}.json"


def _truth_key(place: Place) -> str:
    return store.digest(store.TRUTH_SOURCES, place.scan)


def _photos_key(place: Place) -> str:
    return store.digest(store.PHOTO_SOURCES, place.photographs)
