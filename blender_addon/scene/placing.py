"""Where new objects go, whatever the user is doing at the moment."""

import bpy


def leave_mode(context: bpy.types.Context) -> None:
    """Go to Object mode, as Tab does: what is being edited is kept."""
    active = context.view_layer.objects.active
    if active is not None and active.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")


def select_only(context: bpy.types.Context, chosen: bpy.types.Object) -> None:
    """Select one object and make it the active one."""
    for other in list(context.view_layer.objects.selected):
        other.select_set(state=False)
    chosen.select_set(state=True)
    context.view_layer.objects.active = chosen


def visible_collection(context: bpy.types.Context) -> bpy.types.Collection:
    """Return the user's active collection; the scene's if that one is hidden or not editable."""
    layer = context.view_layer.active_layer_collection
    collection = layer.collection
    is_own = collection.library is None and collection.override_library is None
    is_open = layer.is_visible and not collection.hide_select
    return collection if is_own and is_open else context.scene.collection
