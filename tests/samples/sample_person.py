# SPDX-License-Identifier: GPL-3.0-or-later
"""The one person of the sample photos, dressed from MakeHuman's system assets (CC0)."""

from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from backend.body.anny55 import SKIN_VERTICES, Anny55
from backend.synthesis.garments import read_garment
from backend.synthesis.makehuman_files import read_material
from backend.synthesis.people import Outfit, Person, dress

HEIGHT_M = 1.72
PHENOTYPE = {
    "gender": 0.06,
    "age": 0.71,
    "muscle": 0.58,
    "weight": 0.57,
    "height": 0.4,
    "proportions": 0.66,
}
"""Drawn once; the height is then solved for."""
GARMENTS = (
    "clothes/male_casualsuit03/male_casualsuit03.mhclo",
    "clothes/shoes01/shoes01.mhclo",
    "hair/short02/short02.mhclo",
    "eyebrows/eyebrow001/eyebrow001.mhclo",
    "eyelashes/eyelashes01/eyelashes01.mhclo",
)
EYES = ("eyes/high-poly/high-poly.mhclo", "eyes/materials/brown.mhmat")
SKIN = "skins/young_caucasian_male/young_caucasian_male2.mhmat"


def body_height_m(body: Anny55, shape: Float[Tensor, " B"]) -> float:
    """Return how tall the skin stands in the bind pose."""
    heights = body.bind(shape).vertices[:SKIN_VERTICES, 1]
    return float(heights.max() - heights.min())


def sample_shape(body: Anny55) -> Float[Tensor, " B"]:
    """Return the phenotype, its height solved by bisection."""
    shape = torch.tensor([PHENOTYPE[name] for name in body.shape_names])
    low, high, place = 0.0, 1.0, body.shape_names.index("height")
    for _ in range(20):
        shape[place] = (low + high) / 2
        is_tall = body_height_m(body, shape) > HEIGHT_M
        low, high = (low, float(shape[place])) if is_tall else (float(shape[place]), high)
    return shape


def sample_person(body: Anny55, shape: Float[Tensor, " B"], makehuman: Path) -> Person:
    """Return the person; `makehuman` is the folder that holds `system`."""
    system = makehuman / "system"
    eyes = read_garment(system / EYES[0], system / EYES[1])
    skin = read_material(system / SKIN)
    outfit = Outfit(
        garments=tuple(read_garment(system / path) for path in GARMENTS),
        eyes=replace(eyes, name="eyes"),
        skin_colour=(1.0, 1.0, 1.0),
        skin_texture=skin.texture,
    )
    return dress(body, shape, outfit)
