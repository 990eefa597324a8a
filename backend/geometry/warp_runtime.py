"""Starts Warp quietly and launches kernels on the device of the tensors."""

import atexit
import contextlib
import functools
import shutil
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import torch
import warp as wp

from backend.native_messages import native_messages_dropped


@functools.cache
def start() -> None:
    """Initialise Warp once: no banner, and compiled kernels kept where we may write."""
    wp.config.log_level = wp.LOG_ERROR
    # Without CUDA, Warp's library writes a line that no setting silences; PyTorch knows it already.
    with contextlib.nullcontext() if torch.cuda.is_available() else native_messages_dropped():
        try:
            wp.init()
        except OSError:  # the home directory is read-only or absent: keep the kernels for this run
            wp.config.kernel_cache_dir = _directory_of_this_run()
            wp.init()


def launch(
    kernel: wp.Kernel | Callable[..., None],  # type checkers take a kernel for its function
    dim: int | Sequence[int],
    inputs: Sequence[Any],
    device: torch.device,
) -> None:
    """Run a kernel in PyTorch's stream; results are the arrays among its inputs."""
    start()
    if device.type == "cuda":
        stream = wp.stream_from_torch(torch.cuda.current_stream(device))
        wp.launch(kernel, dim=dim, inputs=inputs, stream=stream)
    else:
        wp.launch(kernel, dim=dim, inputs=inputs, device="cpu")


def _directory_of_this_run() -> str:
    directory = tempfile.mkdtemp(prefix="photo-avatar-kernels-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory
