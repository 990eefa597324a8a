"""No required dependency carries a GPL, AGPL or non-commercial licence text or binary."""

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, PathDistribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
LICENCE_FILE = re.compile(r"licen[cs]e|copying|notice|eula", re.IGNORECASE)
CODE = {".py", ".pyc", ".pyi", ".so"}
FORBIDDEN_TEXT = re.compile(
    r"GNU (?:AFFERO )?GENERAL PUBLIC LICENSE Version [23]"
    r"|(?<!commercial and )non-?\s?commercial (?:use|purpose|research|scien)"
    r"|(?i:CC[- ]BY[- ]NC|Attribution-?\s?Non-?Commercial)"
    r"|(?i:licen[sc]ed under (?:the )?(?:terms of the )?(?:GNU )?(?:A?GPL|(?:Affero )?General Pub))"
    # the LLVM exception names GPLv2 software that it may be combined with
    r"(?!\S* \(.Combined Software)"
)
FORBIDDEN_NAME = re.compile(
    r"(?:^|[/_.-])(?:lib)?(?:x264|x265|xvidcore|fdk-aac|postproc)[-.\d]"
    r"|/(?:copyleft|triangle|tetgen)/?[^/]*\.(?:so|pyd|dll|dylib)"
)
MEDIA_LIBRARY = re.compile(r"(?:^|/)(?:lib)?(?:av|sw)[a-z]+-[^/]*\.(?:so|dll|dylib)|ffmpeg[^/]*dll")
FFMPEG_OPTIONS = (b"--enable-gpl", b"--enable-nonfree")
FORBIDDEN_METADATA = re.compile(
    r"(?<!L)(?<!Lesser )\bA?GPL|(?<!Lesser )General Public|non-?commerc"
)
HARMLESS = {  # (distribution, end of the file's name): reason
    ("numpy", "LICENSE.txt"): "libgfortran, libquadmath: GPL with GCC's runtime exception",
    ("scipy", "LICENSE.txt"): "libgfortran, libquadmath: GPL with GCC's runtime exception",
    ("torch", "cpr/test/LICENSE"): "test files of a profiler's source tree, not in the wheel",
    ("warp-lang", "cuda-LICENSE.txt"): "NVIDIA's toolkit names its debugger, not in the wheel",
    ("warp-lang", "nvrtc-LICENSE.txt"): "NVIDIA's toolkit names its debugger, not in the wheel",
}
REQUIRED: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
    "dependencies"
]


def required(requirements: list[str]) -> dict[str, Distribution]:
    """The installed distributions that the requirements need, extras only where asked for."""
    found: dict[str, Distribution] = {}
    waiting = [(Requirement(line), "") for line in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        key = f"{requirement.name.lower()}[{','.join(sorted(requirement.extras))}]"
        if key not in found:
            found[key] = distribution(requirement.name)
            lines = found[key].requires or []
            waiting += [(Requirement(x), e) for x in lines for e in ("", *requirement.extras)]
    return found


def complaints(package: Distribution) -> Iterator[str]:
    """What of a distribution is not free for every use, by its metadata, texts and binaries."""
    name = package.metadata["Name"].lower()
    for member in ("License-Expression", "License", "Classifier"):
        for text in package.metadata.get_all(member) or []:
            if len(text) < 200 and FORBIDDEN_METADATA.search(text):  # longer: a whole licence
                yield f"{name}: {member}: {text}"
    for file in package.files or []:
        place = file.as_posix()
        if any(name == owner and place.endswith(end) for owner, end in HARMLESS):
            continue
        if FORBIDDEN_NAME.search(place) or has_forbidden_text(Path(str(file.locate())), place):
            yield f"{name}: {place}"


def has_forbidden_text(path: Path, place: str) -> bool:
    if not path.is_file():
        return False
    if MEDIA_LIBRARY.search(place):
        content = path.read_bytes()
        return any(option in content for option in FFMPEG_OPTIONS)
    if path.suffix in CODE or not LICENCE_FILE.search(place):
        return False
    return bool(FORBIDDEN_TEXT.search(" ".join(path.read_text(errors="replace").split())))


@pytest.mark.parametrize("package", required(REQUIRED).values(), ids=lambda package: package.name)
def test_dependency_is_free_for_every_use(package: Distribution) -> None:
    assert list(complaints(package)) == []


def plant(folder: Path, place: str, content: bytes, *metadata: str) -> PathDistribution:
    """An installed distribution of one file, as pip leaves it."""
    info = folder / "planted-1.dist-info"
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    (folder / place).write_bytes(content)
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text("\n".join(["Name: planted", "Version: 1", *metadata]) + "\n")
    (info / "RECORD").write_text(f"{place},,\n")
    return PathDistribution(info)


@pytest.mark.parametrize(
    ("place", "content"),
    [
        ("pillow_heif.libs/libx265-0a1b2c.so.209", b""),
        ("igl/copyleft/cgal.cpython-311-x86_64-linux-gnu.so", b""),
        ("igl/triangle/triangle.so", b""),
        ("av.libs/libavcodec-76c43bf0.so.59", b"configuration: --enable-gpl --enable-libx264"),
        ("planted-1.dist-info/COPYING", b"GNU GENERAL PUBLIC LICENSE\n   Version 3, 29 June 2007"),
        ("planted-1.dist-info/licenses/LICENSE", b"Free for non-commercial research only."),
        ("planted/assets/LICENSE.md", b"CC BY-NC-SA 4.0"),
    ],
)
def test_planted_file_is_caught(tmp_path: Path, place: str, content: bytes) -> None:
    assert list(complaints(plant(tmp_path, place, content))) == [f"planted: {place}"]


@pytest.mark.parametrize(
    "line", ["License-Expression: AGPL-3.0-only", "License: GPLv3", "License: non-commercial"]
)
def test_planted_metadata_is_caught(tmp_path: Path, line: str) -> None:
    assert len(list(complaints(plant(tmp_path, "planted.py", b"", line)))) == 1


def test_lesser_licences_pass(tmp_path: Path) -> None:
    text = b"GNU LESSER GENERAL PUBLIC LICENSE\n Version 2.1"
    package = plant(tmp_path, "x.libs/COPYING.LESSER", text, "License: LGPL-2.1-or-later")
    assert list(complaints(package)) == []
