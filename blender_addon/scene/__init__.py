"""A fetched result -> armature, mesh, poses and cameras in the scene; the only writer of them."""

import contextlib
import uuid
from dataclasses import dataclass

import bpy

from ..shared.messages import Result
from .armature import add_armature
from .cameras import add_cameras, fit_to_render
from .mesh import add_mesh
from .placing import leave_mode, select_only, visible_collection
from .poses import add_poses, apply_pose, apply_rest
from .tags import IMPORT, JOB, PHOTO_NAME, by_photo


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoPose:
    """What an import holds of one photo; to be used at once and never kept."""

    name: str
    """The photo's file name."""
    action: bpy.types.Action
    camera: bpy.types.Object | None
    """None if it was deleted."""


def import_avatar(context: bpy.types.Context, result: Result) -> bpy.types.Object:
    """Return the new avatar's armature object: in its rest pose at the origin, selected and active.

    Everything lies in a new collection named after the avatar. A second import of the same result
    is a second avatar. Any mode is left for Object mode.
    """
    leave_mode(context)
    place = visible_collection(context)
    collection = bpy.data.collections.new(result.avatar.name)
    place.children.link(collection)
    armature = add_armature(context, result.avatar, collection)
    armature[IMPORT] = uuid.uuid4().hex
    armature[JOB] = result.job
    add_mesh(result.avatar, armature, collection)
    add_poses(armature, result)
    cameras = add_cameras(context, armature, result)
    collection.children.link(cameras)
    for camera in cameras.objects:
        camera.hide_set(state=True, view_layer=context.view_layer)
    select_only(context, armature)
    return armature


def photos_of(armature: bpy.types.Object) -> list[PhotoPose]:
    """Return the photos of an imported avatar in their order; without those whose pose is gone."""
    import_id = armature.get(IMPORT)
    if import_id is None:
        return []
    cameras = by_photo((each for each in bpy.data.objects if each.type == "CAMERA"), import_id)
    actions = by_photo(bpy.data.actions, import_id)
    return [
        PhotoPose(name=action[PHOTO_NAME], action=action, camera=cameras.get(photo))
        for photo, action in sorted(actions.items())
    ]


def show_photo(context: bpy.types.Context, armature: bpy.types.Object, index: int) -> None:
    """Pose the avatar as in one photo and make that photo's camera the scene's.

    The camera's lens and shift are set anew for the render's present aspect ratio: the whole photo
    fits into the frame, which shows more of the world beside it where the ratios differ. After a
    change of the ratio, show the photo again. The camera becomes visible, since Blender draws no
    background image of a hidden one; the avatar's other cameras are hidden.

    Raises:
        IndexError: if there is no such row in `photos_of`.
    """
    photos = photos_of(armature)
    shown = photos[index]
    apply_pose(armature, shown.action)
    if shown.camera is None:
        return
    for photo in photos:
        _hide(context, photo.camera, is_hidden=photo.camera != shown.camera)
    fit_to_render(shown.camera.data, context.scene.render)
    context.scene.camera = shown.camera


def show_rest(context: bpy.types.Context, armature: bpy.types.Object) -> None:
    """Put the avatar into its rest pose and hide its cameras: no photo is in line with it now."""
    apply_rest(armature)
    for photo in photos_of(armature):
        _hide(context, photo.camera, is_hidden=True)


def avatar_of(obj: bpy.types.Object | None) -> bpy.types.Object | None:
    """Return an imported avatar's armature if the object is it, or a mesh that it deforms."""
    if obj is None:
        return None
    armature = obj.find_armature() if obj.type == "MESH" else obj
    is_avatar = armature is not None and armature.type == "ARMATURE" and IMPORT in armature
    return armature if is_avatar else None


def _hide(context: bpy.types.Context, camera: bpy.types.Object | None, *, is_hidden: bool) -> None:
    """Do nothing without a camera; one whose collection is excluded is not shown anyway."""
    if camera is not None:
        with contextlib.suppress(RuntimeError):  # not in this view layer
            camera.hide_set(state=is_hidden, view_layer=context.view_layer)
