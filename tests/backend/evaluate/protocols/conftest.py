import math
from collections.abc import Callable

import pytest
import torch
import trimesh

from backend.evaluate.protocols.mesh import Surface

Maker = Callable[..., Surface]


def surface_of(mesh: trimesh.Trimesh) -> Surface:
    return Surface(
        vertices=torch.tensor(mesh.vertices, dtype=torch.float32),
        faces=torch.tensor(mesh.faces),
    )


@pytest.fixture(scope="session")
def ball() -> Maker:
    """Makes a sphere; metres."""
    unit = surface_of(trimesh.creation.icosphere(4))

    def make(radius_m: float, shift_m: tuple[float, float, float] = (0, 0, 0)) -> Surface:
        vertices = radius_m * unit.vertices + torch.tensor(shift_m, dtype=torch.float32)
        return Surface(vertices=vertices, faces=unit.faces)

    return make


@pytest.fixture(scope="session")
def wall() -> Maker:
    """Makes an upright square that looks along +Z, tilted about +X; metres."""

    def make(tilt_rad: float = 0.0, side_m: float = 8.0, z_m: float = 0.0) -> Surface:
        c, s, half = math.cos(tilt_rad), math.sin(tilt_rad), side_m / 2
        corners = [(x, y * c, y * s + z_m) for y in (-half, half) for x in (-half, half)]
        return Surface(vertices=torch.tensor(corners), faces=torch.tensor([[0, 1, 2], [1, 3, 2]]))

    return make


@pytest.fixture(scope="session")
def blob() -> Surface:
    """A closed surface of 1.8 m without any symmetry."""
    unit = surface_of(trimesh.creation.icosphere(4)).vertices
    x, y, z = unit.unbind(1)
    grown = 1 + 0.2 * torch.sin(3 * x + 1) + 0.15 * torch.cos(4 * z + 2 * y) + 0.2 * x * y
    vertices = unit * grown[:, None] * torch.tensor([0.35, 0.8, 0.2])
    return Surface(vertices=vertices, faces=torch.tensor(trimesh.creation.icosphere(4).faces))
