"""Readers of MakeHuman's text files: `.mhclo` (binding), `.obj` (mesh) and `.mhmat` (material).

Lengths are the files' own, decimetres. G vertices of the garment, F triangles.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from shared.errors import BadFile

FIELDS_OF_A_BOUND_VERTEX = 9
"""`i j k wi wj wk dx dy dz`; a vertex that copies one of the base mesh is a single number."""
SCALE_KEYS = ("x_scale", "y_scale", "z_scale")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clothes:
    """What a `.mhclo` file says; the fields are those of `garments.Garment`."""

    name: str
    obj_file: str
    material: str | None
    layer: int
    scale_ids: Int[np.ndarray, "3 2"]
    scale_units: Float[np.ndarray, " 3"]
    base_ids: Int[np.ndarray, "G 3"]
    base_weights: Float[np.ndarray, "G 3"]
    offsets: Float[np.ndarray, "G 3"]
    hidden_ids: Int[np.ndarray, " D"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjMesh:
    """Faces of an `.obj`; its vertex positions belong to the author's body and mean nothing."""

    faces: Int[np.ndarray, "F 3"]
    corner_uv: Float[np.ndarray, "F 3 2"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Colour of a material."""

    texture: Path | None
    colour: tuple[float, float, float]


def read_mhclo(path: Path) -> Clothes:
    """Return a garment's binding.

    Header lines are read wherever they stand (several shoes and hair styles have them after
    `verts 0`), and `verts` may lack its 0.

    Raises:
        BadFile: the file cannot be read or has no bound vertices.
    """
    header: dict[str, list[str]] = {}
    bound: list[list[str]] = []
    hidden: list[str] = []
    section = "header"
    for words in _lines(path):
        if words[0] in ("verts", "delete_verts"):
            section = words[0]
        elif not _is_number(words[0]):
            header.setdefault(words[0], words[1:])
        elif section == "delete_verts":
            hidden += words
        elif section == "verts":
            bound.append(words)
    try:
        return _clothes(path, header, bound, hidden)
    except (ValueError, IndexError, KeyError) as error:
        raise _not(path, "a MakeHuman garment") from error


def _clothes(
    path: Path, header: dict[str, list[str]], bound: list[list[str]], hidden: list[str]
) -> Clothes:
    table = np.array([_bound_vertex(words) for words in bound], dtype=np.float64)
    scales = np.array([_scale(header.get(key)) for key in SCALE_KEYS])
    return Clothes(
        name=" ".join(header.get("name", [path.stem])),
        obj_file=" ".join(header["obj_file"]),
        material=" ".join(header["material"]) if header.get("material") else None,
        layer=int(header.get("z_depth", ["50"])[0]),
        scale_ids=scales[:, :2].astype(np.int64),
        scale_units=scales[:, 2],
        base_ids=table[:, :3].astype(np.int64),
        base_weights=table[:, 3:6],
        offsets=table[:, 6:],
        hidden_ids=_ranges(hidden),
    )


def _bound_vertex(words: list[str]) -> list[str]:
    if len(words) == 1:
        return [words[0]] * 3 + ["1", "0", "0", "0", "0", "0"]
    return words[:FIELDS_OF_A_BOUND_VERTEX]


def _scale(words: list[str] | None) -> tuple[int, int, float]:
    """Two vertex ids and their distance; -1 and 1 where the line is missing."""
    return (int(words[0]), int(words[1]), float(words[2])) if words else (-1, -1, 1.0)


def _ranges(words: list[str]) -> Int[np.ndarray, " D"]:
    """Expand `3 5 - 8 11` to 3 5 6 7 8 11."""
    joined = " ".join(words).replace(" - ", "-").split()
    spans = [[int(end) for end in word.split("-")] for word in joined]
    ids = [np.arange(span[0], span[-1] + 1) for span in spans]
    return np.concatenate([*ids, np.zeros(0, dtype=np.int64)])


def read_obj(path: Path, vertex_count: int) -> ObjMesh:
    """Return the triangles of an `.obj` (polygons are cut into fans) and their texture corners.

    Raises:
        BadFile: the file cannot be read, or has not `vertex_count` vertices.
    """
    uv: list[list[str]] = [["0", "0"]]
    polygons: list[list[str]] = []
    found = 0
    for words in _lines(path):
        found += words[0] == "v"
        if words[0] == "vt":
            uv.append(words[1:3])
        elif words[0] == "f":
            polygons.append(words[1:])
    if found != vertex_count or not polygons:
        raise _not(path, f"a mesh of {vertex_count} vertices")
    corners = [
        [_corner(word) for word in (polygon[0], *edge)]
        for polygon in polygons
        for edge in pairwise(polygon[1:])
    ]
    table = np.array(corners, dtype=np.int64)  # (F, 3, vertex and uv)
    return ObjMesh(faces=table[..., 0] - 1, corner_uv=np.array(uv, dtype=np.float64)[table[..., 1]])


def _corner(word: str) -> tuple[int, int]:
    """Vertex and texture index of `7`, `7/3`, `7//2` or `7/3/2`; 0 = no texture."""
    parts = word.split("/")
    return int(parts[0]), int(parts[1] or 0) if len(parts) > 1 else 0


def read_material(path: Path | None) -> Look:
    """Return the colour picture and the tint of a `.mhmat`; white without picture if none is given.

    Raises:
        BadFile: the file cannot be read.
    """
    if path is None:
        return Look(texture=None, colour=(1.0, 1.0, 1.0))
    values = {words[0]: words[1:] for words in _lines(path)}
    name = " ".join(values.get("diffuseTexture", []))
    red, green, blue = (float(word) for word in values.get("diffuseColor", ["1", "1", "1"]))
    return Look(texture=path.parent / name if name else None, colour=(red, green, blue))


def _lines(path: Path) -> Iterator[list[str]]:
    """Words of each line that is neither empty nor a comment."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise _not(path, "readable") from error
    lines = (line.split() for line in text.splitlines())
    return (words for words in lines if words and not words[0].startswith("#"))


def _is_number(word: str) -> bool:
    return word.lstrip("-").isdigit() or word == "-"


def _not(path: Path, what: str) -> BadFile:
    return BadFile(f"{path.name} is not {what}.", "Use a file of MakeHuman's asset packs.")
