"""Build the Blender extension: blender_addon/, shared/ and pyzmq in one zip for each platform.

    python build_addon.py [--output DIR] [--platform linux-x64|windows-x64|macos-arm64]

Needs pip for the first download of the wheels, nothing but the standard library afterwards.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile, ZipInfo

ROOT = Path(__file__).resolve().parent
ADDON = ROOT / "blender_addon"
SHARED = ROOT / "shared"
MANIFEST = "blender_manifest.toml"
LOCK = ADDON / "wheels.lock.toml"
CACHE = ADDON / "wheels"
LEFT_OUT = {SHARED.name, CACHE.name, LOCK.name}
"""Of blender_addon/; shared/ is read where it is, not through the link."""
PLATFORMS = ("linux-x64", "windows-x64", "macos-arm64")
FILE_MODE = 0o100644 << 16  # a regular file, readable by all
UNIX = 3


class BuildError(Exception):
    """The zip cannot be built; says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """One wheel of the lock file."""

    platform: str
    """Blender's name of it."""
    name: str
    """On PyPI."""
    sha256: str
    tags: str
    """Python and ABI, in the name inside the zip."""

    @property
    def packed_name(self) -> str:
        """Of the file inside the zip; the bytes are the same."""
        distribution, version, _, _, platform = self.name.split("-")
        return f"{distribution}-{version}-{self.tags}-{platform}"


def locked_wheels(platform: str, lock: Path = LOCK) -> list[Wheel]:
    """Return the wheels that belong into the zip for a platform."""
    rows = tomllib.loads(lock.read_text("utf-8"))["wheel"]
    return [wheel for row in rows if (wheel := Wheel(**row)).platform == platform]


def wheel_bytes(wheel: Wheel, cache: Path = CACHE) -> bytes:
    """Return a wheel's bytes, downloaded once into `cache`.

    Raises:
        BuildError: The download failed, or the bytes are not the ones of the lock file.
    """
    path = cache / wheel.name
    if not path.exists():
        download(wheel, cache)
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != wheel.sha256:
        raise BuildError(
            f"{wheel.name} is not the file of the lock: its SHA-256 is {found}, "
            f"not {wheel.sha256}. Delete {path} and build again; if that does not help, "
            "someone changed the file."
        )
    return content


def download(wheel: Wheel, cache: Path) -> None:
    """Put a wheel from PyPI into `cache`, whole or not at all.

    Raises:
        BuildError: pip failed.
    """
    distribution, version, python, abi, platforms = wheel.name.removesuffix(".whl").split("-")
    choice = ["--implementation", "cp", "--python-version", python[2:], "--abi", abi]
    for platform in platforms.split("."):
        choice += ["--platform", platform]
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary=:all:", "--disable-pip-version-check", "--dest", folder]
        run = subprocess.run(  # noqa: S603 our own lock file names what is fetched
            [*command, *choice, f"{distribution}=={version}"],
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if run.returncode or not (Path(folder) / wheel.name).exists():
            raise BuildError(f"pip could not download {wheel.name}:\n{run.stderr.strip()}")
        shutil.move(Path(folder) / wheel.name, cache / wheel.name)


def sources() -> dict[str, Path]:
    """Return path inside the zip -> file."""
    files = {path.relative_to(ADDON): path for path in ADDON.rglob("*")}
    files = {name: path for name, path in files.items() if name.parts[0] not in LEFT_OUT}
    files |= {"shared" / path.relative_to(SHARED): path for path in SHARED.rglob("*")}
    files[Path("shared/LICENSE")] = ROOT / "LICENSE"
    return {
        name.as_posix(): path
        for name, path in files.items()
        if path.is_file() and not any(part.startswith((".", "__pycache__")) for part in name.parts)
    }


def manifest(platform: str, wheels: Sequence[Wheel]) -> str:
    """Return the manifest with the lines that differ from platform to platform."""
    head, table, rest = (ADDON / MANIFEST).read_text("utf-8").partition("\n[")
    paths = "".join(f'  "./wheels/{wheel.packed_name}",\n' for wheel in wheels)
    return f'{head}platforms = ["{platform}"]\nwheels = [\n{paths}]\n{table}{rest}'


def build(folder: Path, platform: str, *, lock: Path = LOCK, cache: Path = CACHE) -> Path:
    """Write `<id>-<version>-<platform>.zip` into `folder`; equal sources give equal bytes.

    Args:
        folder: Made if it is not there.
        platform: One of `PLATFORMS`.
        lock: Names and hashes of the wheels.
        cache: Where downloaded wheels are kept.

    Returns:
        Path of the zip.

    Raises:
        BuildError: A wheel cannot be had, or is not the one of the lock file.
    """
    wheels = locked_wheels(platform, lock)
    rendered = manifest(platform, wheels)
    content = {name: path.read_bytes() for name, path in sources().items()}
    content[MANIFEST] = rendered.encode()
    content |= {f"wheels/{wheel.packed_name}": wheel_bytes(wheel, cache) for wheel in wheels}
    about = tomllib.loads(rendered)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{about['id']}-{about['version']}-{platform}.zip"
    with ZipFile(target, "w") as archive:  # not compressed: zlib's bytes differ between machines
        for name in sorted(content):
            entry = ZipInfo(name)  # dated 1980
            entry.create_system, entry.external_attr = UNIX, FILE_MODE
            archive.writestr(entry, content[name])
    return target


def main() -> None:
    """Build what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--output", type=Path, default=ROOT / "dist", metavar="DIR")
    parser.add_argument("--platform", choices=PLATFORMS, help="all if not given")
    options = parser.parse_args()
    try:
        for platform in [options.platform] if options.platform else PLATFORMS:
            target = build(options.output, platform)
            sys.stdout.write(f"{target}  {target.stat().st_size / 1e6:.2f} MB\n")
    except BuildError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
