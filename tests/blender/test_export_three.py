"""Exported avatars in three.js, whose loaders share nothing with Blender's."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from blender.reading import colours, places, turn_bones
from blender.stand_in import Addon, rotations
from blender.test_export import exporter, imported
from blender.three import posed

# In Blender 5.2's own FBX exporter.
pytestmark = pytest.mark.filterwarnings("ignore:Setting the shape on a NumPy:DeprecationWarning")


def in_a_pose(bpy: ModuleType, addon: Addon, path: Path) -> tuple[Any, Any, Any, Any, str]:
    """Own vertices and sRGB colours, those of three.js, and what it says of the file."""
    armature, mesh = imported(bpy, addon)
    addon("scene").show_photo(bpy.context, armature, 2)
    exporter(addon, path.suffix[1:])(bpy.context, armature, path)
    addon("scene").show_rest(bpy.context, armature)
    names = [bone.name for bone in armature.data.bones]
    pose = dict(zip(names, rotations(len(names), 0.8, seed=13), strict=True))
    from mathutils import Matrix

    turn_bones(armature, {name: Matrix(rotation.tolist()) for name, rotation in pose.items()})
    return places(bpy, mesh), colours(mesh), *posed(path, pose)


def test_glb_in_three_js(blender: ModuleType, addon: Addon, tmp_path: Path) -> None:
    own, own_colours, seen, linear, words = in_a_pose(blender, addon, tmp_path / "anna.glb")
    assert np.abs(seen - own).max() < 1e-4
    encoded = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(255 * encoded - own_colours).max() < 0.5
    assert "1 skinned mesh, 56 bones" in words
    assert "vertex colours true, base colour ffffff" in words


def test_fbx_in_three_js(blender: ModuleType, addon: Addon, tmp_path: Path) -> None:
    own, _, seen, _, words = in_a_pose(blender, addon, tmp_path / "anna.fbx")
    (mesh,) = (thing for thing in blender.data.meshes if thing.users)
    corner = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", corner)
    assert np.abs(seen / 100 - own[corner]).max() < 1e-4  # centimetres, a vertex for each corner
    assert "1 skinned mesh, 56 bones" in words
    assert "vertex colours true" in words


@pytest.mark.parametrize("kind", ["glb", "fbx"])
def test_constraints_do_not_pose_the_file(
    blender: ModuleType, addon: Addon, tmp_path: Path, kind: str
) -> None:
    armature, mesh = imported(blender, addon)
    turned = blender.data.objects.new("turned", None)
    turned.rotation_euler = (1, 0, 0)
    blender.context.scene.collection.objects.link(turned)
    constraint = armature.pose.bones["head"].constraints.new("COPY_ROTATION")
    constraint.target = turned
    exporter(addon, kind)(blender.context, armature, tmp_path / f"anna.{kind}")
    constraint.mute = True
    seen, _, _ = posed(tmp_path / f"anna.{kind}", {})
    seen = seen / {"glb": 1, "fbx": 100}[kind]
    own = places(blender, mesh)
    np.testing.assert_allclose(seen.max(0), own.max(0), atol=1e-5)
    np.testing.assert_allclose(seen.min(0), own.min(0), atol=1e-5)
