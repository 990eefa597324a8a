"""What an import puts into the scene, whatever the user is doing at that moment."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from blender.stand_in import Addon, result


def layer_collection(bpy: ModuleType, name: str) -> Any:
    """A new collection that the user has made the active one."""
    collection = bpy.data.collections.new(name)
    bpy.context.scene.collection.children.link(collection)
    layer = bpy.context.view_layer.layer_collection.children[name]
    bpy.context.view_layer.active_layer_collection = layer
    return layer


def cube(bpy: ModuleType) -> Any:
    """A mesh object of the user, selected and active."""
    bpy.ops.mesh.primitive_cube_add()
    return bpy.context.object


def parts(armature: Any) -> tuple[Any, list[Any]]:
    """The mesh object and the cameras of an avatar."""
    mesh = next(child for child in armature.children if child.type == "MESH")
    return mesh, [child for child in armature.children if child.type == "CAMERA"]


def test_everything_lies_in_one_collection_named_after_the_avatar(
    blender: ModuleType, addon: Addon
) -> None:
    armature = addon("scene").import_avatar(blender.context, result(addon, name="Anna"))
    collection = blender.context.scene.collection.children["Anna"]
    mesh, cameras = parts(armature)
    assert set(collection.objects) == {armature, mesh}
    assert set(collection.children["Anna cameras"].objects) == set(cameras)
    assert set(collection.all_objects) == set(blender.data.objects)


def test_armature_is_the_only_selected_and_the_active_object(
    blender: ModuleType, addon: Addon
) -> None:
    cube(blender)
    armature = addon("scene").import_avatar(blender.context, result(addon))
    assert blender.context.view_layer.objects.active == armature
    assert list(blender.context.view_layer.objects.selected) == [armature]


def test_objects_stand_at_the_origin_with_scale_1(blender: ModuleType, addon: Addon) -> None:
    armature = addon("scene").import_avatar(blender.context, result(addon))
    for thing in (armature, parts(armature)[0]):
        np.testing.assert_array_equal(np.array(thing.matrix_world), np.eye(4))


@pytest.mark.parametrize("mode", ["EDIT", "SCULPT", "WEIGHT_PAINT", "VERTEX_PAINT"])
def test_import_leaves_the_mode_of_a_mesh(blender: ModuleType, addon: Addon, mode: str) -> None:
    own = cube(blender)
    blender.ops.object.mode_set(mode=mode)
    addon("scene").import_avatar(blender.context, result(addon))
    assert own.mode == "OBJECT"
    assert blender.context.mode == "OBJECT"


@pytest.mark.parametrize("mode", ["EDIT", "POSE"])
def test_import_leaves_the_mode_of_an_armature(
    blender: ModuleType, addon: Addon, mode: str
) -> None:
    own = addon("scene").import_avatar(blender.context, result(addon))
    blender.ops.object.mode_set(mode=mode)
    addon("scene").import_avatar(blender.context, result(addon))
    assert own.mode == "OBJECT"


def test_edits_made_before_the_import_are_kept(blender: ModuleType, addon: Addon) -> None:
    own = cube(blender)
    blender.ops.object.mode_set(mode="EDIT")
    blender.ops.mesh.subdivide()
    addon("scene").import_avatar(blender.context, result(addon))
    assert len(own.data.vertices) == 26


def test_mode_of_a_hidden_active_object_is_left(blender: ModuleType, addon: Addon) -> None:
    own = cube(blender)
    blender.ops.object.mode_set(mode="EDIT")
    own.hide_set(True)
    addon("scene").import_avatar(blender.context, result(addon))
    assert own.mode == "OBJECT"
    assert own.hide_get()


def test_import_without_an_active_object(blender: ModuleType, addon: Addon) -> None:
    blender.context.view_layer.objects.active = None
    armature = addon("scene").import_avatar(blender.context, result(addon))
    assert blender.context.view_layer.objects.active == armature


def test_active_collection_receives_the_avatar(blender: ModuleType, addon: Addon) -> None:
    own = layer_collection(blender, "Set")
    addon("scene").import_avatar(blender.context, result(addon, name="Anna"))
    assert "Anna" in own.collection.children


@pytest.mark.parametrize("way", ["exclude", "hide_viewport", "screen", "hide_select", "parent"])
def test_avatar_is_visible_where_the_active_collection_is_not(
    blender: ModuleType, addon: Addon, way: str
) -> None:
    layer = layer_collection(blender, "Set")
    if way == "parent":
        layer.collection.children.link(blender.data.collections.new("Inner"))
        blender.context.view_layer.active_layer_collection = layer.children["Inner"]
        layer.hide_viewport = True
    elif way in {"exclude", "hide_viewport"}:
        setattr(layer, way, True)
    else:
        setattr(layer.collection, "hide_select" if way == "hide_select" else "hide_viewport", True)
    if way != "exclude":  # Blender has moved on to the scene's; a click brings the user back
        blender.context.view_layer.update()
        active = layer.children["Inner"] if way == "parent" else layer
        blender.context.view_layer.active_layer_collection = active
    armature = addon("scene").import_avatar(blender.context, result(addon))
    assert armature.visible_get()
    assert armature.select_get()


@pytest.mark.parametrize("is_override", [False, True])
def test_active_collection_of_another_file_is_left_alone(
    blender: ModuleType, addon: Addon, tmp_path: Path, is_override: bool
) -> None:
    file = str(tmp_path / "set.blend")
    blender.data.libraries.write(file, {blender.data.collections.new("Set")})
    blender.data.collections.remove(blender.data.collections["Set"])
    with blender.data.libraries.load(file, link=True) as (_, chosen):
        chosen.collections = ["Set"]
    linked: Any = chosen.collections[0]
    own = linked.override_create() if is_override else linked
    scene = blender.context.scene.collection
    scene.children.link(own)
    layer = blender.context.view_layer.layer_collection.children["Set"]
    blender.context.view_layer.active_layer_collection = layer
    addon("scene").import_avatar(blender.context, result(addon, name="Anna"))
    assert "Anna" in scene.children


def test_second_import_is_a_second_avatar(blender: ModuleType, addon: Addon) -> None:
    scene, job = addon("scene"), result(addon, name="Anna")
    first = scene.import_avatar(blender.context, job)
    second = scene.import_avatar(blender.context, job)
    assert (first.name, second.name) == ("Anna", "Anna.001")
    assert parts(first)[0].find_armature() == first
    assert parts(second)[0].find_armature() == second
    photos = [scene.photos_of(avatar) for avatar in (first, second)]
    assert not {photo.action.name for photo in photos[0]} & {p.action.name for p in photos[1]}
    assert [p.camera.parent for p in photos[1]] == [second] * 3


def test_nothing_of_a_deleted_collection_is_left_in_the_scene(
    blender: ModuleType, addon: Addon
) -> None:
    scene, job = addon("scene"), result(addon, name="Anna")
    scene.import_avatar(blender.context, job)
    for thing in list(blender.data.collections["Anna"].all_objects):
        blender.data.objects.remove(thing)
    blender.data.batch_remove([blender.data.collections[n] for n in ("Anna", "Anna cameras")])
    again = scene.import_avatar(blender.context, job)
    assert [photo.camera.parent for photo in scene.photos_of(again)] == [again] * 3


@pytest.mark.parametrize("name", ["", "Zoë 漢字 / ../x", "a" * 200])
def test_any_label_is_a_name(blender: ModuleType, addon: Addon, name: str) -> None:
    scene = addon("scene")
    armature = scene.import_avatar(blender.context, result(addon, name=name))
    scene.show_photo(blender.context, armature, 0)
    assert armature.name
    assert len({photo.action.name for photo in scene.photos_of(armature)}) == 3


def test_cursor_and_other_objects_stay(blender: ModuleType, addon: Addon) -> None:
    own = cube(blender)
    own.location = blender.context.scene.cursor.location = (1, 2, 3)
    addon("scene").import_avatar(blender.context, result(addon))
    assert tuple(blender.context.scene.cursor.location) == (1, 2, 3)
    assert tuple(own.location) == (1, 2, 3)
    assert own.parent is None


def test_avatar_is_found_from_its_armature_and_its_mesh(blender: ModuleType, addon: Addon) -> None:
    scene = addon("scene")
    armature = scene.import_avatar(blender.context, result(addon))
    mesh, cameras = parts(armature)
    assert scene.avatar_of(armature) == scene.avatar_of(mesh) == armature
    assert scene.avatar_of(cameras[0]) is None


def test_other_objects_are_no_avatars(blender: ModuleType, addon: Addon) -> None:
    blender.ops.object.armature_add()
    foreign = blender.context.object
    for thing in (None, cube(blender), foreign):
        assert addon("scene").avatar_of(thing) is None
    assert addon("scene").photos_of(foreign) == []
