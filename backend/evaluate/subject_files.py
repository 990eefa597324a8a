"""The files of the subjects, made when they are first asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from backend.body.anny55 import Anny55
from backend.consolidation import Consolidated
from backend.evaluate import store
from backend.evaluate.consolidate import consolidated, weights_of
from backend.evaluate.inputs import first_of
from backend.evaluate.photographs import PhotographSettings, write_photos, write_posed_photos
from backend.evaluate.pose_noise import disturbed
from backend.evaluate.surfaces import Weigher, nearest_vertex, pipeline_weights
from backend.evaluate.true_maps import TrueMapsSettings, seen_in_photos
from backend.evaluate.truth import (
    packed,
    published,
    read_given,
    read_weights,
    save,
    unpacked,
    write_truth,
)
from backend.settings import Settings, override
from backend.synthesis.scan import ScanSettings
from backend.synthesis.subjects import subject
from backend.types import Poses, SkinnedMesh

WEIGHERS: dict[str, Weigher] = {"pipeline": pipeline_weights, "nearest_vertex": nearest_vertex}
DEFAULT_PHOTOGRAPHS = PhotographSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a row's canonical surface is made of what it may see."""

    way: Literal["pipeline", "nearest_vertex", "true_weights"] = "pipeline"
    """To the scans' bone weights."""
    scans: int = 0
    """How many of the first scans are used; 0 = all."""
    photos: int = 0
    """How many photos stand for the scans; 0 = none."""
    has_noise: bool = False
    """The given poses are disturbed."""
    is_registered: bool = False
    """Poses, shape and weights are improved together: not where the given poses are exact."""


RECIPES: dict[str, Recipe] = {
    "pipeline": Recipe(),
    "pipeline_1": Recipe(scans=1),
    "pipeline_2": Recipe(scans=2),
    "nearest_vertex": Recipe(way="nearest_vertex"),
    "true_weights": Recipe(way="true_weights"),
    "pose_noise": Recipe(has_noise=True, is_registered=True),
    "pose_noise_before": Recipe(has_noise=True),
    "maps_1": Recipe(photos=1),
    "maps_2": Recipe(photos=2),
    "maps_4": Recipe(photos=4),
    "maps_8": Recipe(photos=8),
}
"""By the row's name."""
OF_SCANS = {"fuse.observe.template_joints": (), "coarse_fuse.observe.template_joints": ()}
"""A scan shows hands as well as the rest; photos do not."""


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


def consolidated_of(place: Place, name: str, row: str) -> Consolidated:
    """Return the canonical surface and the poses of a row, made when first asked for.

    Args:
        place: See there.
        name: Of the subject.
        row: Of `RECIPES`.
    """
    given_folder = truth_folder(place, name)
    settings = (place.settings, place.photographs)
    key = store.digest(store.PIPELINE_SOURCES, *settings, _truth_key(place))
    folder = place.cache / "surfaces" / key / name / row
    if not folder.exists():
        made = made_row(
            given_folder, row, place.body, place.settings, photographs=place.photographs
        )
        published(folder, lambda p: save(p / "surface.npz", _arrays(made)))
    with np.load(folder / "surface.npz", allow_pickle=False) as archive:
        tensors = {key: torch.from_numpy(archive[key]) for key in archive.files}
    return _from_arrays(tensors, place.body)


def _arrays(made: Consolidated) -> dict[str, Tensor]:
    mesh, poses = made.mesh, made.poses
    return {
        "vertices": mesh.vertices,
        "faces": mesh.faces,
        **packed("weights", mesh.weights),
        "joints": poses.joints,
        "rotations": poses.rotations,
        "camera_from_body": poses.camera_from_body,
    }


def _from_arrays(tensors: dict[str, Tensor], body: Anny55) -> Consolidated:
    mesh = SkinnedMesh(
        vertices=tensors["vertices"],
        faces=tensors["faces"],
        weights=unpacked(tensors, "weights"),
        colours=torch.zeros_like(tensors["vertices"]),
    )
    poses = Poses(
        joints=tensors["joints"],
        parents=body.parents,
        rotations=tensors["rotations"],
        camera_from_body=tensors["camera_from_body"],
    )
    return Consolidated(mesh=mesh, poses=poses)


def made_row(
    folder: Path,
    row: str,
    body: Anny55,
    settings: Settings,
    *,
    photographs: PhotographSettings = DEFAULT_PHOTOGRAPHS,
) -> Consolidated:
    """Return what a row makes, from what the row may see alone.

    Args:
        folder: As `write_truth` wrote it.
        row: Of `RECIPES`.
        body: Anny-55.
        settings: Of the pipeline.
        photographs: How photos are taken, for rows of photos.
    """
    recipe = RECIPES[row]
    given = read_given(folder)
    settings = settings if recipe.photos else override(settings, OF_SCANS)
    if recipe.photos:
        maps = TrueMapsSettings(photographs=photographs)
        given = seen_in_photos(given, recipe.photos, settings.reconstruct, maps)
    if recipe.scans:
        given = first_of(given, recipe.scans)
    if recipe.has_noise:
        given = disturbed(given, body.bind(given.shape).joints[0], folder.name)
    if recipe.way == "true_weights":
        weights = read_weights(folder)
    else:
        weights = weights_of(given, body, WEIGHERS[recipe.way], settings)
    return consolidated(
        given,
        weights,
        body,
        settings,
        is_registered=recipe.is_registered,
        is_weighed=recipe.way == "pipeline",
    )


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
