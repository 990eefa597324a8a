"""Installs the zip named by EXTENSION_ZIP into a fresh Blender user folder, once per process.

Without EXTENSION_ZIP nothing here is collected; `run.py` sets it.
"""

import importlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

EXIT_STATUS = pytest.StashKey[int]()
MODULE = "bl_ext.user_default.photo_avatar"
HERE = Path(__file__).parent
ZIP = os.environ.get("EXTENSION_ZIP", "")
collect_ignore_glob = [] if ZIP else ["*"]
if ZIP:  # read when bpy is imported; else the real user folder is used
    os.environ["BLENDER_USER_RESOURCES"] = tempfile.mkdtemp(prefix="blender_user_")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("blender")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[EXIT_STATUS] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave at once: bpy 4.5 can hang at exit while a class, handler or timer is registered."""
    if "bpy" in sys.modules and ZIP:
        importlib.import_module("addon_utils").disable(MODULE)
        shutil.rmtree(os.environ["BLENDER_USER_RESOURCES"], ignore_errors=True)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash[EXIT_STATUS])


@pytest.fixture(scope="session")
def installed() -> ModuleType:
    """The bpy module; the extension is installed and enabled as a user would do it."""
    import bpy

    done = bpy.ops.extensions.package_install_files(
        filepath=ZIP, repo="user_default", enable_on_install=True
    )
    assert done == {"FINISHED"}
    assert MODULE in bpy.context.preferences.addons
    return bpy


@pytest.fixture
def blender(installed: ModuleType) -> ModuleType:
    """The bpy module with the extension enabled and a new, empty file."""
    # Factory settings would disable the extension; a new file keeps the preferences.
    installed.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    return installed


@pytest.fixture
def addon(blender: ModuleType) -> Callable[..., Any]:
    """addon("scene") is the extension's module of that name, addon() its package."""
    assert MODULE in blender.context.preferences.addons
    return lambda name="": importlib.import_module(f"{MODULE}.{name}".rstrip("."))
