"""Exports leave the scene and older files alone, and say what went wrong."""

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from blender.snapshot import snapshot
from blender.stand_in import Addon, result

# In Blender 5.2's own FBX exporter and importer.
pytestmark = pytest.mark.filterwarnings("ignore:Setting the shape on a NumPy:DeprecationWarning")

KINDS = ("glb", "fbx")


def exporter(addon: Addon, kind: str) -> Any:
    """The function that writes files of a kind."""
    return getattr(addon("export"), f"export_{kind}")


def imported(bpy: ModuleType, addon: Addon, name: str = "Anna") -> tuple[Any, Any]:
    """The armature and the mesh of a new avatar."""
    armature = addon("scene").import_avatar(bpy.context, result(addon, name=name))
    return armature, next(child for child in armature.children if child.type == "MESH")


def other_avatar(bpy: ModuleType, addon: Addon, _: Any) -> None:
    imported(bpy, addon, "Armature")


def other_units(bpy: ModuleType, *_: Any) -> None:
    scene = bpy.context.scene
    scene.unit_settings.scale_length = 0.01
    scene.render.fps = 60
    scene.frame_set(17)


def photo_shown(bpy: ModuleType, addon: Addon, armature: Any) -> None:
    addon("scene").show_photo(bpy.context, armature, 1)
    bpy.context.scene.camera.select_set(state=True)
    for area in bpy.context.screen.areas:
        if area.type == "VIEW_3D":
            area.spaces.active.region_3d.view_perspective = "CAMERA"


def action_assigned(bpy: ModuleType, addon: Addon, armature: Any) -> None:
    armature.animation_data_create().action = addon("scene").photos_of(armature)[0].action
    bpy.context.scene.frame_set(1)


def hidden(_: ModuleType, __: Addon, armature: Any) -> None:
    mesh = next(child for child in armature.children if child.type == "MESH")
    mesh.hide_viewport = True
    armature.hide_set(state=True)


def collection_excluded(bpy: ModuleType, *_: Any) -> None:
    bpy.context.view_layer.layer_collection.children["Anna"].exclude = True


def posing(bpy: ModuleType, *_: Any) -> None:
    bpy.ops.object.mode_set(mode="POSE")


def editing_bones(bpy: ModuleType, *_: Any) -> None:
    bpy.ops.object.mode_set(mode="EDIT")


def painting_weights(bpy: ModuleType, _: Addon, armature: Any) -> None:
    bpy.context.view_layer.objects.active = next(
        child for child in armature.children if child.type == "MESH"
    )
    bpy.ops.object.mode_set(mode="WEIGHT_PAINT")


def nothing_selected(bpy: ModuleType, *_: Any) -> None:
    bpy.ops.object.select_all(action="DESELECT")
    bpy.context.view_layer.objects.active = None


def shape_key(_: ModuleType, __: Addon, armature: Any) -> None:
    mesh = next(child for child in armature.children if child.type == "MESH")
    mesh.shape_key_add(name="Basis")
    mesh.shape_key_add(name="smile").value = 0.5


def other_view_layer(bpy: ModuleType, *_: Any) -> None:
    bpy.context.scene.view_layers.new("Second")
    bpy.context.window.view_layer = bpy.context.scene.view_layers["Second"]


def other_scenes(bpy: ModuleType, *_: Any) -> None:
    for name in ("A", "Anna"):
        bpy.data.scenes.new(name)


STATES = (
    other_scenes,
    other_avatar,
    other_units,
    photo_shown,
    action_assigned,
    hidden,
    collection_excluded,
    posing,
    editing_bones,
    painting_weights,
    nothing_selected,
    shape_key,
    other_view_layer,
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("state", STATES)
def test_scene_is_the_same_afterwards(
    blender: ModuleType, addon: Addon, tmp_path: Path, state: Any, kind: str
) -> None:
    armature, _ = imported(blender, addon)
    state(blender, addon, armature)
    before = snapshot(blender)
    exporter(addon, kind)(blender.context, armature, tmp_path / f"anna.{kind}")
    assert snapshot(blender) == before
    assert (tmp_path / f"anna.{kind}").stat().st_size > 50_000


def test_snapshot_sees_changes(blender: ModuleType, addon: Addon) -> None:
    armature, mesh = imported(blender, addon)
    before = snapshot(blender)
    changes = {
        "pose": lambda: setattr(armature.pose.bones["head"], "scale", (1, 2, 1)),
        "vertex": lambda: setattr(mesh.data.vertices[0], "co", (0, 0, 9)),
        "name": lambda: setattr(mesh, "name", "Berta"),
        "material": lambda: blender.data.materials.new("left over"),
        "frame": lambda: blender.context.scene.frame_set(3),
        "selection": lambda: mesh.select_set(state=True),
    }
    for what, change in changes.items():
        change()
        assert snapshot(blender) != before, what
        before = snapshot(blender)


@pytest.mark.parametrize("kind", KINDS)
def test_failing_exporter_changes_nothing(
    blender: ModuleType,
    addon: Addon,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    armature, mesh = imported(blender, addon)
    module = addon(f"export.{'gltf' if kind == 'glb' else 'fbx'}")

    def fail(_: Any, **options: Any) -> None:
        Path(options["filepath"]).write_bytes(b"half a file")
        bad_input = addon("shared.errors").BadInput
        raise bad_input("It failed.", "Try again.")

    monkeypatch.setattr(module, "run_exporter", fail)
    path = tmp_path / f"anna.{kind}"
    path.write_bytes(b"older")
    before = snapshot(blender)
    with pytest.raises(addon("shared.errors").BadInput, match="It failed"):
        exporter(addon, kind)(blender.context, armature, path)
    assert snapshot(blender) == before
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]
    assert mesh.name == "Anna mesh"


@pytest.mark.parametrize("kind", KINDS)
def test_missing_folder_is_named(
    blender: ModuleType, addon: Addon, tmp_path: Path, kind: str
) -> None:
    armature, _ = imported(blender, addon)
    folder = tmp_path / "gone"
    with pytest.raises(addon("shared.errors").BadInput, match=re.escape(str(folder))) as caught:
        exporter(addon, kind)(blender.context, armature, folder / f"anna.{kind}")
    assert caught.value.hint == "Choose another folder."
    assert not folder.exists()


def test_folder_is_no_file_name(blender: ModuleType, addon: Addon, tmp_path: Path) -> None:
    armature, _ = imported(blender, addon)
    with pytest.raises(addon("shared.errors").BadInput, match="is a folder"):
        addon("export").export_glb(blender.context, armature, tmp_path)


def test_unwritable_folder_is_named(blender: ModuleType, addon: Addon) -> None:
    armature, _ = imported(blender, addon)
    path = Path("/proc/anna.glb")  # nobody can write there, root neither
    with pytest.raises(addon("shared.errors").BadInput, match=r"anna\.glb cannot be written"):
        addon("export").export_glb(blender.context, armature, path)


@pytest.mark.parametrize(("kind", "module"), [("glb", "io_scene_gltf2"), ("fbx", "io_scene_fbx")])
def test_disabled_exporter_is_named(
    blender: ModuleType, addon: Addon, tmp_path: Path, kind: str, module: str
) -> None:
    import addon_utils

    armature, _ = imported(blender, addon)
    addon_utils.disable(module)
    try:
        with pytest.raises(addon("shared.errors").BadInput) as caught:
            exporter(addon, kind)(blender.context, armature, tmp_path / f"anna.{kind}")
    finally:
        addon_utils.enable(module)
    assert "disabled" in caught.value.sentence
    assert module in caught.value.hint


def test_exporters_own_failure_is_one_sentence(addon: Addon) -> None:
    def fail() -> None:
        raise RuntimeError("Error: Traceback\n  somewhere\nOSError: disk full\n")

    with pytest.raises(addon("shared.errors").BadInput) as caught:
        addon("export.file").run_exporter(fail)
    assert caught.value.sentence == "Blender's exporter failed: OSError: disk full"


@pytest.mark.parametrize("scale", [(1, 1, 1.1), (-1, 1, 1)])
def test_uneven_scale_is_refused(
    blender: ModuleType, addon: Addon, tmp_path: Path, scale: tuple[float, float, float]
) -> None:
    armature, _ = imported(blender, addon)
    armature.scale = scale
    blender.context.view_layer.update()
    with pytest.raises(addon("shared.errors").BadInput, match="unevenly"):
        addon("export").export_glb(blender.context, armature, tmp_path / "anna.glb")


def test_file_may_be_read_by_others(blender: ModuleType, addon: Addon, tmp_path: Path) -> None:
    armature, _ = imported(blender, addon)
    addon("export").export_glb(blender.context, armature, tmp_path / "anna.glb")
    (tmp_path / "own").touch()
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1
