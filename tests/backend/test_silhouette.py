import numpy as np
import pytest
import torch

from backend.silhouette import silhouette, silhouette_iou
from shared.types import Avatar, Fit

CPU = torch.device("cpu")


def test_box_covers_its_projection(box_avatar: Avatar, box_fit: Fit) -> None:
    seen = silhouette(box_avatar, box_fit, 0, CPU).numpy()
    rows, columns = np.nonzero(seen)
    near = 3 - 0.1  # metres from the camera to the front face, 0.4 m wide and 1.6 m high
    assert np.ptp(columns) + 1 == pytest.approx(100 * 0.4 / near, abs=1)
    assert np.ptp(rows) + 1 == pytest.approx(100 * 1.6 / near, abs=1)


def test_iou_with_itself_is_one_and_with_its_left_half_a_half(
    box_avatar: Avatar, box_fit: Fit
) -> None:
    whole = silhouette(box_avatar, box_fit, 0, CPU).numpy().astype(np.uint8) * 255
    half = whole.copy()
    half[:, 40:] = 0
    assert silhouette_iou(box_avatar, box_fit, 0, whole, device=CPU) == 1
    assert silhouette_iou(box_avatar, box_fit, 0, half, device=CPU) == pytest.approx(0.5, abs=0.05)
