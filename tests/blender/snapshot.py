"""All of an open file and its windows that an export could disturb, as values to compare."""

from hashlib import sha256
from typing import Any

import numpy as np


def snapshot(bpy: Any) -> dict[str, Any]:
    """Return name -> value; equal dictionaries mean that nothing has changed."""
    facts: dict[str, Any] = {
        f"block {kind} {block.name}": (block.users, block.use_fake_user)
        for kind, block in _blocks(bpy)
    }
    for window in bpy.context.window_manager.windows:
        facts["window"] = (window.scene.name, window.view_layer.name, _views(window))
    for scene in bpy.data.scenes:
        facts[f"scene {scene.name}"] = _scene(scene)
        for layer in scene.view_layers:
            facts[f"layer {scene.name} {layer.name}"] = _layer(layer)
    for thing in bpy.data.objects:
        facts[f"object {thing.name}"] = _object(thing)
    for mesh in bpy.data.meshes:
        facts[f"mesh {mesh.name}"] = _mesh(mesh)
    for action in bpy.data.actions:
        facts[f"action {action.name}"] = [slot.identifier for slot in _slots(action)]
    return facts


def _blocks(bpy: Any) -> list[tuple[str, Any]]:
    # The file's own interface lies in some of them, and redrawing counts as a user.
    return [(block.id_type, block) for block in bpy.data.user_map() if block.id_type != "SCREEN"]


def _views(window: Any) -> list[Any]:
    areas = [area for area in window.screen.areas if area.type == "VIEW_3D"]
    spaces = [area.spaces.active for area in areas]
    # Unless a view has a camera of its own it takes over the scene's, now or when it is drawn.
    own = [space.camera.name if space.use_local_camera else None for space in spaces]
    return [(space.region_3d.view_perspective, own) for space in spaces]


def _scene(scene: Any) -> tuple[Any, ...]:
    units, render = scene.unit_settings, scene.render
    return (
        scene.frame_current,
        scene.frame_start,
        scene.frame_end,
        (units.system, units.scale_length, units.length_unit),
        (render.fps, render.fps_base),
        scene.camera.name if scene.camera else None,
        [thing.name for thing in scene.collection.all_objects],
    )


def _layer(layer: Any) -> tuple[Any, ...]:
    active = layer.objects.active
    return (
        active.name if active else None,
        sorted(thing.name for thing in layer.objects.selected),
        sorted(thing.name for thing in layer.objects if thing.hide_get(view_layer=layer)),
        [(child.name, child.exclude, child.hide_viewport) for child in _below(layer)],
    )


def _below(layer: Any) -> list[Any]:
    children = list(layer.layer_collection.children)
    return children + [below for child in children for below in child.children]


def _object(thing: Any) -> tuple[Any, ...]:
    bones = thing.pose.bones if thing.pose else []
    return (
        thing.mode,
        thing.data.name if thing.data else None,
        _numbers(thing.matrix_basis, thing.matrix_parent_inverse),
        (thing.parent.name if thing.parent else None, thing.parent_type, thing.parent_bone),
        (thing.hide_viewport, thing.hide_render, thing.hide_select),
        [(each.name, each.type, each.show_viewport) for each in thing.modifiers],
        [(group.name, group.lock_weight) for group in thing.vertex_groups],
        [(bone.name, _numbers(bone.matrix_basis), len(bone.constraints)) for bone in bones],
        getattr(thing.data, "pose_position", None),
        _animation(thing),
    )


def _animation(thing: Any) -> Any:
    animation = thing.animation_data
    if animation is None:
        return None
    slot = getattr(animation, "action_slot", None)
    action = animation.action.name if animation.action else None
    tracks = [
        (track.name, track.mute, [(strip.name, strip.action.name) for strip in track.strips])
        for track in animation.nla_tracks
    ]
    return action, slot.identifier if slot else None, tracks


def _mesh(mesh: Any) -> tuple[Any, ...]:
    places = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", places)
    weights = [tuple((each.group, each.weight) for each in v.groups) for v in mesh.vertices]
    names = [(layer.name, layer.data_type, layer.domain) for layer in mesh.attributes]
    colours = mesh.color_attributes
    return (
        sha256(places.tobytes()).hexdigest(),
        sha256(repr(weights).encode()).hexdigest(),
        sorted(names),
        (colours.active_color_index, colours.render_color_index),
        [material.name for material in mesh.materials if material],
    )


def _slots(action: Any) -> list[Any]:
    return list(getattr(action, "slots", []))


def _numbers(*matrices: Any) -> tuple[float, ...]:
    return tuple(number for matrix in matrices for row in matrix for number in row)
