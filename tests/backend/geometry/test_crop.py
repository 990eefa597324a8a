import torch

from backend.geometry.crop import crop_camera, resample, square_around, to_crop
from backend.types import Camera


def frame(scale: float, left: float, top: float) -> torch.Tensor:
    return torch.tensor([[scale, 0, left], [0, scale, top], [0, 0, 1.0]])


def test_a_coarser_crop_holds_area_means() -> None:
    image = torch.rand(8, 12, 3, generator=torch.Generator().manual_seed(0))
    means = image[2:6, 4:8].view(2, 2, 2, 2, 3).mean((1, 3))
    assert torch.allclose(resample(image, frame(2, 4, 2), 2), means, atol=1e-5)


def test_a_finer_crop_interpolates_a_ramp_exactly() -> None:
    image = (torch.arange(16) + 0.5)[None, :, None].expand(16, 16, 1)
    crop = resample(image, frame(0.5, 4, 4), 16)
    assert torch.allclose(crop[3, :, 0], 4 + 0.5 * (torch.arange(16) + 0.5), atol=1e-4)


def test_outside_of_the_photo_counts_as_zero() -> None:
    crop = resample(torch.ones(4, 4, 1), frame(1, -2, 0), 4)[..., 0]
    assert torch.equal(crop, torch.tensor([0.0, 0, 1, 1]).expand(4, 4))


def test_the_crop_shows_all_points_with_a_margin() -> None:
    points = torch.tensor([[100.0, 50], [300, 450]])
    photo_from_crop = square_around(points, 0.05, 200)
    crop = to_crop(points, photo_from_crop)
    assert torch.allclose(crop[:, 1], torch.tensor([10.0, 190]))
    assert torch.allclose(crop[:, 0].mean(), torch.tensor(100.0))


def test_the_crops_camera_sees_a_point_where_the_photos_does() -> None:
    intrinsics = torch.tensor([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]])
    photo_from_crop = frame(1.7, 40, -12)
    camera = crop_camera(Camera(intrinsics=intrinsics, width=640, height=480), photo_from_crop, 256)
    point = torch.tensor([0.3, -0.2, 2.5])
    assert torch.allclose(
        photo_from_crop @ camera.intrinsics @ point, intrinsics @ point, rtol=1e-5
    )
