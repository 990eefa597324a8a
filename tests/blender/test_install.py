"""The zip as shipped, installed in an environment that holds nothing but bpy and pytest."""

import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from zipfile import ZipFile

import pytest

MODULE = "bl_ext.user_default.photo_avatar"
USER_FOLDER = Path(os.environ["BLENDER_USER_RESOURCES"])
ZIP = os.environ["EXTENSION_ZIP"]
EXIT_S = 5.0
STARTUP_RATIO = 0.6
"""Of processor time, to what Blender's own modules take: seconds differ between machines."""
INSTALL = f"""
import sys, time
import bpy  # first: it tells Python where addon_utils is
import addon_utils
start = time.perf_counter()
bpy.ops.extensions.package_install_files(
    filepath={ZIP!r}, repo="user_default", enable_on_install=True
)
seconds = time.perf_counter() - start
"""


def in_new_blender(folder: Path, code: str) -> str:
    """What a new process with its own user folder prints; it has to end by itself and in time."""
    variables = os.environ | {"BLENDER_USER_RESOURCES": str(folder)}
    command = [sys.executable, "-c", f"{code}\nsys.stdout.flush()"]
    run = subprocess.run(
        command, env=variables, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def own_modules() -> list[ModuleType]:
    return [module for name, module in list(sys.modules.items()) if name.startswith(f"{MODULE}.")]


def descendants(kind: type) -> Iterator[type]:
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


def leftovers(blender: ModuleType, functions: list[FunctionType]) -> list[str]:
    """What of the extension Blender still knows: classes, properties, handlers, timers."""
    kinds = blender.types
    bases = (kinds.Operator, kinds.Panel, kinds.PropertyGroup, kinds.UIList, kinds.Menu)
    bases += (kinds.AddonPreferences, kinds.FileHandler)
    found = [
        child.__name__
        for base in bases
        for child in descendants(base)
        if child.__module__.startswith(MODULE) and child.is_registered
    ]
    found += ["Scene.photo_avatar"] * hasattr(kinds.Scene, "photo_avatar")
    handlers = [getattr(blender.app.handlers, name) for name in dir(blender.app.handlers)]
    calls = [call for entry in handlers if isinstance(entry, list) for call in entry]
    found += [str(call) for call in calls if getattr(call, "__module__", "").startswith(MODULE)]
    timers = blender.app.timers
    return found + [call.__name__ for call in functions if timers.is_registered(call)]


def own_functions() -> list[FunctionType]:
    found = [thing for module in own_modules() for thing in vars(module).values()]
    return [thing for thing in found if isinstance(thing, FunctionType)]


@pytest.mark.usefixtures("blender")
def test_zmq_comes_from_the_zip_and_encrypts() -> None:
    import zmq

    assert USER_FOLDER in Path(zmq.__file__).parents
    assert zmq.has("curve")


def test_extension_lies_in_the_user_folder(addon: Callable[..., ModuleType]) -> None:
    assert USER_FOLDER in Path(addon("shared.types").__file__ or "").parents


def test_enabled_extension_is_there(blender: ModuleType) -> None:
    assert {"Scene.photo_avatar", "tick"} <= set(leftovers(blender, own_functions()))


def test_nothing_is_left_after_each_of_three_disables(blender: ModuleType) -> None:
    import addon_utils

    for _ in range(3):
        functions = own_functions()
        addon_utils.disable(MODULE, default_set=True)
        assert leftovers(blender, functions) == []
        assert own_modules() == []
        assert addon_utils.enable(MODULE, default_set=True)
        assert "Scene.photo_avatar" in leftovers(blender, [])


def test_operators_are_those_of_the_fresh_modules(
    blender: ModuleType, addon: Callable[..., ModuleType]
) -> None:
    import addon_utils

    addon_utils.disable(MODULE, default_set=True)
    addon_utils.enable(MODULE, default_set=True)
    registered = blender.types.Operator.bl_rna_get_subclass_py
    for module in ("operators", "operators_photos", "operators_avatar"):
        for kind in addon(module).CLASSES:
            if issubclass(kind, blender.types.Operator):
                name = kind.bl_idname.replace("photo_avatar.", "PHOTO_AVATAR_OT_")
                assert registered(name) is kind


def test_new_file_keeps_the_extension(blender: ModuleType) -> None:
    blender.ops.wm.read_homefile(use_empty=True)
    assert "tick" in leftovers(blender, own_functions())
    assert blender.context.scene.photo_avatar is not None


def test_neither_torch_nor_our_other_packages_are_imported(tmp_path: Path) -> None:
    code = f"{INSTALL}\nprint('found', sorted({{'torch', 'backend', 'shared'}} & set(sys.modules)))"
    assert "found []" in in_new_blender(tmp_path, f"{code}\naddon_utils.disable({MODULE!r})")


def test_process_ends_in_time(tmp_path: Path) -> None:
    print_end = "print('end', time.time())"
    output = in_new_blender(
        tmp_path, f"{INSTALL}\naddon_utils.disable({MODULE!r}, default_set=True)\n{print_end}"
    )
    end = float(output.rpartition("end ")[2].split()[0])
    assert time.time() - end <= EXIT_S


def test_start_of_blender_takes_little_longer(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    install = in_new_blender(
        tmp_path, f"{INSTALL}\naddon_utils.disable({MODULE!r})\nprint('took', seconds)"
    )
    enable = f"""
import sys, time
start = time.process_time()
import bpy
import addon_utils
import numpy  # some versions of Blender load it themselves
own = time.process_time()
addon_utils.enable({MODULE!r}, default_set=True)
end = time.process_time()
print("took", end - own, (end - own) / (own - start))
addon_utils.disable({MODULE!r}, default_set=True)
"""
    outputs = [in_new_blender(tmp_path, enable).rpartition("took ")[2].split() for _ in range(5)]
    seconds, ratios = zip(
        *[(float(output[0]), float(output[1])) for output in outputs], strict=True
    )
    record_property("install_s", f"{float(install.rpartition('took ')[2].split()[0]):.2f}")
    record_property("start_ms", f"{min(seconds) * 1000:.0f}")
    record_property("start_ratio", f"{min(ratios):.2f}")
    assert min(ratios) <= STARTUP_RATIO


def test_uninstalling_removes_files_and_wheels(tmp_path: Path) -> None:
    code = f"""{INSTALL}
index = [repo.module for repo in bpy.context.preferences.extensions.repos].index("user_default")
bpy.ops.extensions.package_uninstall(repo_index=index, pkg_id="photo_avatar")
print("registered", hasattr(bpy.types.Scene, "photo_avatar"))
"""
    output = in_new_blender(tmp_path, code)
    assert "registered False" in output
    assert not list(tmp_path.glob("extensions/user_default/photo_avatar/*"))
    assert not list(tmp_path.rglob("zmq"))


def blenders_own(blender: ModuleType, end: str) -> Path:
    scripts = Path(blender.__file__ or "").parents
    return next(path for parent in scripts for path in parent.glob(f"**/scripts/{end}"))


def test_zip_and_unpacked_folder_pass_blenders_validation(
    blender: ModuleType, tmp_path: Path
) -> None:
    with ZipFile(ZIP) as archive:
        archive.extractall(tmp_path)
    tags = blenders_own(blender, "modules/_bpy_internal/extensions/tags.py")
    tool = blenders_own(blender, "addons_core/bl_pkg/cli/blender_ext.py")
    for target in (ZIP, tmp_path):
        command = [sys.executable, tool, "validate", "--valid-tags", tags, target]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout + run.stderr


def test_permissions_say_why() -> None:
    with ZipFile(ZIP) as archive:
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
    assert set(manifest["permissions"]) == {"files", "network"}
    assert "loopback" in manifest["permissions"]["network"]
    assert manifest["license"] == ["SPDX:GPL-3.0-or-later"]
    assert "Blender" not in manifest["name"]
