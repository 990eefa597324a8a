"""The package's register() and unregister(), in a copy with modules that only keep a diary."""

import importlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULE = """
from . import diary
state = []
def register():
    diary.append("register {name}")
    {on_register}
def unregister():
    diary.append("unregister {name}")
    {on_unregister}
"""
FAIL = "raise RuntimeError('{name}')"
Make = Callable[..., ModuleType]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """make("a", "b", b=(on_register, on_unregister)) is the package with two modules."""

    def package(*names: str, **bodies: tuple[str, str]) -> ModuleType:
        folder = tmp_path / f"extension_{tmp_path.name}"
        folder.mkdir()
        shutil.copy(ROOT / "blender_addon/__init__.py", folder)
        for name in names:
            first, second = bodies.get(name, ("", ""))
            text = MODULE.format(name=name, on_register=first, on_unregister=second)
            (folder / f"{name}.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        found = importlib.import_module(folder.name)
        monkeypatch.setattr(found, "_MODULES", names)
        monkeypatch.setattr(found, "diary", [], raising=False)
        return found

    return package


def test_modules_are_taken_back_in_reverse(make: Make) -> None:
    package = make("a", "b")
    package.register()
    package.unregister()
    assert package.diary == ["register a", "register b", "unregister b", "unregister a"]


def test_a_module_that_fails_takes_back_the_ones_before(make: Make) -> None:
    package = make("a", "b", b=(FAIL.format(name="b"), ""))
    with pytest.raises(RuntimeError, match="b"):
        package.register()
    assert package.diary[-1] == "unregister a"


def test_unregister_after_a_failed_register_does_nothing(make: Make) -> None:
    package = make("a", "b", b=(FAIL.format(name="b"), ""))
    with pytest.raises(RuntimeError, match="b"):
        package.register()
    package.diary.clear()
    package.unregister()
    assert package.diary == []


def test_a_module_that_cannot_be_taken_back_does_not_keep_the_others(make: Make) -> None:
    package = make("a", "b", b=("", FAIL.format(name="b")))
    package.register()
    with pytest.raises(RuntimeError, match="b"):
        package.unregister()
    assert package.diary[-1] == "unregister a"


def test_register_again_starts_with_fresh_modules(make: Make) -> None:
    package = make("a")
    package.register()
    importlib.import_module(f"{package.__name__}.a").state.append("old")
    package.unregister()
    package.register()
    assert importlib.import_module(f"{package.__name__}.a").state == []


def test_a_second_round_registers_each_module_once(make: Make) -> None:
    package = make("a")
    for _ in range(3):
        package.register()
        package.unregister()
    assert package.diary == ["register a", "unregister a"] * 3


def test_package_imports_without_blender_and_without_torch() -> None:
    code = "import sys; sys.modules['bpy'] = sys.modules['torch'] = None; import blender_addon"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_every_module_that_registers_something_is_listed() -> None:
    offers = {
        path.stem
        for path in (ROOT / "blender_addon").glob("*.py")
        if path.stem != "__init__" and "\ndef register()" in path.read_text()
    }
    assert offers == set(importlib.import_module("blender_addon")._MODULES)
