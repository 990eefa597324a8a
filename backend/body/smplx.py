"""SMPL-X through the package `smplx`, from the model file that the user has got from its authors.

Neither the package nor the file is ours to give: both are free for non-commercial use only.
"""

import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.types import BindBody
from shared.errors import BadFile, BadInput
from shared.skeleton import JOINT_NAMES, PARENTS

SHAPES = 10
"""Shape coefficients that we use, of the file's 300; SMPL-X's users exchange the first ten."""

LARGEST_BYTES = 2 << 30
"""Of all arrays together; the file of 2020 unpacks to 0.4 GB."""

LAYOUT = {
    "v_template": (10475, 3),
    "f": (20908, 3),
    "shapedirs": (10475, 3, 400),
    "posedirs": (10475, 3, 486),
    "J_regressor": (55, 10475),
    "weights": (10475, 55),
    "kintree_table": (2, 55),
    "lmk_faces_idx": (51,),
    "lmk_bary_coords": (51, 3),
    "hands_componentsl": (45, 45),
    "hands_componentsr": (45, 45),
    "hands_meanl": (45,),
    "hands_meanr": (45,),
}
"""What the package reads of SMPLX_*.npz, and its shapes. All else stays behind."""

HARMLESS = frozenset({"joint2num", "part2num"})
"""Object arrays of the authors' own file (look-up tables of names); left unread."""

LANDMARKS = {"nose": "nose", "left_eye": "leye", "right_eye": "reye"}
LANDMARKS |= {"left_ear": "lear", "right_ear": "rear"}
LANDMARKS |= {"left_big_toe": "LBigToe", "right_big_toe": "RBigToe"}
LANDMARKS |= {"left_small_toe": "LSmallToe", "right_small_toe": "RSmallToe"}
LANDMARKS |= {"left_heel": "LHeel", "right_heel": "RHeel"}
"""Keypoints that are single vertices, by the package's names; the others are joints."""

KEYPOINTS = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
KEYPOINTS += tuple(
    f"{side}_{part}"
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
)
KEYPOINTS += tuple(
    f"{side}_{part}" for part in ("big_toe", "small_toe", "heel") for side in ("left", "right")
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Smplx:
    """The body model; its bind pose is SMPL-X's T-pose with flat hands, so zero and bind are one.

    Its pose correctives are left out: our skinning is plain, and cloth hides what they correct.
    """

    joint_names: tuple[str, ...]
    parents: tuple[int, ...]
    faces: Int[Tensor, "F 3"]
    skirt_faces: Int[Tensor, "0 3"]
    weights: Float[Tensor, "V J"]
    shape_names: tuple[str, ...]
    mean_shape: Float[Tensor, " B"]
    keypoint_names: tuple[str, ...]
    keypoint_vertices: Int[Tensor, "K N"]
    keypoint_weights: Float[Tensor, "K N"]
    template_vertices: Float[Tensor, "V 3"]
    basis: Float[Tensor, "V 3 B"]
    joint_regressor: Float[Tensor, "J V"]

    def bind(self, shape: Float[Tensor, " B"]) -> BindBody:
        """Return the body of a shape in the T-pose; differentiable.

        Args:
            shape: SMPL-X's betas, in standard deviations.
        """
        vertices = self.template_vertices + self.basis @ shape
        return BindBody(vertices=vertices, joints=self.joint_regressor @ vertices)

    def zero_from_bind(self, joints: Float[Tensor, "J 3"]) -> Float[Tensor, "J 3 3"]:
        """Return identities: the bind pose is the zero pose."""
        return torch.eye(3, dtype=joints.dtype, device=joints.device).repeat(len(joints), 1, 1)


def load_smplx(path: Path, device: torch.device | str = "cpu") -> Smplx:
    """Return the body model of the user's SMPLX_*.npz.

    Args:
        path: The file as its authors give it; it may come from anywhere and is not trusted.
        device: Where the model's tensors go.

    Raises:
        BadFile: The file is not SMPL-X's, is broken or holds objects instead of numbers.
        BadInput: The package `smplx` is not installed.
    """
    package = _import_package()
    with tempfile.TemporaryDirectory() as folder:
        clean = Path(folder) / "SMPLX_NEUTRAL.npz"
        copy_numbers(path, clean)
        model = package.SMPLX(
            str(clean), num_betas=SHAPES, use_pca=False, flat_hand_mean=True, batch_size=1
        )
    tensors = {
        "faces": model.faces_tensor,
        "skirt_faces": model.faces_tensor[:0],
        "weights": model.lbs_weights,
        "template_vertices": model.v_template,
        "basis": model.shapedirs[..., :SHAPES],
        "joint_regressor": model.J_regressor,
    }
    ids, values = _keypoints(model.J_regressor, package.vertex_ids.vertex_ids["smplx"])
    tensors |= {"keypoint_vertices": ids, "keypoint_weights": values}
    return Smplx(
        joint_names=JOINT_NAMES,
        parents=PARENTS,
        shape_names=tuple(f"beta{i}" for i in range(SHAPES)),
        mean_shape=torch.zeros(SHAPES, device=device),
        keypoint_names=KEYPOINTS,
        **{name: tensor.detach().to(device) for name, tensor in tensors.items()},
    )


def _import_package() -> Any:
    """Return the package `smplx`, which is not among our requirements."""
    try:
        import smplx
    except ImportError as error:
        raise BadInput(
            "SMPL-X needs the package smplx, which is not installed.",
            "Install it with: pip install smplx (its licence allows non-commercial use only).",
        ) from error
    return smplx


def copy_numbers(source: Path, target: Path) -> None:
    """Write SMPL-X's numeric arrays to a new file, without ever unpickling.

    The package opens its file with `allow_pickle=True` and reads all of it: an object array in it
    can run any code. The copy holds no object arrays and nothing that the package does not use.

    Raises:
        BadFile: The file is not SMPL-X's, is broken or holds objects instead of numbers.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > LARGEST_BYTES:
            raise _bad(source, "is too large to be a body model.")
        with np.load(source, allow_pickle=False) as archive:
            arrays = _numbers(source, archive)
    except (OSError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        raise _bad(source, "cannot be read as an .npz file.") from error
    _check_values(source, arrays)
    np.savez(target, **arrays)


def _numbers(source: Path, archive: Any) -> dict[str, np.ndarray]:
    """Read the arrays of LAYOUT; refuse those of another kind or shape, and unknown objects."""
    missing = sorted(LAYOUT.keys() - set(archive.files))
    if missing:
        raise _bad(source, f"lacks {', '.join(missing)}.")
    arrays = {}
    for name in sorted(set(archive.files) - HARMLESS):
        try:
            array = archive[name]
        except ValueError as error:  # numpy's answer to an object array without allow_pickle
            reason = f"holds objects or broken data in {name}; objects could run code."
            raise _bad(source, reason) from error
        if name not in LAYOUT:
            continue
        if not isinstance(array, np.ndarray):  # bytes: a file that is no .npy
            raise _bad(source, f"holds no array in {name}.")
        if array.dtype.kind not in "fiu" or array.shape != LAYOUT[name]:
            raise _bad(source, f"holds {array.dtype} of {array.shape} in {name}.")
        arrays[name] = array
    return arrays


def _check_values(source: Path, arrays: dict[str, np.ndarray]) -> None:
    """Refuse numbers that would fail far from here."""
    vertices = len(arrays["v_template"])
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise _bad(source, "holds values that are not finite.")
    if arrays["f"].min() < 0 or arrays["f"].max() >= vertices:
        raise _bad(source, "has faces on vertices that do not exist.")
    if tuple(arrays["kintree_table"][0, 1:].tolist()) != PARENTS[1:]:
        raise _bad(source, "has another skeleton.")


def _bad(path: Path, sentence: str) -> BadFile:
    return BadFile(f"{path.name} {sentence}", "Use SMPLX_NEUTRAL.npz from smpl-x.is.tue.mpg.de.")


def _keypoints(
    regressor: Float[Tensor, "J V"], vertex_ids: dict[str, int]
) -> tuple[Int[Tensor, "K N"], Float[Tensor, "K N"]]:
    """Return the vertices and weights of KEYPOINTS: single vertices, or those that make a joint."""
    rows = torch.zeros(len(KEYPOINTS), regressor.shape[1])
    for row, name in zip(rows, KEYPOINTS, strict=True):
        if name in LANDMARKS:
            row[vertex_ids[LANDMARKS[name]]] = 1
        else:
            row.copy_(regressor[JOINT_NAMES.index(name)])
    places = int((rows != 0).sum(1).max())
    ids = rows.abs().topk(places, dim=1).indices
    return ids, rows.gather(1, ids)
