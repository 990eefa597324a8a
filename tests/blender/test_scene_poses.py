"""Pose assets of an import: what they hold, what they show, and that files keep them."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from blender.stand_in import Addon, result
from numpy.typing import NDArray

PATHS = {"rotation_quaternion": 4 * 55, "location": 3}


def evaluated(bpy: ModuleType, armature: Any) -> NDArray[np.float32]:
    """Vertices (V 3) as the modifiers leave them."""
    body = next(child for child in armature.children if child.type == "MESH")
    mesh = body.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    places = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", places)
    return places.reshape(-1, 3)


def assign(armature: Any, action: Any) -> None:
    """Assign an action as a user would."""
    armature.animation_data_create().action = action
    if hasattr(action, "slots"):
        armature.animation_data.action_slot = action.slots[0]


def test_each_photo_is_a_pose_asset(blender: ModuleType, addon: Addon) -> None:
    scene = addon("scene")
    photos = scene.photos_of(scene.import_avatar(blender.context, result(addon, name="Anna")))
    assert [photo.name for photo in photos] == ["front.jpg", "side.jpg", "back.png"]
    assert [photo.action.name for photo in photos] == [
        "Anna – front",
        "Anna – side",
        "Anna – back",
    ]
    assert all(photo.action.asset_data and photo.action.use_fake_user for photo in photos)


def test_asset_keys_rotations_and_the_pelvis_in_one_frame(
    blender: ModuleType, addon: Addon
) -> None:
    scene = addon("scene")
    armature = scene.import_avatar(blender.context, result(addon))
    for photo in scene.photos_of(armature):
        curves = addon("scene.poses")._curves(photo.action)
        channels = [curve.data_path.rpartition(".")[2] for curve in curves]
        assert {name: channels.count(name) for name in set(channels)} == PATHS
        keys = {tuple(key.co[:1]) for curve in curves for key in curve.keyframe_points}
        assert keys == {(1.0,)}
        assert {len(curve.keyframe_points) for curve in curves} == {1}


def test_avatar_arrives_in_its_rest_pose(blender: ModuleType, addon: Addon) -> None:
    job = result(addon)
    armature = addon("scene").import_avatar(blender.context, job)
    assert armature.animation_data is None
    np.testing.assert_allclose(evaluated(blender, armature), job.avatar.vertices, atol=1e-6)


@pytest.mark.parametrize("photo", range(3))
def test_shown_photo_poses_the_avatar_as_fitted(
    blender: ModuleType, addon: Addon, photo: int
) -> None:
    job = result(addon)
    armature = addon("scene").import_avatar(blender.context, job)
    addon("scene").show_photo(blender.context, armature, photo)
    expected = addon("shared.skinning").pose(job.avatar, job.fit, photo)
    np.testing.assert_allclose(evaluated(blender, armature), expected, atol=1e-4)


@pytest.mark.parametrize("photo", range(3))
def test_assigned_action_poses_the_avatar_as_fitted(
    blender: ModuleType, addon: Addon, photo: int
) -> None:
    scene, job = addon("scene"), result(addon)
    armature = scene.import_avatar(blender.context, job)
    assign(armature, scene.photos_of(armature)[photo].action)
    blender.context.scene.frame_set(1)
    expected = addon("shared.skinning").pose(job.avatar, job.fit, photo)
    np.testing.assert_allclose(evaluated(blender, armature), expected, atol=1e-4)


def test_own_action_stays_assigned_when_a_photo_is_shown(blender: ModuleType, addon: Addon) -> None:
    scene = addon("scene")
    armature = scene.import_avatar(blender.context, result(addon))
    own = blender.data.actions.new("Walk")
    armature.animation_data_create().action = own
    scene.show_photo(blender.context, armature, 1)
    assert armature.animation_data.action == own


def test_shown_photo_resets_bones_that_the_asset_does_not_key(
    blender: ModuleType, addon: Addon
) -> None:
    scene, job = addon("scene"), result(addon)
    armature = scene.import_avatar(blender.context, job)
    armature.pose.bones["root"].location = (1, 2, 3)
    armature.pose.bones["head"].scale = (2, 2, 2)
    armature.pose.bones["left_elbow"].rotation_mode = "XYZ"
    armature.data.pose_position = "REST"
    scene.show_photo(blender.context, armature, 0)
    expected = addon("shared.skinning").pose(job.avatar, job.fit, 0)
    np.testing.assert_allclose(evaluated(blender, armature), expected, atol=1e-4)


def test_edited_asset_is_what_is_shown(blender: ModuleType, addon: Addon) -> None:
    scene = addon("scene")
    armature = scene.import_avatar(blender.context, result(addon))
    for curve in addon("scene.poses")._curves(scene.photos_of(armature)[0].action):
        if curve.data_path.endswith(".location"):
            curve.keyframe_points[0].co.y = 5
            curve.update()
    scene.show_photo(blender.context, armature, 0)
    np.testing.assert_allclose(armature.pose.bones["pelvis"].location, (5, 5, 5), atol=1e-5)


def test_rest_is_the_rest_pose_again(blender: ModuleType, addon: Addon) -> None:
    scene, job = addon("scene"), result(addon)
    armature = scene.import_avatar(blender.context, job)
    scene.show_photo(blender.context, armature, 2)
    scene.show_rest(blender.context, armature)
    np.testing.assert_allclose(evaluated(blender, armature), job.avatar.vertices, atol=1e-6)


def test_photo_of_a_deleted_asset_is_gone(blender: ModuleType, addon: Addon) -> None:
    scene = addon("scene")
    armature = scene.import_avatar(blender.context, result(addon))
    blender.data.actions.remove(scene.photos_of(armature)[1].action)
    assert [photo.name for photo in scene.photos_of(armature)] == ["front.jpg", "back.png"]


def test_index_out_of_range_is_refused(blender: ModuleType, addon: Addon) -> None:
    armature = addon("scene").import_avatar(blender.context, result(addon))
    with pytest.raises(IndexError):
        addon("scene").show_photo(blender.context, armature, 3)


def test_renamed_blocks_are_found(blender: ModuleType, addon: Addon) -> None:
    scene = addon("scene")
    armature = scene.import_avatar(blender.context, result(addon))
    for photo in scene.photos_of(armature):
        photo.action.name = photo.camera.name = armature.name = "Other"
    assert [photo.name for photo in scene.photos_of(armature)] == [
        "front.jpg",
        "side.jpg",
        "back.png",
    ]


def test_copies_made_by_the_user_are_not_the_photos(blender: ModuleType, addon: Addon) -> None:
    scene = addon("scene")
    armature = scene.import_avatar(blender.context, result(addon))
    before = [(photo.action.name, photo.camera.name) for photo in scene.photos_of(armature)]
    for photo in scene.photos_of(armature):
        photo.action.copy()
        blender.context.scene.collection.objects.link(photo.camera.copy())
    after = [(photo.action.name, photo.camera.name) for photo in scene.photos_of(armature)]
    assert after == before


def test_file_keeps_the_poses(blender: ModuleType, addon: Addon, tmp_path: Path) -> None:
    scene, job = addon("scene"), result(addon, name="Anna")
    scene.import_avatar(blender.context, job)
    file = str(tmp_path / "anna.blend")
    blender.ops.wm.save_as_mainfile(filepath=file)
    blender.ops.wm.open_mainfile(filepath=file)
    armature = blender.data.objects["Anna"]
    photos = scene.photos_of(armature)
    assert [photo.name for photo in photos] == list(job.fit.photos)
    assert all(photo.action.asset_data and photo.camera for photo in photos)
    scene.show_photo(blender.context, armature, 1)
    expected = addon("shared.skinning").pose(job.avatar, job.fit, 1)
    np.testing.assert_allclose(evaluated(blender, armature), expected, atol=1e-4)


def test_undo_of_an_import_and_redo(blender: ModuleType, addon: Addon) -> None:
    blender.ops.ed.undo_push(message="before")
    addon("scene").import_avatar(blender.context, result(addon, name="Anna"))
    blender.ops.ed.undo_push(message="import")
    blender.ops.ed.undo()
    assert "Anna" not in blender.data.objects
    blender.ops.ed.redo()
    assert len(addon("scene").photos_of(blender.data.objects["Anna"])) == 3
