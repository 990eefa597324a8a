"""How many synthetic samples one core draws in a second.

`python tests/benchmarks/renders.py [--makehuman FOLDER] [--device cuda]` prints samples a second
at 256 x 256 with all channels: posing, camera, light, image, mask and both layers of depth,
normals, albedo, weights and parts. Dressing the people (garments fitted, textures read) is timed
apart: it is done once for a person, and the last people and textures are kept.
"""

import argparse
import dataclasses
import sys
import time
from pathlib import Path
from typing import Any

import torch

from backend.body.anny55 import load_anny55
from backend.synthesis.people import Person
from backend.synthesis.random_people import random_person
from backend.synthesis.random_poses import random_rotations
from backend.synthesis.renders import posed_vertices, random_camera, random_light, render

MAKEHUMAN = Path(__file__).resolve().parents[3] / "shared" / "data" / "makehuman"
PEOPLE = 4


def moved(value: Any, device: str) -> Any:
    """The same dataclass, tuple or tensor on a device."""
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if isinstance(value, tuple):
        return tuple(moved(item, device) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: moved(getattr(value, f.name), device) for f in dataclasses.fields(value)}
        return dataclasses.replace(value, **fields)
    return value


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bench:
    """Dressed people and how they are drawn."""

    people: list[Person]
    rotations: list[torch.Tensor]
    size: int

    def draw(self, seed: int) -> None:
        """One sample with a random camera and light."""
        person, turned = self.people[seed % PEOPLE], self.rotations[seed]
        points = posed_vertices(person, turned)
        size_px = (self.size, self.size)
        camera_from_body, camera = random_camera(seed, points, size_px=size_px)
        drawn = render(person, turned, camera_from_body, camera, random_light(seed))
        drawn.image.sum().item()  # waits for the device


def measure(bench: Bench) -> tuple[float, float]:
    """Samples a second, and a second of one core's time."""
    for seed in range(PEOPLE):
        bench.draw(seed)
    count = len(bench.rotations)
    start, busy = time.perf_counter(), time.process_time()
    for seed in range(count):
        bench.draw(seed)
    return count / (time.perf_counter() - start), count / (time.process_time() - busy)


def main() -> None:
    """Print the rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--makehuman", type=Path, default=MAKEHUMAN)
    parser.add_argument("--own", action="store_true", help="people in our own few garments")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--count", type=int, default=40)
    options = parser.parse_args()
    torch.set_num_threads(1)
    body = load_anny55()
    start = time.perf_counter()
    folder = None if options.own else options.makehuman
    people = [moved(random_person(body, seed, folder), options.device) for seed in range(PEOPLE)]
    dressing_s = (time.perf_counter() - start) / PEOPLE
    rotations = [random_rotations(body, seed).to(options.device) for seed in range(options.count)]
    wall, core = measure(Bench(people=people, rotations=rotations, size=options.size))
    vertices = sum(len(part.vertices) for person in people for part in person.parts) // PEOPLE
    sys.stdout.write(
        f"{vertices} vertices a person, {options.size} x {options.size}\n"
        f"{wall:.1f} samples a second, {core:.1f} a second of one core's time\n"
        f"dressing a person: {dressing_s:.2f} s (not included)\n"
    )


if __name__ == "__main__":
    main()
