"""How well cloth's bone weights agree with the garments' own, on people who are not evaluated.

`python tests/benchmarks/cloth_weights.py --makehuman DIR [--only NAME ...] [--keep DIR]` prints how
far the surface moves from its true place over the poses in which deformation is measured, for each
class of what is worn: mean over the area and 95th percentile in mm, of the present settings and of
the nearest vertex of the body. Settings of `ClothWeightRules` are chosen by this table: none of its
garments defines the people of `backend.synthesis.subjects`. As the wardrobe has few loose garments
to spare, skirts and coats cut from the base mesh's helpers join them; garments that hang loose but
are bound to the skin itself (`is_tied`) stand apart, for no surface tells them from the others. A
person takes half a minute; `--keep` writes the scans to a folder and reads them from there.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from backend.body.anny55 import HELPERS, Anny55, load_anny55
from backend.body.kinematics import bone_matrices
from backend.evaluate.protocols.skinning import deformation_mm
from backend.geometry.body_parts import used_vertices
from backend.geometry.cloth_weights import ClothWeightRules, Dummy, cloth_weights, vertex_areas
from backend.geometry.nearest import nearest_vertices
from backend.geometry.normals import vertex_normals
from backend.synthesis.garments import METRES_PER_UNIT, Garment
from backend.synthesis.own_garments import TRUNK
from backend.synthesis.people import PARTS, Person, dress
from backend.synthesis.random_people import generator_of, outfit_of, random_shape
from backend.synthesis.random_poses import deformation_poses
from backend.synthesis.scan import ScanSettings, scan
from backend.synthesis.wardrobe import Wearer, named
from backend.types import SkinnedMesh

ARM = ("shoulder", "elbow")
FACE = ("eyebrow009", "eyelashes01", "high-poly")
SLEEVED = (*TRUNK, *(f"{side}_{joint}" for side in ("left", "right") for joint in ARM))
SAMPLES = 2_000
"""Points of each class on a person."""
POINTS_A_CLASS = 50
"""A class of fewer points is left out: a seam's edge, the lips of a shoe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A skirt or a coat cut from the helpers of the base mesh."""

    hem: tuple[str, float]
    """It ends at this joint's height in the bind pose, plus metres."""
    distance_m: float
    """Of the cloth from the helper."""
    open_m: float = 0.0
    """Width of the gap in front."""
    is_coat: bool = False
    """It has a back, a front and sleeves as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Casting:
    """How a person is made."""

    wearer: Wearer
    seed: int
    items: tuple[str, ...]
    """Names in the wardrobe; brows, lashes and eyes come on top."""
    own: Cut | None = None
    has_skirt: bool = False
    """What is worn below is a skirt."""
    is_tied: bool = False
    """The dress or skirt is bound to the skin or to the tights, and parts between the legs."""


CASTINGS = {
    "dress_1": Casting(
        wearer="female", seed=101, items=("F_Dress_01", "shoes02", "bob01"), is_tied=True
    ),
    "dress_3": Casting(wearer="female", seed=102, items=("F_Dress_03", "shoes01", "braid01")),
    "dress_3_wide": Casting(wearer="female", seed=103, items=("F_Dress_03", "shoes05", "short03")),
    "dress_4": Casting(
        wearer="female", seed=104, items=("F_Dress_04", "shoes04", "ponytail01"), is_tied=True
    ),
    "beach_dress": Casting(
        wearer="female", seed=105, items=("F_Beach_Dress_01", "bob02"), is_tied=True
    ),
    "costume": Casting(
        wearer="female",
        seed=106,
        items=("female_elegantsuit01", "shoes03", "ponytail01"),
        has_skirt=True,
        is_tied=True,
    ),
    "long_skirt": Casting(
        wearer="female",
        seed=107,
        items=("Tank_Top_01", "shoes01", "braid01"),
        own=Cut(hem=("left_ankle", 0.12), distance_m=0.004),
        has_skirt=True,
    ),
    "short_skirt": Casting(
        wearer="female",
        seed=108,
        items=("Sleeveless", "shoes02", "bob01"),
        own=Cut(hem=("left_knee", 0.08), distance_m=0.008),
        has_skirt=True,
    ),
    "open_coat": Casting(
        wearer="male",
        seed=109,
        items=("male_casualsuit03", "shoes05", "short02"),
        own=Cut(hem=("left_knee", -0.05), distance_m=0.02, open_m=0.12, is_coat=True),
    ),
    "closed_coat": Casting(
        wearer="female",
        seed=110,
        items=("female_casualsuit01", "shoes06", "ponytail01"),
        own=Cut(hem=("left_knee", -0.2), distance_m=0.015, is_coat=True),
    ),
    "shorts": Casting(
        wearer="female", seed=111, items=("TubeTop", "ShortJeans", "shoes03", "braid01")
    ),
    "casual_2": Casting(
        wearer="female", seed=112, items=("female_casualsuit02", "shoes04", "bob02")
    ),
    "casual_1": Casting(wearer="male", seed=113, items=("male_casualsuit01", "shoes01", "afro01")),
    "hat": Casting(
        wearer="male", seed=114, items=("male_casualsuit05", "shoes03", "short04", "fedora")
    ),
}


def person_of(body: Anny55, casting: Casting, makehuman: Path) -> tuple[Person, Tensor]:
    """The person in the bind pose, and the body's shape."""
    generator = generator_of(casting.seed)
    shape = random_shape(body, generator, wearer=casting.wearer)
    items = [named(item) for item in (*casting.items, *FACE)]
    outfit = outfit_of(body, shape, items, makehuman, generator=generator)
    if casting.own:
        garments = (*outfit.garments, cut_garment(body, casting.own))
        outfit = replace(outfit, garments=garments)
    return dress(body, shape, outfit), shape


def cut_garment(body: Anny55, cut: Cut) -> Garment:
    """Cloth on the vertices of the helpers, away from them along their normals."""
    with np.load(HELPERS, allow_pickle=False) as archive:
        helpers = {name: torch.from_numpy(archive[name].astype(np.int64)) for name in archive.files}
    bind = body.bind(body.mean_shape)
    waist = float(bind.joints[body.joint_names.index("spine1"), 1]) + 0.03
    hem = float(bind.joints[body.joint_names.index(cut.hem[0]), 1]) + cut.hem[1]
    quads = _between(helpers["skirt"], bind.vertices, hem, waist)
    if cut.is_coat:
        neck = float(bind.joints[body.joint_names.index("neck"), 1])
        sleeved = [body.joint_names.index(name) for name in SLEEVED]
        joint = body.weights[helpers["tights"]].mean(1).argmax(1)
        upper = helpers["tights"][torch.isin(joint, torch.tensor(sleeved))]
        quads = torch.cat([quads, _between(upper, bind.vertices, waist - 0.03, neck)])
    middle = bind.vertices[quads].mean(1)
    is_gap = (2 * middle[:, 0].abs() < cut.open_m) & (middle[:, 2] > bind.joints[0, 2])
    return _garment(bind.vertices, quads[~is_gap], cut)


def _between(quads: Tensor, vertices: Tensor, low: float, high: float) -> Tensor:
    height = vertices[quads, 1].mean(1)
    return quads[(height > low) & (height < high)]


def _garment(vertices: Tensor, quads: Tensor, cut: Cut) -> Garment:
    ids, faces = quads[:, [[0, 1, 2], [0, 2, 3]]].flatten(0, 1).unique(return_inverse=True)
    normals = vertex_normals(vertices[ids], faces)
    return Garment(
        name="coat" if cut.is_coat else "skirt",
        part="dress" if cut.is_coat else "bottom",
        layer=60 if cut.is_coat else 48,
        base_ids=ids[:, None].expand(-1, 3).clone(),
        base_weights=torch.eye(3)[:1].expand(len(ids), 3).clone(),
        offsets=normals * (cut.distance_m / METRES_PER_UNIT),
        scale_ids=torch.full((3, 2), -1),
        scale_units=torch.ones(3),
        faces=faces,
        corner_uv=torch.zeros(len(faces), 3, 2),
        hidden_ids=torch.zeros(0, dtype=torch.long),
        texture=None,
        colour=(0.25, 0.5, 0.35),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A person's true surface in the bind pose, and the body in it."""

    surface: SkinnedMesh
    parts: Tensor
    """Index into `PARTS`."""
    dummy: Dummy
    bones: Tensor
    """Of the poses in which deformation is measured."""


def case_of(body: Anny55, name: str, makehuman: Path, kept: Path | None) -> Case:
    """The scan of a person who stands in the bind pose."""
    file = kept / f"{name}.npz" if kept else None
    if file and file.exists():
        with np.load(file) as archive:
            arrays = {key: torch.from_numpy(archive[key]) for key in archive.files}
    else:
        person, shape = person_of(body, CASTINGS[name], makehuman)
        seen = scan(person, torch.eye(3).expand(len(body.joint_names), 3, 3), ScanSettings())
        arrays = {
            "vertices": seen.vertices,
            "faces": seen.faces,
            "weights": seen.weights,
            "parts": seen.parts,
            "shape": shape,
        }
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
            np.savez(file, **{key: value.numpy() for key, value in arrays.items()})
    return _case(body, arrays)


def _case(body: Anny55, arrays: dict[str, Tensor]) -> Case:
    bind = body.bind(arrays["shape"])
    vertices = arrays["vertices"]
    mesh = SkinnedMesh(
        vertices=bind.vertices,
        faces=body.faces,
        weights=body.weights,
        colours=torch.zeros_like(bind.vertices),
    )
    return Case(
        surface=SkinnedMesh(
            vertices=vertices,
            faces=arrays["faces"],
            weights=arrays["weights"],
            colours=torch.zeros_like(vertices),
        ),
        parts=arrays["parts"],
        dummy=Dummy(body=mesh, skirt_faces=body.skirt_faces, bind_height=bind.vertices[:, 1]),
        bones=bone_matrices(bind.joints, body.parents, deformation_poses(body)),
    )


def worn_class(name: str, part: int) -> str:
    """What a part counts as: skirts hang as dresses and coats do."""
    is_skirt = PARTS[part] == "bottom" and CASTINGS[name].has_skirt
    if PARTS[part] == "dress" or is_skirt:
        return "tied dress, skirt" if CASTINGS[name].is_tied else "dress, coat, skirt"
    return {"top": "fitted", "bottom": "fitted"}.get(PARTS[part], PARTS[part])


def nearest_vertex(case: Case) -> Tensor:
    """Weights of the body's nearest vertex."""
    body = case.dummy.body
    used = used_vertices(body.faces, len(body.vertices))
    nearest = nearest_vertices(case.surface.vertices, body.vertices[used], 1, torch.inf)
    return body.weights[used][nearest.index[:, 0]]


def errors_of(
    name: str, case: Case, weights: Tensor, generator: torch.Generator
) -> Iterator[tuple[str, Tensor]]:
    """By class, the errors in all poses of points that are spread evenly over the area."""
    mesh = case.surface
    areas = vertex_areas(mesh.vertices, mesh.faces)
    for part in case.parts.unique().tolist():
        area = areas * (case.parts == part)
        if int((area > 0).sum()) < POINTS_A_CLASS:
            continue
        some = area.multinomial(SAMPLES, replacement=True, generator=generator)
        apart = deformation_mm(mesh.vertices[some], mesh.weights[some], weights[some], case.bones)
        yield worn_class(name, part), apart.flatten()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--makehuman", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=CASTINGS, default=list(CASTINGS))
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    body = load_anny55()
    found: dict[str, dict[str, list[Tensor]]] = {}
    for name in asked.only:
        case = case_of(body, name, asked.makehuman, asked.keep)
        normals = vertex_normals(case.surface.vertices, case.surface.faces)
        ways = {
            "ours": cloth_weights(case.surface.vertices, normals, case.dummy, ClothWeightRules()),
            "nearest vertex": nearest_vertex(case),
        }
        for way, weights in ways.items():
            for worn, apart in errors_of(name, case, weights, generator_of(0)):
                found.setdefault(worn, {}).setdefault(way, []).append(apart)
    for worn, by_way in found.items():
        figures = [
            f"{way} {float(all_.mean()):6.2f} /{np.percentile(all_.numpy(), 95):6.1f}"
            for way, all_ in ((way, torch.cat(several)) for way, several in by_way.items())
        ]
        sys.stdout.write(f"{worn:20}" + "   ".join(figures) + "\n")


if __name__ == "__main__":
    main()
