from pathlib import Path

import numpy as np
import torch
from PIL import Image

from backend.files.png import eight_bits, save_png


def test_values_are_rounded_and_clipped() -> None:
    assert eight_bits(torch.tensor([-1.0, 0, 0.5, 1, 2])).tolist() == [0, 0, 128, 255, 255]


def test_a_written_mask_reads_as_it_was(tmp_path: Path) -> None:
    mask = np.arange(12, dtype=np.uint8).reshape(3, 4)
    save_png(tmp_path / "mask.png", mask)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "mask.png")), mask)
