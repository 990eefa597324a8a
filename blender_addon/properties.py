"""What a user enters: saved with the scene, and undone with it."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    PointerProperty,
    StringProperty,
)
from bpy.types import PropertyGroup, Scene

USUAL_HEIGHT_CM = 170.0
"""What the field shows when the user says that the height is known."""
QUALITIES = (
    ("draft", "Draft", "A quick look, to see whether the photos work: about half a minute"),
    ("standard", "Standard", "For most uses: about one minute, a little more for each photo"),
    ("high", "High", "Finer surface, about 100 000 faces: a few minutes and more memory"),
)


class PHOTOAVATAR_PG_photo(PropertyGroup):
    """One photo of the list."""

    path: StringProperty(name="Photo", description="Picture file", subtype="FILE_PATH")


class PHOTOAVATAR_PG_scene(PropertyGroup):
    """What the next avatar is made of."""

    photos: CollectionProperty(type=PHOTOAVATAR_PG_photo)
    avatar_name: StringProperty(
        name="Name", description="Name of the avatar in this file", default="Avatar", maxlen=60
    )
    height_cm: FloatProperty(
        name="Height in cm",
        description="The person's height without shoes, in centimetres",
        default=USUAL_HEIGHT_CM,
        min=50,
        max=250,
        precision=0,
        step=100,
    )
    knows_height: BoolProperty(
        name="Height",
        description="The person's height is known. If not, it is estimated from the photos",
        default=False,
    )
    quality: EnumProperty(
        name="Quality", description="Detail against time", items=QUALITIES, default="standard"
    )


CLASSES = (PHOTOAVATAR_PG_photo, PHOTOAVATAR_PG_scene)


def photo_paths(scene: Any) -> list[Path]:
    """Return the absolute paths of a scene's photos, in the order of the list."""
    return [Path(bpy.path.abspath(photo.path)) for photo in scene.photo_avatar.photos]


def register() -> None:
    """Give each scene its own settings."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    scenes: Any = Scene
    scenes.photo_avatar = PointerProperty(type=PHOTOAVATAR_PG_scene)


def unregister() -> None:
    """Undo `register`."""
    scenes: Any = Scene
    del scenes.photo_avatar
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
