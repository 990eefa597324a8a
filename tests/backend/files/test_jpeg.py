from pathlib import Path

import numpy as np
from PIL import Image

from backend.files.jpeg import save_jpeg


def test_a_written_photo_looks_as_it_was(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    photo = np.stack([*np.meshgrid(ramp, ramp), np.full((64, 64), 90, np.uint8)], axis=2)
    save_jpeg(tmp_path / "photo.jpg", photo)
    back = np.asarray(Image.open(tmp_path / "photo.jpg")).astype(int)
    assert np.abs(back - photo).mean() < 3
