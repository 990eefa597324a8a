"""Cameras of a fit -> camera objects with their photos behind glass."""

import logging
from pathlib import Path, PurePath
from typing import Any

import bpy
from mathutils import Matrix

from ..shared.coordinates import blender_world_from_camera
from ..shared.messages import Result
from .tags import IMPORT, PHOTO

log = logging.getLogger(__name__)

DISPLAY_SIZE_M = 0.15
PHOTO_ALPHA = 0.5
"""The avatar shows through the photo that is drawn over it."""
SENSOR_MM = 36.0
"""Of the side of the picture that fills the frame; only the lens' ratio to it has a meaning."""
_INTRINSICS = "photo_avatar_intrinsics"
"""Of camera data: fx, fy, cx, cy in pixels of the photo, pixel centres at +0.5."""
_SIZE = "photo_avatar_size_px"
"""Of camera data: width and height of the photo."""


def add_cameras(
    context: bpy.types.Context, armature: bpy.types.Object, result: Result
) -> bpy.types.Collection:
    """Return a new collection, not linked yet, with one camera per photo; children of the armature.

    Moving the avatar moves its cameras, so photos stay in line with it.
    """
    collection = bpy.data.collections.new(f"{result.avatar.name} cameras")
    for photo, name in enumerate(result.fit.photos):
        data = bpy.data.cameras.new(f"{result.avatar.name} – {PurePath(name).stem}")
        camera: Any = bpy.data.objects.new(data.name, data)
        collection.objects.link(camera)
        camera.parent = armature
        camera.matrix_basis = Matrix(
            blender_world_from_camera(result.fit.camera_from_world[photo].astype(float))
        )
        camera.lock_location = camera.lock_rotation = camera.lock_scale = (True, True, True)
        camera[IMPORT], camera[PHOTO] = armature[IMPORT], photo
        matrix = result.fit.intrinsics[photo].astype(float)
        data[_INTRINSICS] = [matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]]
        data[_SIZE] = result.fit.image_sizes[photo].tolist()
        data.display_size = DISPLAY_SIZE_M
        data.clip_start = 0.01
        fit_to_render(data, context.scene.render)
        _add_photo(data, Path(result.pictures[photo]))
    return collection


def fit_to_render(data: bpy.types.Camera, render: bpy.types.RenderSettings) -> None:
    """Set lens and shift so that the whole photo just fits into the rendered frame.

    A frame that is wider than the photo shows more of the world left and right of it, a narrower
    one more above and below. Where the photo lies, the frame shows what the photo shows. Pixels of
    the photo are taken as square.
    """
    fx, fy, cx, cy = data[_INTRINSICS]
    width, height = data[_SIZE]
    frame_width = render.resolution_x * render.pixel_aspect_x
    frame_height = render.resolution_y * render.pixel_aspect_y
    fills_width = width * frame_height > height * frame_width
    focal_px, side_px = (fx, width) if fills_width else (fy, height)
    data.sensor_fit = "HORIZONTAL" if fills_width else "VERTICAL"
    data.sensor_width = data.sensor_height = SENSOR_MM
    data.lens = focal_px * SENSOR_MM / side_px
    data.shift_x = (width / 2 - cx) / side_px
    data.shift_y = (cy - height / 2) / side_px


def _add_photo(data: bpy.types.Camera, path: Path) -> None:
    """Link the photo as the camera's background; a camera without it is as useful for posing."""
    try:
        image: Any = bpy.data.images.load(str(path), check_existing=True)
    except RuntimeError as error:
        log.warning("no background for camera %s: %s", data.name, str(error).strip())
        return
    data.show_background_images = True
    background = data.background_images.new()
    background.image = image
    background.alpha = PHOTO_ALPHA
    background.display_depth = "FRONT"
    background.frame_method = "FIT"
    background.show_expanded = False
