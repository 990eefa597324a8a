"""Warp kernels over several views at once: on the CPU, threads share the views."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch
import warp as wp
from torch import Tensor

from backend.geometry.warp_runtime import launch, start


@dataclass(frozen=True, slots=True, kw_only=True)
class Array:
    """A tensor as a kernel sees it."""

    tensor: Tensor
    kind: Any
    """Warp's type of an element: scalar, vector or matrix."""
    is_per_view: bool = True
    """False: all views read the same."""


def per_view(tensor: Tensor, kind: Any) -> Array:
    """Return an argument of `launch_views` whose first axis is the views."""
    return Array(tensor=tensor, kind=kind)


def shared(tensor: Tensor, kind: Any) -> Array:
    """Return an argument of `launch_views` that all views read."""
    return Array(tensor=tensor, kind=kind, is_per_view=False)


def launch_views(
    kernel: wp.Kernel | Callable[..., None],
    size: Sequence[int],
    inputs: Sequence[Array | int | float],
    device: torch.device,
) -> None:
    """Run a kernel over the views and what else is in `size`.

    A launch on the CPU is one thread and holds no lock of Python's: as many threads as PyTorch has
    each take some of the views, which therefore share no result.

    Args:
        kernel: Its first index is the view.
        size: Views first.
        inputs: In the kernel's order.
        device: Of the tensors.
    """
    if 0 in size:
        return
    start()
    count = min(size[0], torch.get_num_threads()) if device.type == "cpu" else 1
    if count <= 1:
        launch(kernel, size, _arguments(inputs, slice(None)), device)
        return
    if isinstance(kernel, wp.Kernel):
        kernel.module.load(wp.get_device("cpu"))  # compiling is not for several threads
    cuts = [size[0] * i // count for i in range(count + 1)]
    parts = [slice(cuts[i], cuts[i + 1]) for i in range(count)]
    arguments = [_arguments(inputs, part) for part in parts]
    with ThreadPoolExecutor(count) as threads:
        runs = [
            threads.submit(launch, kernel, (part.stop - part.start, *size[1:]), values, device)
            for part, values in zip(parts, arguments, strict=True)
        ]
    for run in runs:
        run.result()


def _arguments(inputs: Sequence[Array | int | float], views: slice) -> list[Any]:
    """Return what `launch` takes, for some of the views."""
    return [
        wp.from_torch(
            value.tensor[views] if value.is_per_view else value.tensor,
            dtype=value.kind,
            requires_grad=False,
        )
        if isinstance(value, Array)
        else value
        for value in inputs
    ]
