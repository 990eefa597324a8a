import pytest
import torch
import trimesh
from torch import Tensor


@pytest.fixture(scope="session")
def sphere() -> tuple[Tensor, Tensor]:
    """Vertices and faces of a unit sphere around the origin."""
    mesh = trimesh.creation.icosphere(4)
    return torch.tensor(mesh.vertices, dtype=torch.float32), torch.tensor(mesh.faces)
