import pytest
import torch
import trimesh
from torch import Tensor


@pytest.fixture(scope="session")
def sphere() -> tuple[Tensor, Tensor]:
    """Vertices and faces of a unit sphere around the origin."""
    mesh = trimesh.creation.icosphere(4)
    return torch.tensor(mesh.vertices, dtype=torch.float32), torch.tensor(mesh.faces)


@pytest.fixture
def points() -> Tensor:
    """Points in and around the unit sphere."""
    return 3 * torch.rand((500, 3), generator=torch.Generator().manual_seed(0)) - 1.5
