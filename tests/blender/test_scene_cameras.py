"""Cameras of an import, against the projection of the fit."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from blender.stand_in import PHOTOS, Addon, result
from numpy.typing import NDArray

RENDERS = [(1920, 1080), (1080, 1920), (1200, 1200), (900, 1200), (720, 576, 16, 15), (500, 499)]
"""Width, height and the pixels' own, if not square."""


def set_render(bpy: ModuleType, size: tuple[int, ...]) -> None:
    render = bpy.context.scene.render
    render.resolution_x, render.resolution_y = size[:2]
    if len(size) > 2:
        render.pixel_aspect_x, render.pixel_aspect_y = size[2:]


def photo_pixels(
    bpy: ModuleType, camera: Any, points: NDArray[np.float64], photo: int
) -> NDArray[np.float64]:
    """Where points (N 3) are on the photo that Blender fits into the camera's frame: (N 2) px."""
    from bpy_extras.object_utils import world_to_camera_view
    from mathutils import Vector

    scene = bpy.context.scene
    bpy.context.view_layer.update()
    seen = [world_to_camera_view(scene, camera, Vector(point)) for point in points.tolist()]
    render = scene.render
    frame = np.array([render.resolution_x * render.pixel_aspect_x, 1.0])
    frame[1] = render.resolution_y * render.pixel_aspect_y
    size = np.array(PHOTOS[photo][1:])
    frame_px = frame / min(frame / size)  # the photo is as large as fits
    middle = (np.array(seen)[:, :2] - 0.5) * frame_px * [1, -1]
    return middle + size / 2


def pictures(bpy: ModuleType, folder: Path) -> None:
    for photo, (_, width, height) in enumerate(PHOTOS):
        image = bpy.data.images.new("picture", width // 10, height // 10)
        image.filepath_raw = str(folder / f"photo_{photo + 1}.png")
        image.file_format = "PNG"
        image.save()
        bpy.data.images.remove(image)


@pytest.mark.parametrize("size", RENDERS)
@pytest.mark.parametrize("photo", range(3))
def test_camera_sees_the_avatar_where_the_photo_does(
    blender: ModuleType, addon: Addon, photo: int, size: tuple[int, ...]
) -> None:
    scene, job = addon("scene"), result(addon)
    set_render(blender, size)
    armature = scene.import_avatar(blender.context, job)
    skinning = addon("shared.skinning")
    points = skinning.pose(job.avatar, job.fit, photo)[::50]
    expected = skinning.project(points, job.fit, photo)[:, :2]
    camera = scene.photos_of(armature)[photo].camera
    found = photo_pixels(blender, camera, points, photo)
    assert np.abs(found - expected).max() < 0.5


@pytest.mark.parametrize("photo", range(3))
def test_shown_photo_fits_a_render_whose_shape_has_changed(
    blender: ModuleType, addon: Addon, photo: int
) -> None:
    scene, job = addon("scene"), result(addon)
    set_render(blender, (1920, 1080))
    armature = scene.import_avatar(blender.context, job)
    set_render(blender, (1000, 2000))
    scene.show_photo(blender.context, armature, photo)
    skinning = addon("shared.skinning")
    points = skinning.pose(job.avatar, job.fit, photo)[::50]
    expected = skinning.project(points, job.fit, photo)[:, :2]
    found = photo_pixels(blender, blender.context.scene.camera, points, photo)
    assert np.abs(found - expected).max() < 0.5


def test_cameras_cannot_be_moved_by_accident(blender: ModuleType, addon: Addon) -> None:
    scene = addon("scene")
    for photo in scene.photos_of(scene.import_avatar(blender.context, result(addon))):
        camera = photo.camera
        assert all([*camera.lock_location, *camera.lock_rotation, *camera.lock_scale])


def test_cameras_go_with_the_avatar(blender: ModuleType, addon: Addon) -> None:
    scene, job = addon("scene"), result(addon)
    armature = scene.import_avatar(blender.context, job)
    armature.location = (3, 2, 1)
    points = addon("shared.skinning").pose(job.avatar, job.fit, 0)[::50]
    expected = addon("shared.skinning").project(points, job.fit, 0)[:, :2]
    camera = scene.photos_of(armature)[0].camera
    found = photo_pixels(blender, camera, points + np.array(armature.location), 0)
    assert np.abs(found - expected).max() < 0.5


def test_cameras_are_hidden_until_their_photo_is_shown(blender: ModuleType, addon: Addon) -> None:
    scene = addon("scene")
    armature = scene.import_avatar(blender.context, result(addon))
    cameras = [photo.camera for photo in scene.photos_of(armature)]
    assert not any(camera.visible_get() for camera in cameras)
    for index, camera in enumerate(cameras):
        scene.show_photo(blender.context, armature, index)
        assert [other.visible_get() for other in cameras] == [other == camera for other in cameras]
        assert blender.context.scene.camera == camera
    scene.show_rest(blender.context, armature)
    assert not any(camera.visible_get() for camera in cameras)


def test_import_leaves_the_scenes_camera(blender: ModuleType, addon: Addon) -> None:
    own = blender.data.objects.new("Own", blender.data.cameras.new("Own"))
    blender.context.scene.camera = own
    addon("scene").import_avatar(blender.context, result(addon))
    assert blender.context.scene.camera == own


def test_photo_is_linked_as_background_and_never_packed(
    blender: ModuleType, addon: Addon, tmp_path: Path
) -> None:
    pictures(blender, tmp_path)
    scene = addon("scene")
    armature = scene.import_avatar(blender.context, result(addon, folder=tmp_path))
    for index, photo in enumerate(scene.photos_of(armature)):
        (background,) = photo.camera.data.background_images
        assert Path(background.image.filepath) == tmp_path / f"photo_{index + 1}.png"
        assert background.image.packed_file is None
        assert (background.frame_method, background.display_depth) == ("FIT", "FRONT")
        assert photo.camera.data.show_background_images


def test_second_import_shares_the_pictures(
    blender: ModuleType, addon: Addon, tmp_path: Path
) -> None:
    pictures(blender, tmp_path)
    for _ in range(2):
        addon("scene").import_avatar(blender.context, result(addon, folder=tmp_path))
    assert len(blender.data.images) == 3


def test_camera_of_a_missing_photo_has_no_background(blender: ModuleType, addon: Addon) -> None:
    scene = addon("scene")
    armature = scene.import_avatar(blender.context, result(addon))
    for photo in scene.photos_of(armature):
        assert not photo.camera.data.background_images
    assert not blender.data.images


def test_photo_without_its_camera_still_poses(blender: ModuleType, addon: Addon) -> None:
    scene, job = addon("scene"), result(addon)
    armature = scene.import_avatar(blender.context, job)
    blender.data.objects.remove(scene.photos_of(armature)[0].camera)
    scene.show_photo(blender.context, armature, 0)
    assert scene.photos_of(armature)[0].camera is None
    assert blender.context.scene.camera is None
    assert armature.pose.bones["left_elbow"].rotation_quaternion.angle > 0


def test_photo_is_shown_in_a_view_layer_without_its_camera(
    blender: ModuleType, addon: Addon
) -> None:
    scene = addon("scene")
    armature = scene.import_avatar(blender.context, result(addon, name="Anna"))
    layers = blender.context.view_layer.layer_collection.children["Anna"].children
    layers["Anna cameras"].exclude = True
    scene.show_photo(blender.context, armature, 1)
    assert blender.context.scene.camera == scene.photos_of(armature)[1].camera
