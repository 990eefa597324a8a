"""Contact sheets of synthetic people, to be looked at.

`python tests/synthesis_sheet.py FOLDER [--makehuman DIR] [--people 24]` writes `people.png` (random
people in random poses) and `subjects.png` (the people of the evaluation in all their poses).
"""

import argparse
import math
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from backend.body.anny55 import Anny55, load_anny55
from backend.render.preview import look_at
from backend.synthesis.lights import constant_light, random_light
from backend.synthesis.people import Person
from backend.synthesis.random_people import random_person
from backend.synthesis.random_poses import random_rotations
from backend.synthesis.renders import posed_vertices, render
from backend.synthesis.subjects import SUBJECTS, subject
from backend.types import Camera

MAKEHUMAN = Path(__file__).resolve().parents[2] / "shared/data/makehuman"
CELL_PX = (300, 400)
DISTANCE_M = 12.0
LEAST_HEIGHT_M = 1.4
COLUMNS = 8


def picture(
    person: Person, rotations: Float[Tensor, "J 3 3"], yaw_deg: float, seed: int
) -> Image.Image:
    """Return a person seen from a yaw (0 = from the front), on grey."""
    width, height = CELL_PX
    posed = posed_vertices(person, rotations)
    centre = (posed.amin(0) + posed.amax(0)) / 2
    yaw = math.radians(yaw_deg)
    eye = centre + DISTANCE_M * torch.tensor([math.sin(yaw), 0.1, math.cos(yaw)])
    tall_m = max(float(posed[:, 1].max() - posed[:, 1].min()), LEAST_HEIGHT_M)
    focal_px = 0.9 * height / tall_m * DISTANCE_M
    intrinsics = torch.tensor([[focal_px, 0, width / 2], [0, focal_px, height / 2], [0, 0, 1]])
    camera = Camera(intrinsics=intrinsics, width=width, height=height)
    light = random_light(seed) if seed else constant_light()
    seen = render(person, rotations, look_at(eye, centre), camera, light)
    cover = seen.mask[..., None]
    image = seen.image * cover + 0.85 * (1 - cover)
    return Image.fromarray((image.clamp(0, 1) * 255).byte().numpy())


def sheet(cells: list[Image.Image], columns: int) -> Image.Image:
    """Return pictures side by side."""
    width, height = CELL_PX
    whole = Image.new("RGB", (columns * width, -(-len(cells) // columns) * height))
    for index, cell in enumerate(cells):
        whole.paste(cell, (index % columns * width, index // columns * height))
    return whole


def people(body: Anny55, makehuman: Path | None, count: int) -> list[Image.Image]:
    """Return random people in random poses; one in four from behind."""
    cells = []
    for seed in range(count):
        person = random_person(body, seed, makehuman)
        rotations = random_rotations(body, seed, person=person)
        yaw_deg = 180.0 if seed % 4 == 3 else (seed * 37) % 120 - 60.0
        cells.append(picture(person, rotations, yaw_deg, seed))
    return cells


def subjects(body: Anny55, makehuman: Path) -> list[Image.Image]:
    """Return the people of the evaluation in their poses."""
    made = [subject(body, name, makehuman) for name in SUBJECTS]
    return [picture(one.person, rotations, 25.0, 0) for one in made for rotations in one.rotations]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--makehuman", type=Path, default=MAKEHUMAN)
    parser.add_argument("--people", type=int, default=24)
    options = parser.parse_args()
    model = load_anny55()
    options.folder.mkdir(parents=True, exist_ok=True)
    sheet(people(model, options.makehuman, options.people), COLUMNS).save(
        options.folder / "people.png"
    )
    sheet(subjects(model, options.makehuman), COLUMNS).save(options.folder / "subjects.png")
