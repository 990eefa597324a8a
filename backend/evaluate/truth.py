"""The known truth of a synthetic subject in files: what a row may see apart from what it may not.

A subject's folder holds `given.npz` (posed scans without weights, shape, poses), `weights.npz` (the
scans' true weights, the input of one row alone) and `truth.npz` (the canonical surface with weights
and parts, for comparing).
"""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.evaluate.protocols.mesh import Surface
from backend.synthesis.people import Person
from backend.synthesis.scan import ScanSettings, scan

GIVEN, WEIGHTS, TRUTH = "given.npz", "weights.npz", "truth.npz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a row may see."""

    shape: Float[Tensor, " B"]
    rotations: Float[Tensor, "P J 3 3"]
    """Relative to parent and bind pose, body axes; row 0 the identity."""
    camera_from_body: Float[Tensor, "P 4 4"]
    """Rigid; takes the posed body to its scan. The identity as the files give it."""
    scans: tuple[Surface, ...]
    """One posed surface per pose, camera frame, metres."""
    is_front: tuple[Bool[Tensor, " _"], ...] = ()
    """Of the vertices of each scan, as in `PosedSurface`; empty = all are."""
    is_observed: tuple[Bool[Tensor, " _"], ...] = ()
    """Likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The subject's true canonical surface: its outer surface in the bind pose."""

    surface: Surface
    weights: Float[Tensor, "V J"]
    parts: Int[Tensor, " V"]
    """Index into `people.PARTS`."""
    joints: Float[Tensor, "J 3"]
    """Bind pose, body frame, metres."""


def write_truth(
    person: Person,
    shape: Float[Tensor, " B"],
    rotations: Float[Tensor, "P J 3 3"],
    folder: Path,
    *,
    settings: ScanSettings,
) -> None:
    """Write the truth of a person; nothing is done if the folder is there.

    Args:
        person: In the bind pose.
        shape: Of the person's body.
        rotations: One pose per scan.
        folder: Appears once everything in it is written.
        settings: Of the scans.
    """

    def write(place: Path) -> None:
        bind = torch.eye(3).expand(rotations.shape[1], 3, 3)
        canonical = scan(person, bind.to(rotations), settings)
        truth = {"vertices": canonical.vertices, "faces": canonical.faces}
        truth |= {"parts": canonical.parts, "joints": person.bind.joints}
        save(place / TRUTH, truth | packed("weights", canonical.weights))
        given, weights = {"shape": shape, "rotations": rotations}, {}
        for k, one in enumerate(rotations):
            posed = scan(person, one, settings)
            given |= {f"vertices_{k}": posed.vertices, f"faces_{k}": posed.faces}
            weights |= packed(f"weights_{k}", posed.weights)
        save(place / GIVEN, given)
        save(place / WEIGHTS, weights)

    published(folder, write)


def published(folder: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a folder that appears once it is complete; nothing is done if it exists."""
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        write(partial)
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def read_given(folder: Path, device: torch.device | str = "cpu") -> Given:
    """Return what a row may see; no other file is opened."""
    arrays = _load(folder / GIVEN, device)
    count = len(arrays["rotations"])
    return Given(
        shape=arrays["shape"],
        rotations=arrays["rotations"],
        camera_from_body=torch.eye(4, device=device).repeat(count, 1, 1),
        scans=tuple(
            Surface(vertices=arrays[f"vertices_{k}"], faces=arrays[f"faces_{k}"])
            for k in range(count)
        ),
    )


def read_weights(folder: Path, device: torch.device | str = "cpu") -> list[Float[Tensor, "_ J"]]:
    """Return the true weights of each scan: the input of the row that names them."""
    arrays = _load(folder / WEIGHTS, device)
    count = sum(name.endswith("_values") for name in arrays)
    return [unpacked(arrays, f"weights_{k}") for k in range(count)]


def read_truth(folder: Path, device: torch.device | str = "cpu") -> Truth:
    """Return what results are compared with."""
    arrays = _load(folder / TRUTH, device)
    return Truth(
        surface=Surface(vertices=arrays["vertices"], faces=arrays["faces"]),
        weights=unpacked(arrays, "weights"),
        parts=arrays["parts"],
        joints=arrays["joints"],
    )


def packed(name: str, weights: Float[Tensor, "V J"]) -> dict[str, Tensor]:
    """Return weights as the places and values of what is not 0, for an archive."""
    places = weights.nonzero()
    return {
        f"{name}_shape": torch.tensor(weights.shape),
        f"{name}_places": places.int(),
        f"{name}_values": weights[places[:, 0], places[:, 1]],
    }


def unpacked(arrays: Mapping[str, Tensor], name: str) -> Float[Tensor, "V J"]:
    """Undo `packed`."""
    values, places = arrays[f"{name}_values"], arrays[f"{name}_places"].long()
    weights = values.new_zeros(*arrays[f"{name}_shape"].tolist())
    weights[places[:, 0], places[:, 1]] = values
    return weights


def save(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors as a NumPy archive."""
    arrays: dict[str, Any] = {name: value.cpu().numpy() for name, value in tensors.items()}
    np.savez(path, **arrays)


def _load(path: Path, device: torch.device | str) -> dict[str, Tensor]:
    with np.load(path, allow_pickle=False) as archive:
        return {name: torch.from_numpy(archive[name]).to(device) for name in archive.files}
