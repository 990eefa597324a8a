"""How long one step of fitting through the differentiable rasteriser takes, part by part.

`python tests/benchmarks/rasterizer.py [--device cuda] [--backend warp] [--size 512] [--views 8]`
prints the best and the median of some steps in milliseconds, the least processor time of a step,
which other programs disturb less, and, for comparing machines that are not equally fast, each part
as a share of the whole and each way of working as a ratio to the first.
A step: normals, faces of pixels, images of normals, mask and colours (7 channels), outlines, mean
difference to targets, and the gradients of positions and colours. The body has 53 392 faces.
"""

import argparse
import math
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# PyTorch reads it at its first allocation. Images of 60 MB are fetched in pages of 2 MB, not 4 kB:
# a copy then takes a quarter of the time.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402 - after the setting
from torch import Tensor  # noqa: E402

from backend.body.anny55 import SKIN_VERTICES, load_anny55  # noqa: E402
from backend.render.crop import body_boxes, cropped  # noqa: E402
from backend.render.differentiable import (  # noqa: E402
    antialias,
    interpolate,
    rasterize,
    vertex_normals,
)
from backend.render.fragments import Backend, Cameras, Topology, mesh_topology  # noqa: E402
from backend.render.preview import look_at  # noqa: E402

DISTANCE_M = 3.0
PARTS = ("normals", "rasterize", "interpolate", "antialias", "loss", "gradients")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A body from all around."""

    vertices: Tensor
    colours: Tensor
    topology: Topology
    cameras: Cameras
    backend: Backend | None


def scene(size_px: int, view_count: int, device: str, backend: Backend | None) -> Scene:
    """The body, 90 % as tall as the images; each quad of its skin is four faces."""
    body = load_anny55(device)
    quads = body.quads[(body.quads < SKIN_VERTICES).all(1)]
    bind = body.bind(body.mean_shape).vertices
    vertices = torch.cat([bind, bind[quads].mean(1)])
    middle = len(bind) + torch.arange(len(quads), device=device)
    sides = [torch.stack([quads[:, i], quads[:, (i + 1) % 4], middle], 1) for i in range(4)]
    centre = (vertices.amin(0) + vertices.amax(0)) / 2
    views = []
    for index in range(view_count):
        yaw = 2 * math.pi * index / view_count
        around = torch.tensor([math.sin(yaw), 0, math.cos(yaw)]).to(centre)
        pose = look_at(centre + DISTANCE_M * around, centre)
        views.append(vertices @ pose[:3, :3].T + pose[:3, 3])
    focal = 0.9 * size_px * DISTANCE_M / float((vertices.amax(0) - vertices.amin(0))[1])
    intrinsics = [[focal, 0, size_px / 2], [0, focal, size_px / 2], [0, 0, 1]]
    return Scene(
        vertices=torch.stack(views),
        colours=torch.rand(vertices.shape, device=device),
        topology=mesh_topology(torch.cat(sides)),
        cameras=Cameras(
            intrinsics=torch.tensor(intrinsics, device=device).repeat(view_count, 1, 1),
            width=size_px,
            height=size_px,
        ),
        backend=backend,
    )


def cut(whole: Scene) -> Scene:
    """The same, seen by cameras that leave out what is empty in all views."""
    boxes = body_boxes(whole.vertices, whole.cameras, 8)
    return Scene(
        vertices=whole.vertices,
        colours=whole.colours,
        topology=whole.topology,
        cameras=cropped(whole.cameras, boxes),
        backend=whole.backend,
    )


def timed(work: Callable[[], Tensor], times_ms: list[float], device: torch.device) -> Tensor:
    """What the work returns; its time is appended."""
    start = time.perf_counter()
    result = work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    times_ms.append(1000 * (time.perf_counter() - start))
    return result


def step(now: Scene, target: Tensor) -> list[float]:
    """Milliseconds of each of PARTS in one step, and the processor time of all."""
    spent: list[float] = []
    start = time.process_time()
    device = now.vertices.device
    vertices = now.vertices.clone().requires_grad_()
    colours = now.colours.clone().requires_grad_()

    def values() -> Tensor:
        normals = vertex_normals(vertices, now.topology)
        views = colours.expand_as(vertices)
        return torch.cat([normals, torch.ones_like(vertices[..., :1]), views], 2)

    attributes = timed(values, spent, device)
    found = []
    timed(lambda: found.append(rasterize_now(now, vertices)) or vertices, spent, device)
    image = timed(lambda: interpolate(found[0], attributes), spent, device)
    blended = timed(lambda: antialias(found[0], image, attributes), spent, device)
    loss = timed(lambda: (blended - target).abs().mean(), spent, device)
    timed(lambda: torch.autograd.grad(loss, [vertices, colours])[0], spent, device)
    return [*spent, 1000 * (time.process_time() - start)]


def rasterize_now(now: Scene, vertices: Tensor) -> object:
    return rasterize(vertices, now.topology, now.cameras, backend=now.backend)


def measure(now: Scene, threads: int, repeats: int) -> list[list[float]]:
    """Milliseconds of PARTS, for each of some steps after one that is not counted."""
    torch.set_num_threads(threads)
    size = (len(now.vertices), now.cameras.height, now.cameras.width, 7)
    target = torch.full(size, 0.5, device=now.vertices.device)
    return [step(now, target) for _ in range(repeats + 1)][1:]


def show(name: str, steps: list[list[float]], first_ms: float | None) -> float:
    """Print one way of working; return the best time of a whole step."""
    wholes = [sum(parts[:-1]) for parts in steps]
    best = min(steps, key=lambda parts: sum(parts[:-1]))
    figures = [min(wholes), statistics.median(wholes), min(parts[-1] for parts in steps)]
    ratio = min(wholes) / (first_ms or min(wholes))
    shares = "".join(f"{100 * ms / min(wholes):10.0f}%" for ms in best[:-1])
    numbers = "".join(f"{figure:10.1f}" for figure in figures)
    sys.stdout.write(f"{name:20}{numbers}{ratio:8.2f}{shares}\n")
    sys.stdout.flush()
    return min(wholes)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--backend", choices=("warp", "nvdiffrast", "torch"))
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--views", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=9)
    asked = parser.parse_args()
    whole = scene(asked.size, asked.views, asked.device, asked.backend)
    ways = [("whole images", whole, 2), ("cropped to the body", cut(whole), 2)]
    if asked.device == "cpu":
        ways.insert(1, ("whole, one thread", whole, 1))
    count = len(whole.topology.faces)
    sys.stdout.write(f"{count} faces, {asked.views} x {asked.size} px, {asked.device}\n")
    head = "".join(f"{name:>10}" for name in ("best ms", "median", "cpu ms"))
    sys.stdout.write(f"{'':20}{head}{'ratio':>8}{''.join(f'{part:>11}' for part in PARTS)}\n")
    first_ms = None
    for name, now, threads in ways:
        best_ms = show(name, measure(now, threads, asked.repeats), first_ms)
        first_ms = first_ms or best_ms


if __name__ == "__main__":
    main()
