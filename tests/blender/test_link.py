"""The link to the backend with each Blender's own Python, NumPy and ZeroMQ."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SAMPLE = Path(__file__).resolve().parents[2] / "backend/assets/samples/front.jpg"
Addon = Callable[..., Any]


def test_arrays_cross_the_wire(addon: Addon) -> None:
    messages, wire = addon("shared.messages"), addon("shared.wire")
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    read = wire.decode(wire.encode(messages.Thumbnail(key="a.jpg", pixels=pixels)))
    assert (read.pixels == pixels).all()


@pytest.mark.skipif("PHOTO_AVATAR_PYTHON" not in os.environ, reason="no backend is named")
def test_a_real_backend_answers(addon: Addon, tmp_path: Path) -> None:
    module = addon("session")
    python = Path(os.environ["PHOTO_AVATAR_PYTHON"])
    session = module.Session()
    session.start(
        module.Launch(python=python, jobs=tmp_path / "jobs", device="cpu", body=None, client="test")
    )
    session.request_thumbnail(SAMPLE)
    deadline = time.monotonic() + 60
    while str(SAMPLE) not in session.thumbnails:
        assert time.monotonic() < deadline, session.problem
        session.pump()
        time.sleep(0.01)
    session.stop()
    assert session.thumbnails[str(SAMPLE)].pixels.shape[2] == 4
