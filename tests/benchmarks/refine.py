"""How long one step of refinement takes, against the rasteriser's own benchmark.

`python tests/benchmarks/refine.py [--size 512] [--views 8] [--device cuda]` prints the best and the
median wall time of some steps and the least processor time of one, which other programs disturb
less: of refinement, and of `rasterizer.py`'s step on the same body seen by the same cameras. A step
of refinement draws one layer of each view (in turns), and adds poses, skinning, energies and the
search for closest points, spread over the steps that keep them.
"""

import argparse
import itertools
import statistics
import sys
import time
from dataclasses import replace

import rasterizer as drawing  # sets PyTorch's allocator: before PyTorch
import torch
from torch import Tensor

from backend.body.anny55 import SKIN_VERTICES, load_anny55
from backend.render.rasterizer import interpolate, rasterize
from backend.stages.reconstruct import ReconstructSettings, reconstruct
from backend.stages.refine import Evidence, RefineSettings, refine
from backend.types import Camera, Poses, SkinnedMesh, SurfaceMaps


def mesh_of(scene: drawing.Scene, device: str) -> tuple[SkinnedMesh, Poses]:
    """The benchmark's body with its bones, and how it stands in the views."""
    body = load_anny55(device)
    bind = body.bind(body.mean_shape)
    quads = body.quads[(body.quads < SKIN_VERTICES).all(1)]
    mesh = SkinnedMesh(
        vertices=torch.cat([bind.vertices, bind.vertices[quads].mean(1)]),
        faces=scene.topology.faces.long(),
        weights=torch.cat([body.weights, body.weights[quads].mean(1)]),
        colours=scene.colours,
    )
    count = len(scene.vertices)
    poses = Poses(
        joints=bind.joints,
        parents=tuple(body.parents),
        rotations=torch.eye(3, device=device).repeat(count, len(bind.joints), 1, 1),
        camera_from_body=torch.stack([rigid(mesh.vertices, seen) for seen in scene.vertices]),
    )
    return mesh, poses


def rigid(rest: Tensor, seen: Tensor) -> Tensor:
    """The transform that takes the one to the other."""
    ones = torch.ones_like(rest[:, :1])
    rows = torch.linalg.lstsq(torch.cat([rest, ones], 1).double(), seen.double()).solution.T
    matrix = torch.eye(4, dtype=torch.float64, device=rest.device)
    matrix[:3] = rows
    return matrix.to(rest)


def evidence(mesh: SkinnedMesh, seen: Tensor, camera: Camera) -> Evidence:
    """What perfect maps of one view say."""
    layers = [rasterize(seen, mesh.faces, camera, side) for side in ("nearest", "farthest")]
    mask = layers[0].mask
    maps = SurfaceMaps(
        camera=camera,
        camera_from_crop_px=torch.eye(3, device=seen.device),
        level=mask.float(),
        depth=torch.stack([layer.depth for layer in layers]),
        weights=torch.stack([interpolate(la, mesh.faces, mesh.weights)[mask] for la in layers]),
        colour=torch.stack([interpolate(la, mesh.faces, mesh.colours) for la in layers]),
    )
    size = (camera.width, camera.height)
    surface = reconstruct(maps, ReconstructSettings(), photo_size=size)
    return Evidence(maps=maps, surface=surface, camera=camera)


def steps_ms(scene: drawing.Scene, device: str, repeats: int) -> list[list[float]]:
    """Wall and processor time of each step at full resolution, milliseconds."""
    mesh, poses = mesh_of(scene, device)
    photos = [
        evidence(
            mesh,
            seen,
            Camera(intrinsics=intrinsics, width=scene.cameras.width, height=scene.cameras.height),
        )
        for seen, intrinsics in zip(scene.vertices, scene.cameras.intrinsics, strict=True)
    ]
    every = RefineSettings().pairs_every
    settings = RefineSettings(pose_steps=0, coarse_steps=0, fine_steps=repeats * every)
    noise = 0.003 * torch.randn(mesh.vertices.shape, generator=torch.Generator().manual_seed(0))
    times: list[tuple[float, float]] = []

    def note(_stage: str, _fraction: float) -> None:
        if device == "cuda":
            torch.cuda.synchronize()
        times.append((time.perf_counter(), time.process_time()))

    start = replace(mesh, vertices=mesh.vertices + noise.to(device))
    refine(start, photos, poses, settings, report=note)
    whole = [times[k] for k in range(0, len(times), every)]
    return [
        [1000 * (b - a) / every for a, b in zip(first, then, strict=True)]
        for first, then in itertools.pairwise(whole)
    ]


def show(name: str, walls: list[float], processors: list[float], first_ms: float | None) -> float:
    """Print a row; return the processor time."""
    least = min(processors)
    figures = [min(walls), statistics.median(walls), least, least / (first_ms or least)]
    sys.stdout.write(f"{name:24}" + "".join(f"{figure:10.2f}" for figure in figures) + "\n")
    sys.stdout.flush()
    return least


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--views", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=4)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    scene = drawing.scene(asked.size, asked.views, asked.device, None)
    count = len(scene.topology.faces)
    sys.stdout.write(f"{count} faces, {asked.views} x {asked.size} px, {asked.device}\n")
    head = "".join(f"{name:>10}" for name in ("best ms", "median", "cpu ms", "cpu ratio"))
    sys.stdout.write(f"{'':24}{head}\n")
    rows = drawing.measure(drawing.cut(scene), asked.threads, 2 * asked.repeats)
    walls = [sum(row[:-1]) for row in rows]
    first_ms = show("rasteriser, cropped", walls, [row[-1] for row in rows], None)
    rows = steps_ms(scene, asked.device, asked.repeats)
    show("refinement", [row[0] for row in rows], [row[1] for row in rows], first_ms)


if __name__ == "__main__":
    main()
