"""Operators on the list of photos."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import CollectionProperty, IntProperty, StringProperty
from bpy.types import Context, Event, FileHandler, Operator, OperatorFileListElement

from .preferences import start_backend
from .properties import photo_paths
from .shared.messages import GREATEST_PHOTO_BYTES, GREATEST_PHOTO_COUNT
from .wording import count

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".tif", ".tiff", ".bmp", ".gif"}
)
"""Of the pictures that the backend reads."""
TAB = "Avatar"
"""Of the sidebar."""


def add_photos(scene: Any, paths: list[Path]) -> list[str]:
    """Append photos to the list; returns a sentence for each that was left out."""
    listed = set(photo_paths(scene))
    left_out = []
    for path in paths:
        if reason := _why_not(path, listed):
            left_out.append(f"{path.name}: {reason}")
            continue
        listed.add(path)
        scene.photo_avatar.photos.add().path = str(path)
    return left_out


def _why_not(path: Path, listed: set[Path]) -> str:
    if path in listed:
        return "is in the list already"
    if len(listed) == GREATEST_PHOTO_COUNT:
        return f"the list is full with {GREATEST_PHOTO_COUNT} photos"
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return "is not a photo"
    if path.stat().st_size > GREATEST_PHOTO_BYTES:
        return f"is larger than {GREATEST_PHOTO_BYTES // 1_000_000} MB"
    return ""


class PHOTOAVATAR_OT_add_photos(Operator):
    """Add photos of one person to the list."""

    bl_idname = "photo_avatar.add_photos"
    bl_label = "Add Photos"
    bl_description = "Choose photos of one person; several at once with Shift or Ctrl"
    bl_options = {"UNDO"}  # noqa: RUF012 - Blender asks for a set

    directory: StringProperty(subtype="DIR_PATH", options={"SKIP_SAVE", "HIDDEN"})
    files: CollectionProperty(type=OperatorFileListElement, options={"SKIP_SAVE", "HIDDEN"})
    filter_glob: StringProperty(
        default=";".join(f"*{suffix}" for suffix in sorted(SUFFIXES)), options={"HIDDEN"}
    )

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Ask for the files, unless they were dropped onto the view."""
        if self.files:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Context) -> set[str]:
        """Add the chosen files."""
        folder = Path(bpy.path.abspath(self.directory))
        chosen = [folder / file.name for file in self.files if file.name]
        left_out = add_photos(context.scene, chosen)
        if left_out:
            self.report({"WARNING"}, f"Left out: {'; '.join(left_out)}")
        added = len(chosen) - len(left_out)
        if not added:
            return {"CANCELLED"}
        start_backend()
        if not left_out:
            self.report({"INFO"}, f"{count(added, 'photo')} added")
        return {"FINISHED"}


class PHOTOAVATAR_OT_remove_photo(Operator):
    """Take one photo from the list."""

    bl_idname = "photo_avatar.remove_photo"
    bl_label = "Remove Photo"
    bl_description = "Take this photo from the list; the file stays"
    bl_options = {"UNDO"}  # noqa: RUF012 - Blender asks for a set

    index: IntProperty(min=0, options={"SKIP_SAVE"})

    def execute(self, context: Context) -> set[str]:
        """Remove it."""
        photos = context.scene.photo_avatar.photos
        if self.index >= len(photos):
            self.report({"WARNING"}, "There is no such photo")
            return {"CANCELLED"}
        photos.remove(self.index)
        return {"FINISHED"}


class PHOTOAVATAR_OT_clear_photos(Operator):
    """Take all photos from the list."""

    bl_idname = "photo_avatar.clear_photos"
    bl_label = "Remove All Photos"
    bl_description = "Empty the list; the files stay"
    bl_options = {"UNDO"}  # noqa: RUF012 - Blender asks for a set

    @classmethod
    def poll(cls, context: Context) -> bool:
        """There must be a photo."""
        cls.poll_message_set("The list is empty")
        return bool(context.scene.photo_avatar.photos)

    def execute(self, context: Context) -> set[str]:
        """Remove them."""
        context.scene.photo_avatar.photos.clear()
        return {"FINISHED"}


class PHOTOAVATAR_FH_photos(FileHandler):
    """Photos that are dropped onto the 3D view while the tab is open."""

    bl_idname = "PHOTOAVATAR_FH_photos"
    bl_label = "Photos of a person"
    bl_import_operator = "photo_avatar.add_photos"
    bl_file_extensions = ";".join(sorted(SUFFIXES))

    @classmethod
    def poll_drop(cls, context: Context) -> bool:
        """Other tabs keep what Blender does with pictures: background or reference."""
        area = context.area
        if area is None or area.type != "VIEW_3D" or not area.spaces.active.show_region_ui:
            return False
        sides = (region for region in area.regions if region.type == "UI")
        return any(region.active_panel_category == TAB for region in sides)


CLASSES = (
    PHOTOAVATAR_OT_add_photos,
    PHOTOAVATAR_OT_remove_photo,
    PHOTOAVATAR_OT_clear_photos,
    PHOTOAVATAR_FH_photos,
)
