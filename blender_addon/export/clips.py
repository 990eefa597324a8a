"""NLA tracks, which become the file's animations; an action under work stays out of it."""

from typing import Any

import bpy
import numpy as np


def has_clips(armature: bpy.types.Object) -> bool:
    """Return whether any NLA track plays."""
    animation = armature.animation_data
    return animation is not None and any(_plays(track) for track in animation.nla_tracks)


def keep_clips_only(armature: bpy.types.Object, factor: float) -> None:
    """Drop from a copied armature all animation but the NLA tracks that play.

    Args:
        armature: A copy; its tracks' actions are copied too if they have to change.
        factor: By how much the copy is larger than the armature that was animated.
    """
    animation = armature.animation_data
    if not has_clips(armature) or animation is None:
        armature.animation_data_clear()
        return
    animation.action = None
    for track in [track for track in animation.nla_tracks if not _plays(track)]:
        animation.nla_tracks.remove(track)
    for strip in [strip for track in animation.nla_tracks for strip in track.strips]:
        if strip.action is not None and factor != 1:
            _scale_strip(strip, factor)


def _plays(track: Any) -> bool:
    return not track.mute and any(not strip.mute for strip in track.strips)


def _scale_strip(strip: Any, factor: float) -> None:
    slot = getattr(strip, "action_slot", None)  # Blender 4.4 and later
    action = strip.action.copy()
    strip.action = action
    if slot is not None:
        strip.action_slot = action.slots[slot.identifier]
    for curve in _curves(action):
        if curve.data_path.rpartition(".")[2] == "location":
            _scale_curve(curve, factor)


def _curves(action: Any) -> list[Any]:
    if bpy.app.version < (4, 4, 0):
        return list(action.fcurves)
    strips = [strip for layer in action.layers for strip in layer.strips]
    return [curve for strip in strips for bag in strip.channelbags for curve in bag.fcurves]


def _scale_curve(curve: Any, factor: float) -> None:
    points = curve.keyframe_points
    pairs = np.empty(2 * len(points), np.float32)
    for part in ("co", "handle_left", "handle_right"):
        points.foreach_get(part, pairs)
        pairs[1::2] *= factor
        points.foreach_set(part, pairs)
    curve.update()
