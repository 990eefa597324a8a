import numpy as np
import torch

from backend.files.preview import TILE_HEIGHT_PX, Shown, preview
from shared.types import Avatar, Fit


def test_the_avatar_stands_beside_each_photo(box_avatar: Avatar, box_fit: Fit) -> None:
    photo = Shown(color=torch.ones(100, 80, 3), mask=np.zeros((100, 80), np.uint8))
    picture = preview(box_avatar, box_fit, [photo], torch.device("cpu"))
    photo_width = round(80 * TILE_HEIGHT_PX / 100)
    second_row = picture[TILE_HEIGHT_PX:]
    middle = second_row[TILE_HEIGHT_PX // 2, photo_width + photo_width // 2]
    assert picture.shape[0] == 2 * TILE_HEIGHT_PX
    assert (second_row[:, :photo_width] < 100).all()  # darkened: the mask is empty
    assert middle.max() < 60  # the box's colours are dark, the background is white


def test_wide_rows_are_broken(box_avatar: Avatar, box_fit: Fit) -> None:
    tall = Fit(
        photos=("a", "b", "c", "d", "e"),
        masks=("a", "b", "c", "d", "e"),
        **{
            name: np.repeat(getattr(box_fit, name), 5, axis=0)
            for name in ("rotations", "root", "intrinsics", "camera_from_world", "image_sizes")
        },
    )
    photos = [Shown(color=torch.ones(100, 80, 3), mask=np.zeros((100, 80), np.uint8))] * 5
    picture = preview(box_avatar, tall, photos, torch.device("cpu"))
    assert picture.shape[0] == 3 * TILE_HEIGHT_PX
