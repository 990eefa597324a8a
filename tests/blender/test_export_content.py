"""What other programs read in the exported files; read back with Blender's importers."""

import os
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from blender.reading import (
    colours,
    heads,
    import_file,
    places,
    turn_bones,
    weights,
)
from blender.stand_in import Addon, rotations
from blender.test_export import exporter, imported
from blender.validator import validate

# In Blender 5.2's own FBX exporter and importer.
pytestmark = pytest.mark.filterwarnings("ignore:Setting the shape on a NumPy:DeprecationWarning")

KINDS = ("glb", "fbx")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """An avatar and what came back of it."""

    path: Path
    own: tuple[Any, Any]
    """Armature and mesh."""
    back: tuple[Any, Any]


@pytest.fixture(params=KINDS)
def exported(
    blender: ModuleType, addon: Addon, tmp_path: Path, request: pytest.FixtureRequest
) -> Exported:
    """An avatar exported while it is posed, moved and turned, and imported again."""
    armature, mesh = imported(blender, addon)
    addon("scene").show_photo(blender.context, armature, 1)
    armature.location, armature.rotation_euler = (3, 2, 1), (0, 0, 1)
    path = folder(tmp_path) / f"anna.{request.param}"
    exporter(addon, request.param)(blender.context, armature, path)
    armature.location = armature.rotation_euler = (0, 0, 0)
    addon("scene").show_rest(blender.context, armature)
    back, (back_mesh,) = import_file(blender, path)
    return Exported(path=path, own=(armature, mesh), back=(back, back_mesh))


def folder(otherwise: Path) -> Path:
    """Where files shall stay for other checks."""
    chosen = Path(os.environ.get("EXPORT_DIR", otherwise))
    chosen.mkdir(parents=True, exist_ok=True)
    return chosen


def test_vertices_come_back_in_the_rest_pose(blender: ModuleType, exported: Exported) -> None:
    own, back = (places(blender, pair[1]) for pair in (exported.own, exported.back))
    assert np.abs(back - own).max() < 5e-5


def test_joints_come_back(exported: Exported) -> None:
    own, back = exported.own[0], exported.back[0]
    assert len(back.data.bones) == 56
    assert {bone.name for bone in back.data.bones} == {bone.name for bone in own.data.bones}
    parents = {bone.name: bone.parent and bone.parent.name for bone in own.data.bones}
    assert parents == {bone.name: bone.parent and bone.parent.name for bone in back.data.bones}
    assert np.abs(heads(back) - heads(own)).max() < 5e-5


def test_weights_come_back(exported: Exported) -> None:
    names = [bone.name for bone in exported.own[0].data.bones]
    own, back = (weights(pair[1], names) for pair in (exported.own, exported.back))
    assert (back > 0).sum(1).max() <= 4
    np.testing.assert_allclose(back.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(back, own, atol=1e-4)  # glTF's exporter drops smaller ones


def test_colours_come_back(exported: Exported) -> None:
    off = colours(exported.back[1]) - colours(exported.own[1])
    assert np.abs(off).max() < 0.5  # of 255


def test_posed_vertices_are_the_same(blender: ModuleType, exported: Exported) -> None:
    from mathutils import Matrix

    names = [bone.name for bone in exported.own[0].data.bones]
    turned = rotations(len(names), 1.0, seed=11).tolist()
    pose = {name: Matrix(rotation) for name, rotation in zip(names, turned, strict=True)}
    for armature, _ in (exported.own, exported.back):
        turn_bones(armature, pose)
    own, back = (places(blender, pair[1]) for pair in (exported.own, exported.back))
    assert np.abs(own - places_at_rest(exported)).max() > 0.1
    assert np.abs(back - own).max() < 1e-4


def places_at_rest(exported: Exported) -> Any:
    mesh = exported.own[1].data
    return np.array([vertex.co for vertex in mesh.vertices])


def test_no_photos_pose_becomes_an_animation(exported: Exported) -> None:
    for thing in exported.back:
        assert thing.animation_data is None or thing.animation_data.action is None
    for word in (b'"animations"', b"\0\x01AnimStack"):
        assert word not in exported.path.read_bytes()


def test_names_are_the_avatars_own(exported: Exported) -> None:
    names = {"glb": b'"Anna"', "fbx": b"Armature\x00\x01Model"}
    data = exported.path.read_bytes()
    assert names[exported.path.suffix[1:]] in data
    assert b"Anna mesh" in data
    assert b".001" not in data


def test_validator_finds_nothing_in_the_glb(
    blender: ModuleType, addon: Addon, tmp_path: Path
) -> None:
    armature, _ = imported(blender, addon)
    path = folder(tmp_path) / "validated.glb"
    addon("export").export_glb(blender.context, armature, path)
    assert "0 errors, 0 warnings, 0 infos" in validate(path)


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_given_avatar_is_exported(
    blender: ModuleType, addon: Addon, tmp_path: Path, kind: str
) -> None:
    imported(blender, addon, "Berta")
    armature, _ = imported(blender, addon)
    blender.ops.object.empty_add()  # one can look through any object
    blender.context.object.name = "Spyglass"
    blender.context.scene.camera = blender.context.object
    path = tmp_path / f"anna.{kind}"
    exporter(addon, kind)(blender.context, armature, path)
    for other in (b"Berta", b"Spyglass"):
        assert other not in path.read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_painted_masks_do_not_take_the_colours_place(
    blender: ModuleType, addon: Addon, tmp_path: Path, kind: str
) -> None:
    armature, mesh = imported(blender, addon)
    own = colours(mesh)
    mask = mesh.data.color_attributes.new(name="A mask", type="BYTE_COLOR", domain="POINT")
    mesh.data.color_attributes.active_color = mask
    path = tmp_path / f"anna.{kind}"
    exporter(addon, kind)(blender.context, armature, path)
    _, (back,) = import_file(blender, path)
    found = [layer.name for layer in back.data.color_attributes]
    assert found == {"glb": ["Color"], "fbx": ["Color", "A mask"]}[kind]
    for name in found[1:]:
        back.data.color_attributes.remove(back.data.color_attributes[name])
    assert np.abs(colours(back) - own).max() < 0.5
