"""Linear blend skinning of an avatar: enough to check its files without the backend."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .types import Avatar, Fit


def posed_from_rest(
    avatar: Avatar, rotations: NDArray[np.floating[Any]], root: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    """Return one rigid transform (J 4 4) per joint from the rest pose to a pose.

    G_j = G_parent(j) [R_j | p_j - R_j p_j], with the rest joints p (SMPL 2015, section 3).

    Args:
        avatar: World frame.
        rotations: (J 3 3) as in `Fit.rotations`.
        root: (3) metres; how far the pelvis is moved.
    """
    matrices = np.zeros((len(avatar.joints), 4, 4))
    for joint, parent in enumerate(avatar.parents):
        place = avatar.joints[joint].astype(np.float64)
        local = np.eye(4)
        local[:3, :3] = rotations[joint]
        local[:3, 3] = place - rotations[joint] @ place
        if parent < 0:
            local[:3, 3] += root
        matrices[joint] = local if parent < 0 else matrices[parent] @ local
    return matrices


def pose(avatar: Avatar, fit: Fit, photo: int) -> NDArray[np.float64]:
    """Return the avatar's vertices (V 3) as they stand in one photo; that photo's world, metres.

    v' = (sum_j w_j G_j) v    SMPL 2015, section 3
    """
    matrices = posed_from_rest(avatar, fit.rotations[photo], fit.root[photo])[:, :3]
    blended = (avatar.weights @ matrices.reshape(-1, 12)).reshape(-1, 3, 4)
    turned = np.einsum("vij,vj->vi", blended[:, :, :3], avatar.vertices)
    return turned + blended[:, :, 3]


def project(points: NDArray[np.floating[Any]], fit: Fit, photo: int) -> NDArray[np.float64]:
    """Return where a photo's camera sees points (… 3) of its world: (x px, y px, depth m)."""
    matrix = fit.camera_from_world[photo].astype(np.float64)
    seen = points @ matrix[:3, :3].T + matrix[:3, 3]
    image = seen @ fit.intrinsics[photo].T.astype(np.float64)
    return np.concatenate([image[..., :2] / image[..., 2:], seen[..., 2:]], axis=-1)
