"""One subject in files, whose scans are the bare body: what scanning does is tested elsewhere."""

from pathlib import Path

import pytest
import torch

from backend.body.anny55 import Anny55, load_anny55
from backend.body.kinematics import bone_matrices
from backend.evaluate import truth
from backend.geometry.isosurface import face_components
from backend.geometry.skinning import pose
from backend.synthesis.people import Outfit, Person, dress
from backend.synthesis.scan import ScanSettings, TrueScan

BARE = Outfit(garments=(), eyes=None, skin_colour=(0.8, 0.6, 0.5), skin_texture=None)


@pytest.fixture(scope="session")
def body() -> Anny55:
    return load_anny55()


@pytest.fixture(scope="session")
def subject_folder(body: Anny55, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `write_truth` leaves it: two poses, the second with one bent elbow."""
    rotations = torch.eye(3).repeat(2, len(body.joint_names), 1, 1)
    bend = torch.tensor([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    rotations[1, body.joint_names.index("left_elbow")] = bend
    person = dress(body, body.mean_shape, BARE)
    folder = tmp_path_factory.mktemp("truth") / "bare"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(truth, "scan", lambda *given: scan_of_body(body, *given))
        truth.write_truth(person, body.mean_shape, rotations, folder, settings=ScanSettings())
    return folder


def scan_of_body(
    body: Anny55, person: Person, rotations: torch.Tensor, _settings: ScanSettings
) -> TrueScan:
    component = face_components(body.skin_faces, len(body.weights))
    faces = body.skin_faces[component == component.mode().values]
    used, faces = faces.unique(return_inverse=True)
    bind, weights = person.bind.vertices[used], body.weights[used]
    bones = bone_matrices(person.bind.joints, person.parents, rotations)
    return TrueScan(
        vertices=pose(bind, weights, bones),
        faces=faces,
        weights=weights,
        parts=(bind[:, 1] < person.bind.joints[0, 1]).long() * 3,  # trousers below the pelvis
        colours=torch.zeros_like(bind),
        bind_vertices=bind,
    )
