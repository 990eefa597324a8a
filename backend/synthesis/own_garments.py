"""Garments of our own making, cut out of the base mesh's tights and skirt helpers.

They need no asset folder: tests and small benchmarks dress people with them.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from backend.body.anny55 import HELPERS, SKIN_VERTICES, Anny55
from backend.geometry.normals import vertex_normals
from backend.synthesis.garments import METRES_PER_UNIT, Garment

RINGS_OF_SKIN_KEPT = 2
"""Rows of skin quads that stay under a garment's edge, so that no gap shows."""
TRUNK = ("pelvis", "spine1", "spine2", "spine3", "left_collar", "right_collar")


def _both(*joints: str) -> tuple[str, ...]:
    return tuple(f"{side}_{joint}" for side in ("left", "right") for joint in joints)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """How a garment is cut."""

    name: str
    helper: str
    """`tights` or `skirt`."""
    joints: tuple[str, ...]
    """The garment covers the quads that follow these joints most."""
    above: tuple[str, float]
    """It ends at this joint's height in the bind pose, plus metres."""
    below: tuple[str, float]
    """The same for its upper end."""
    distance_m: float
    """Of the cloth from the helper."""
    layer: int
    colour: tuple[float, float, float]
    """sRGB, 0 to 1."""
    part: str
    """One of `people.PARTS`."""


PATTERNS = (
    Pattern(
        name="shirt",
        helper="tights",
        joints=(*TRUNK, *_both("shoulder", "hip")),
        above=("pelvis", -0.03),
        below=("neck", 0.0),
        distance_m=0.012,
        layer=50,
        colour=(0.75, 0.2, 0.18),
        part="top",
    ),
    Pattern(
        name="trousers",
        helper="tights",
        joints=("pelvis", "spine1", *_both("hip", "knee")),
        above=("left_ankle", 0.02),
        below=("spine1", 0.0),
        distance_m=0.006,
        layer=40,
        colour=(0.16, 0.22, 0.42),
        part="bottom",
    ),
    Pattern(
        name="skirt",
        helper="skirt",
        joints=("pelvis", "spine1", "spine2", *_both("hip", "knee")),
        above=("left_knee", 0.02),
        below=("spine1", 0.02),
        distance_m=0.004,
        layer=45,
        colour=(0.25, 0.5, 0.35),
        part="bottom",
    ),
    Pattern(
        name="shoes",
        helper="tights",
        joints=_both("ankle", "foot", "knee"),
        above=("left_foot", -1.0),
        below=("left_ankle", 0.03),
        distance_m=0.005,
        layer=45,
        colour=(0.12, 0.1, 0.1),
        part="shoes",
    ),
)


def make_garments(body: Anny55) -> dict[str, Garment]:
    """Return a shirt, trousers, a skirt and shoes, by name."""
    with np.load(HELPERS, allow_pickle=False) as archive:
        helpers = {name: torch.from_numpy(archive[name].astype(np.int64)) for name in archive.files}
    return {pattern.name: _cut(body, pattern, helpers[pattern.helper]) for pattern in PATTERNS}


def _cut(body: Anny55, pattern: Pattern, helper: Int[Tensor, "Q 4"]) -> Garment:
    vertices = body.bind(body.mean_shape).vertices
    quads = helper[_covered(body, pattern, helper)]
    ids, faces = quads[:, [[0, 1, 2], [0, 2, 3]]].flatten(0, 1).unique(return_inverse=True)
    normals = vertex_normals(vertices[ids], faces)
    carriers = torch.eye(3)[:1].expand(len(ids), 3)
    return Garment(
        name=pattern.name,
        base_ids=ids[:, None].expand(-1, 3).clone(),
        base_weights=carriers.clone(),
        offsets=normals * (pattern.distance_m / METRES_PER_UNIT),
        scale_ids=torch.full((3, 2), -1),
        scale_units=torch.ones(3),
        faces=faces,
        corner_uv=torch.zeros(len(faces), 3, 2),
        hidden_ids=_hidden(body, pattern),
        layer=pattern.layer,
        texture=None,
        colour=pattern.colour,
        part=pattern.part,
    )


def _covered(body: Anny55, pattern: Pattern, quads: Int[Tensor, "Q 4"]) -> Bool[Tensor, " Q"]:
    """Tell which quads belong to the garment: by joint and by height on the mean body."""
    bind = body.bind(body.mean_shape)
    joint = body.weights[quads].mean(dim=1).argmax(dim=1)
    of_joints = torch.isin(joint, torch.tensor([body.joint_names.index(n) for n in pattern.joints]))
    height = bind.vertices[quads, 1].mean(dim=1)
    low, high = (
        bind.joints[body.joint_names.index(name), 1] + metres
        for name, metres in (pattern.above, pattern.below)
    )
    return of_joints & (height > low) & (height < high)


def _hidden(body: Anny55, pattern: Pattern) -> Int[Tensor, " D"]:
    """Return the skin vertices well inside the garment; a skirt hides none."""
    if pattern.helper == "skirt":
        return torch.zeros(0, dtype=torch.long)
    skin = body.quads[body.quads[:, 0] < SKIN_VERTICES]
    covered = _covered(body, pattern, skin)
    for _ in range(RINGS_OF_SKIN_KEPT):
        at_edge = torch.zeros(SKIN_VERTICES, dtype=torch.bool)
        at_edge[skin[~covered]] = True
        covered &= ~at_edge[skin].any(dim=1)
    inside = torch.zeros(SKIN_VERTICES, dtype=torch.bool)
    inside[skin[covered]] = True
    inside[skin[~covered]] = False
    return inside.nonzero().flatten()
