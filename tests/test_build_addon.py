"""The zip of the extension; with small stand-ins for the wheels, so without a network."""

import ast
import hashlib
import os
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

import build_addon

ROOT = Path(__file__).resolve().parents[1]
PLATFORM = "linux-x64"
NAMES = {
    "pyzmq-1.0-cp311-cp311-manylinux_2_28_x86_64.whl": "cp311-cp311",
    "pyzmq-1.0-cp312-abi3-manylinux_2_28_x86_64.whl": "cp312.cp313.cp314-none",
}


@pytest.fixture
def wheels(tmp_path: Path) -> dict[str, Path]:
    """Arguments of `build` for two wheels of a few bytes, both in the cache."""
    cache, lock = tmp_path / "cache", tmp_path / "lock.toml"
    cache.mkdir()
    rows = ""
    for name, tags in NAMES.items():
        (cache / name).write_bytes(name.encode())
        found = hashlib.sha256(name.encode()).hexdigest()
        for platform in (PLATFORM, "windows-x64"):
            rows += f'[[wheel]]\nplatform = "{platform}"\nname = "{name}"\n'
            rows += f'sha256 = "{found}"\ntags = "{tags}"\n'
    lock.write_text(rows)
    return {"lock": lock, "cache": cache}


@pytest.fixture
def archive(tmp_path: Path, wheels: dict[str, Path]) -> ZipFile:
    return ZipFile(build_addon.build(tmp_path / "out", PLATFORM, **wheels))


def about(archive: ZipFile) -> dict:
    return tomllib.loads(archive.read("blender_manifest.toml").decode())


def test_all_modules_are_packed(archive: ZipFile) -> None:
    own = [path for path in (ROOT / "blender_addon").rglob("*.py") if "shared" not in path.parts]
    expected = {path.relative_to(ROOT / "blender_addon").as_posix() for path in own}
    expected |= {f"shared/{path.name}" for path in (ROOT / "shared").glob("*.py")}
    assert expected == {name for name in archive.namelist() if name.endswith(".py")}


def test_both_licences_are_packed(archive: ZipFile) -> None:
    assert b"GNU GENERAL PUBLIC LICENSE" in archive.read("LICENSE")
    assert b"Apache License" in archive.read("shared/LICENSE")


def test_shared_is_packed_as_files_not_as_a_link(archive: ZipFile) -> None:
    modes = {entry.external_attr >> 16 for entry in archive.infolist()}
    assert {stat.S_IFMT(mode) for mode in modes} == {stat.S_IFREG}
    assert archive.read("shared/wire.py") == (ROOT / "shared/wire.py").read_bytes()


def test_nothing_but_what_is_needed_is_packed(archive: ZipFile) -> None:
    names = [name for name in archive.namelist() if not name.startswith("wheels/")]
    assert {Path(name).suffix for name in names} == {"", ".py", ".toml"}
    assert [name for name in names if name.endswith(".toml")] == ["blender_manifest.toml"]
    assert not [name for name in names if "__pycache__" in name or "test" in name]


def test_equal_sources_give_equal_bytes(
    tmp_path: Path, wheels: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build_addon.build(tmp_path / "first", PLATFORM, **wheels)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    for path in wheels["cache"].iterdir():
        os.utime(path, (0, 0))
        path.chmod(0o600)
    second = build_addon.build(Path("second"), PLATFORM, **wheels)
    assert first.read_bytes() == second.read_bytes()
    assert first.name == second.name


def test_manifest_lists_the_wheels_that_are_packed(archive: ZipFile) -> None:
    packed = {f"./{name}" for name in archive.namelist() if name.startswith("wheels/")}
    assert set(about(archive)["wheels"]) == packed
    assert len(packed) == len(NAMES)


def test_stable_abi_wheel_is_renamed_and_unchanged(archive: ZipFile) -> None:
    name = "pyzmq-1.0-cp312-abi3-manylinux_2_28_x86_64.whl"
    packed = "wheels/pyzmq-1.0-cp312.cp313.cp314-none-manylinux_2_28_x86_64.whl"
    assert archive.read(packed) == name.encode()


def test_manifest_names_one_platform(archive: ZipFile) -> None:
    assert about(archive)["platforms"] == [PLATFORM]
    assert f"-{PLATFORM}.zip" in (archive.filename or "")


def test_version_is_the_projects(archive: ZipFile) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert about(archive)["version"] == project["version"]


def test_wrong_hash_is_refused_and_nothing_written(tmp_path: Path, wheels: dict[str, Path]) -> None:
    next(wheels["cache"].iterdir()).write_bytes(b"changed")
    with pytest.raises(build_addon.BuildError, match="is not the file of the lock"):
        build_addon.build(tmp_path / "out", PLATFORM, **wheels)
    assert not list(tmp_path.glob("out/*"))


def test_wheel_that_cannot_be_had_is_named(
    tmp_path: Path, wheels: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    for path in wheels["cache"].iterdir():
        path.unlink()
    with pytest.raises(build_addon.BuildError, match="pip could not download pyzmq"):
        build_addon.build(tmp_path / "out", PLATFORM, **wheels)


def test_own_imports_are_relative(archive: ZipFile) -> None:
    names = {"photo_avatar", "blender_addon", "shared", "backend"}
    for name in filter(lambda name: name.endswith(".py"), archive.namelist()):
        for node in ast.walk(ast.parse(archive.read(name))):
            if isinstance(node, ast.Import):
                assert not names & {alias.name.partition(".")[0] for alias in node.names}, name
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                assert (node.module or "").partition(".")[0] not in names, name


def test_unpacked_zip_imports_without_blender_and_without_torch(
    tmp_path: Path, archive: ZipFile
) -> None:
    archive.extractall(tmp_path / "bl_ext/user_default/photo_avatar")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "sys.modules['bpy'] = sys.modules['torch'] = sys.modules['shared'] = None\n"
        "import bl_ext.user_default.photo_avatar.shared.wire"
    )
    subprocess.run([sys.executable, "-I", "-c", code, tmp_path], check=True)


@pytest.mark.parametrize("platform", build_addon.PLATFORMS)
def test_lock_has_a_wheel_for_every_python_of_blender(platform: str) -> None:
    wheels = build_addon.locked_wheels(platform)
    pythons = {tag for wheel in wheels for tag in wheel.tags.partition("-")[0].split(".")}
    assert pythons == {"cp311", "cp312", "cp313", "cp314"}
    assert all(len(bytes.fromhex(wheel.sha256)) == hashlib.sha256().digest_size for wheel in wheels)


def test_command_line_names_a_wrong_platform() -> None:
    command = [sys.executable, ROOT / "build_addon.py", "--platform", "amiga"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "linux-x64" in run.stderr
