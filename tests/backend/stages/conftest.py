"""A body before a camera and the maps that a perfect predictor would give of it."""

from collections.abc import Callable

import pytest
import torch

from backend.body.anny55 import Anny55, load_anny55
from backend.body.kinematics import camera_from_bind, matrix_from_axis_angle
from backend.geometry.skinning import pose
from backend.render.rasterizer import interpolate, rasterize
from backend.types import BindBody, Camera, SkinnedMesh, SurfaceMaps

SIZE = 256


@pytest.fixture(scope="session")
def body() -> Anny55:
    return load_anny55()


@pytest.fixture(scope="session")
def bind(body: Anny55) -> BindBody:
    return body.bind(body.mean_shape)


@pytest.fixture(scope="session")
def template(body: Anny55, bind: BindBody) -> SkinnedMesh:
    grey = torch.full_like(bind.vertices, 0.5)
    return SkinnedMesh(vertices=bind.vertices, faces=body.faces, weights=body.weights, colours=grey)


@pytest.fixture(scope="session")
def bones_of(
    body: Anny55, bind: BindBody
) -> Callable[[dict[int, list[float]], float], torch.Tensor]:
    """Bone matrices of a pose (joint -> axis-angle) of a body 3 m before the camera, by yaw."""

    def bones(turned: dict[int, list[float]], yaw_rad: float) -> torch.Tensor:
        angles = torch.zeros(1, 55, 3)
        for joint, vector in turned.items():
            angles[0, joint] = torch.tensor(vector)
        camera_from_body = torch.eye(4)
        upright = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
        turn = matrix_from_axis_angle(torch.tensor([0.0, yaw_rad, 0.0]))
        camera_from_body[:3, :3] = upright @ turn
        middle = camera_from_body[:3, :3] @ bind.vertices[body.faces.flatten()].mean(0)
        camera_from_body[:3, 3] = torch.tensor([0.0, 0.0, 3.0]) - middle
        return camera_from_bind(
            bind.joints, body.parents, matrix_from_axis_angle(angles), camera_from_body[None]
        )[0]

    return bones


@pytest.fixture(scope="session")
def camera() -> Camera:
    middle, focal = SIZE / 2, SIZE * 1.5
    intrinsics = torch.tensor([[focal, 0, middle], [0, focal, middle], [0, 0, 1]])
    return Camera(intrinsics=intrinsics, width=SIZE, height=SIZE)


@pytest.fixture(scope="session")
def perfect_maps(camera: Camera) -> Callable[[SkinnedMesh, torch.Tensor], SurfaceMaps]:
    """Maps of a skinned mesh posed by bone matrices."""

    def maps(mesh: SkinnedMesh, bones: torch.Tensor) -> SurfaceMaps:
        posed = pose(mesh.vertices, mesh.weights, bones)
        layers = [rasterize(posed, mesh.faces, camera, side) for side in ("nearest", "farthest")]
        mask = layers[0].mask
        return SurfaceMaps(
            camera=camera,
            camera_from_crop_px=torch.eye(3),
            level=mask.float(),
            depth=torch.stack([layer.depth for layer in layers]),
            weights=torch.stack([interpolate(la, mesh.faces, mesh.weights)[mask] for la in layers]),
            colour=torch.stack([interpolate(la, mesh.faces, mesh.colours) for la in layers]),
        )

    return maps
