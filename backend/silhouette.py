"""How well the final avatar covers the person in a photo."""

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from backend.render.rasterizer import Raster, mask_iou, rasterize
from backend.types import Camera
from shared.skinning import pose
from shared.types import Avatar, Fit


def silhouette_iou(
    avatar: Avatar, fit: Fit, photo: int, mask: UInt8[np.ndarray, "H W"], *, device: torch.device
) -> float:
    """Return intersection over union of the posed avatar and the mask, both at the photo's size.

    Args:
        avatar: As in `avatar.npz`.
        fit: As in `fit.npz`.
        photo: Row of the fit.
        mask: As in the photo's PNG; 128 and above is the person.
        device: Where the avatar is rendered.
    """
    person = torch.from_numpy(mask >= 128).to(device)
    return mask_iou(silhouette(avatar, fit, photo, device), person)


def silhouette(avatar: Avatar, fit: Fit, photo: int, device: torch.device) -> Bool[Tensor, "H W"]:
    """Return which pixels of a photo the posed avatar covers."""
    return seen_avatar(avatar, fit, photo, device).mask


def seen_avatar(avatar: Avatar, fit: Fit, photo: int, device: torch.device) -> Raster:
    """Return what a photo's camera sees of the posed avatar."""
    faces = torch.from_numpy(avatar.faces.astype(np.int64)).to(device)
    vertices = posed_in_camera(avatar, fit, photo).to(device)
    return rasterize(vertices, faces, camera_of(fit, photo, device))


def posed_in_camera(avatar: Avatar, fit: Fit, photo: int) -> Float[Tensor, "V 3"]:
    """Return the vertices of the posed avatar in a photo's camera frame, metres."""
    matrix = fit.camera_from_world[photo].astype(np.float64)
    seen = pose(avatar, fit, photo) @ matrix[:3, :3].T + matrix[:3, 3]
    return torch.from_numpy(seen.astype(np.float32))


def camera_of(fit: Fit, photo: int, device: torch.device) -> Camera:
    """Return the camera of a photo."""
    width, height = fit.image_sizes[photo].tolist()
    intrinsics = torch.from_numpy(fit.intrinsics[photo]).to(device)
    return Camera(intrinsics=intrinsics, width=width, height=height)
