"""Weights of the canonical surface."""

from dataclasses import replace

import torch

from backend.body.anny55 import load_anny55
from backend.geometry.cloth_weights import Dummy
from backend.stages.weigh import WeighSettings, weigh
from backend.types import SkinnedMesh

HEAD, LEFT_SHOULDER = 15, 16


def dressed() -> tuple[SkinnedMesh, Dummy]:
    """The body itself, whose weights the photos give to one joint."""
    body = load_anny55()
    vertices = body.bind(body.mean_shape).vertices
    used = torch.unique(body.faces)
    place = torch.zeros(len(vertices), dtype=torch.int64)
    place[used] = torch.arange(len(used))
    dummy = Dummy(
        body=SkinnedMesh(
            vertices=vertices,
            faces=body.faces,
            weights=body.weights,
            colours=torch.zeros_like(vertices),
        ),
        skirt_faces=body.skirt_faces,
        bind_height=vertices[:, 1],
    )
    mesh = SkinnedMesh(
        vertices=vertices[used],
        faces=place[body.faces],
        weights=torch.nn.functional.one_hot(torch.full((len(used),), LEFT_SHOULDER), 55).float(),
        colours=torch.zeros_like(vertices[used]),
    )
    return mesh, dummy


def test_the_surface_takes_the_weights_of_the_body_beneath() -> None:
    mesh, dummy = dressed()
    found = weigh(mesh, dummy, WeighSettings())
    true = dummy.body.weights[torch.unique(dummy.body.faces)]
    assert torch.allclose(found.weights.sum(1), torch.ones(1), atol=1e-4)
    assert (found.weights - true).abs().sum(1).median() < 0.1


def test_what_the_photos_tie_to_the_head_stays_there() -> None:
    mesh, dummy = dressed()
    on_head = torch.nn.functional.one_hot(torch.full((len(mesh.vertices),), HEAD), 55).float()
    found = weigh(replace(mesh, weights=on_head), dummy, WeighSettings())
    trunk = dummy.body.weights[torch.unique(dummy.body.faces)][:, [12, 15]].sum(1) < 0.01
    assert found.weights[trunk][:, HEAD].min() > 0.99
