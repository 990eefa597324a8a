"""What artists add to an avatar goes along: meshes, modifiers, scale, clips."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from blender.reading import import_file, places, turn_bones, weights
from blender.snapshot import snapshot
from blender.stand_in import Addon
from blender.test_export import exporter, imported

# In Blender 5.2's own FBX exporter and importer.
pytestmark = pytest.mark.filterwarnings("ignore:Setting the shape on a NumPy:DeprecationWarning")

KINDS = ("glb", "fbx")
NOD = {"head": ((0.8, -0.6, 0), (0.6, 0.8, 0), (0, 0, 1))}
"""Rotation of the head."""


def add_cube(bpy: ModuleType, name: str, at: tuple[float, float, float]) -> Any:
    """A small cube that has not all its corners at equal distances."""
    bpy.ops.mesh.primitive_cube_add(size=0.2, location=at, rotation=(0.1, 0.2, 0.3))
    cube = bpy.context.object
    cube.name = name
    cube.scale = (1, 2, 3)
    return cube


def parented(bpy: ModuleType, child: Any, parent: Any, bone: str = "") -> Any:
    """The child, which stays where it is."""
    bpy.context.view_layer.update()
    place = child.matrix_world.copy()
    child.parent, child.parent_type = parent, "BONE" if bone else "OBJECT"
    child.parent_bone = bone
    bpy.context.view_layer.update()
    child.matrix_world = place
    bpy.context.view_layer.update()
    return child


def exported(
    bpy: ModuleType, addon: Addon, armature: Any, path: Path
) -> tuple[Any, dict[str, Any]]:
    """The armature and the meshes that come back; the scene was left alone."""
    before = snapshot(bpy)
    exporter(addon, path.suffix[1:])(bpy.context, armature, path)
    assert snapshot(bpy) == before
    back, meshes = import_file(bpy, path)
    return back, {mesh.name.removesuffix(".001"): mesh for mesh in meshes}


def nodding(bpy: ModuleType, armatures: tuple[Any, Any]) -> None:
    from mathutils import Matrix

    for armature in armatures:
        turn_bones(armature, {name: Matrix(rows) for name, rows in NOD.items()})
    bpy.context.view_layer.update()


def corners(points: Any) -> Any:
    """Points of a cube once each, in an order that does not depend on the file's."""
    return np.unique(np.round(points, 4), axis=0)


@pytest.mark.parametrize("kind", KINDS)
def test_hat_on_a_bone_moves_with_it(
    blender: ModuleType, addon: Addon, tmp_path: Path, kind: str
) -> None:
    armature, _ = imported(blender, addon)
    hat = parented(blender, add_cube(blender, "hat", (0, 0, 1.8)), armature, "head")
    bow = parented(blender, add_cube(blender, "bow", (0, 0.2, 1.9)), hat)
    addon("scene").show_photo(blender.context, armature, 0)
    back, meshes = exported(blender, addon, armature, tmp_path / f"anna.{kind}")
    assert set(meshes) == {"Anna mesh", "hat", "bow"}
    addon("scene").show_rest(blender.context, armature)
    for _ in range(2):
        for own in (hat, bow):
            same = corners(places(blender, own)), corners(places(blender, meshes[own.name]))
            np.testing.assert_allclose(*same, atol=2e-4)
        nodding(blender, (armature, back))


@pytest.mark.parametrize("kind", KINDS)
def test_jacket_goes_along_as_its_modifiers_show_it(
    blender: ModuleType, addon: Addon, tmp_path: Path, kind: str
) -> None:
    armature, _ = imported(blender, addon)
    armature.location = (1, 0, 0)
    jacket = parented(blender, add_cube(blender, "jacket", (1.2, 0, 1.2)), armature)
    jacket.modifiers.new("Mirror", "MIRROR").mirror_object = armature
    jacket.modifiers.new("Anna", "ARMATURE").object = armature
    jacket.vertex_groups.new(name="head").add(range(8), 1, "REPLACE")
    back, meshes = exported(blender, addon, armature, tmp_path / f"anna.{kind}")
    armature.location = (0, 0, 0)
    nodding(blender, (armature, back))
    own, other = corners(places(blender, jacket)), corners(places(blender, meshes["jacket"]))
    assert len(own) == 16
    np.testing.assert_allclose(own, other, atol=2e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_child_of_no_bone_stands_where_it_is(
    blender: ModuleType, addon: Addon, tmp_path: Path, kind: str
) -> None:
    armature, _ = imported(blender, addon)
    chair = parented(blender, add_cube(blender, "chair", (0, 0.5, 0.3)), armature)
    chair.keyframe_insert("location", frame=1)
    limit = chair.constraints.new("LIMIT_LOCATION")
    limit.use_min_z, limit.min_z = True, 0.3
    back, meshes = exported(blender, addon, armature, tmp_path / f"anna.{kind}")
    nodding(blender, (armature, back))
    own, other = corners(places(blender, chair)), corners(places(blender, meshes["chair"]))
    np.testing.assert_allclose(own, other, atol=2e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_scale_of_the_armature_becomes_the_files(
    blender: ModuleType, addon: Addon, tmp_path: Path, kind: str
) -> None:
    armature, mesh = imported(blender, addon)
    armature.scale = (1.1, 1.1, 1.1)
    blender.context.view_layer.update()
    back, meshes = exported(blender, addon, armature, tmp_path / f"anna.{kind}")
    np.testing.assert_allclose(
        places(blender, meshes["Anna mesh"]), places(blender, mesh), atol=5e-5
    )
    unit = {"glb": 1, "fbx": 0.01}[kind]
    np.testing.assert_allclose(list(back.matrix_world.to_scale()), unit, rtol=1e-5)


def test_scale_counts_though_the_avatar_was_hidden_when_it_was_set(
    blender: ModuleType, addon: Addon, tmp_path: Path
) -> None:
    armature, mesh = imported(blender, addon)
    top = places(blender, mesh)[:, 2].max()
    blender.context.view_layer.layer_collection.children["Anna"].exclude = True
    armature.scale = (1.1, 1.1, 1.1)
    _, meshes = exported(blender, addon, armature, tmp_path / "anna.glb")
    assert places(blender, meshes["Anna mesh"])[:, 2].max() == pytest.approx(1.1 * top)


def add_clip(bpy: ModuleType, armature: Any, name: str) -> None:
    """A walk of one second as an NLA track."""
    action = bpy.data.actions.new(name)
    animation = armature.animation_data_create()
    animation.action = action
    pelvis, head = (armature.pose.bones[bone] for bone in ("pelvis", "head"))
    for frame, place, turn in ((1, (0, 0, 0), (1, 0, 0, 0)), (25, (0.1, 0.4, 1), (0.8, 0.6, 0, 0))):
        pelvis.location, head.rotation_quaternion = place, turn
        pelvis.keyframe_insert("location", frame=frame)
        head.keyframe_insert("rotation_quaternion", frame=frame)
    animation.action = None
    animation.nla_tracks.new().strips.new(name, 1, action)
    animation.nla_tracks[-1].name = name


@pytest.mark.parametrize("kind", KINDS)
def test_tracks_become_clips_and_poses_do_not(
    blender: ModuleType, addon: Addon, tmp_path: Path, kind: str
) -> None:
    armature, mesh = imported(blender, addon)
    add_clip(blender, armature, "muted")
    armature.animation_data.nla_tracks[0].mute = True
    add_clip(blender, armature, "walk")
    armature.animation_data.action = addon("scene").photos_of(armature)[0].action
    blender.context.scene.frame_set(1)
    before = set(blender.data.actions)
    _, meshes = exported(blender, addon, armature, tmp_path / f"anna.{kind}")
    (clip,) = set(blender.data.actions) - before
    assert "walk" in clip.name
    armature.animation_data.action = None
    addon("scene").show_rest(blender.context, armature)  # what the clip has no keys for
    blender.context.scene.frame_set(25)
    own = places(blender, mesh)
    blender.context.scene.frame_set(round(clip.frame_range[1]))
    np.testing.assert_allclose(places(blender, meshes["Anna mesh"]), own, atol=1e-4)
    assert own[:, 2].max() > 2


def test_edits_under_way_go_along(blender: ModuleType, addon: Addon, tmp_path: Path) -> None:
    armature, mesh = imported(blender, addon)
    blender.context.view_layer.objects.active = mesh
    blender.ops.object.mode_set(mode="EDIT")
    blender.ops.mesh.select_all(action="SELECT")
    blender.ops.transform.translate(value=(0, 0, 0.5))
    addon("export").export_fbx(blender.context, armature, tmp_path / "anna.fbx")
    assert mesh.mode == "EDIT"
    _, (back,) = import_file_in_object_mode(blender, tmp_path / "anna.fbx")
    assert places(blender, back)[:, 2].max() == pytest.approx(places(blender, mesh)[:, 2].max())
    assert places(blender, back)[:, 2].max() > 2


def import_file_in_object_mode(bpy: ModuleType, path: Path) -> Any:
    bpy.ops.object.mode_set(mode="OBJECT")
    return import_file(bpy, path)


def test_locked_and_foreign_groups_do_not_disturb_the_weights(
    blender: ModuleType, addon: Addon, tmp_path: Path
) -> None:
    armature, mesh = imported(blender, addon)
    for group in list(mesh.vertex_groups)[:8]:
        group.add([0, 1, 2], 0.3, "ADD")
        group.lock_weight = True
    for name in ("not a bone", "root"):
        mesh.vertex_groups.new(name=name).add([0, 1, 2], 1, "REPLACE")
    back, meshes = exported(blender, addon, armature, tmp_path / "anna.fbx")
    bones = [bone.name for bone in back.data.bones]
    shares = weights(meshes["Anna mesh"], bones)
    assert (shares > 0).sum(1).max() == 4
    assert shares[:, bones.index("root")].max() == 0
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-5)
