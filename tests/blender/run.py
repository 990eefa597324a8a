"""Run tests/blender in several versions of Blender, with the zip installed as a user would.

    python tests/blender/run.py [--versions 4.5.15 5.2.3] [--environments DIR] [TEST ...]

Each version has an environment that holds nothing but bpy and pytest; missing ones are made
(0.4 GB to download and 1 GB of disk each). Needs only the standard library, Python 3.11 and 3.13.
"""

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parents[2]
PYTHON_OF = {"4.2.23": "3.11", "4.5.15": "3.11", "5.0.1": "3.11", "5.2.3": "3.13"}
PLATFORM = {"linux": "linux-x64", "win32": "windows-x64", "darwin": "macos-arm64"}[sys.platform]
TIMEOUT_S = 600
CONTENT = "from importlib.metadata import version; print(version('pytest') and version('bpy'))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of the tests in one version of Blender."""

    counts: dict[str, int]
    """Tests, failures, errors, skipped; empty if the process did not live to report them."""
    figures: dict[str, str]
    """What tests have measured."""
    seconds: float
    end: str
    """How the process ended, in words; empty if as it should."""

    @property
    def is_good(self) -> bool:
        """Whether there were tests and all passed."""
        bad = self.counts.get("failures", 0) + self.counts.get("errors", 0)
        return not self.end and not bad and self.counts.get("tests", 0) > 0


def output_of(*command: str | Path) -> str:
    """What a command prints; empty if it fails or is not there."""
    with contextlib.suppress(OSError):
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return ""


def interpreters(version: str) -> Iterator[str]:
    """Candidates for a Python of a version like 3.13."""
    yield sys.executable
    yield shutil.which(f"python{version}") or ""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from map(str, sorted((pyenv / "versions").glob(f"{version}.*/bin/python{version}")))


def interpreter(version: str) -> str:
    """A Python of a version like 3.13."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    for path in filter(None, interpreters(version)):
        if output_of(path, "-c", code) == version:  # pyenv's shims exist for versions not active
            return path
    sys.exit(f"Python {version} is not there. Install it, or choose others with --versions.")


def environment(version: str, folder: Path) -> Path:
    """The Python of an environment with bpy of a version and pytest; made if it is not there."""
    python = folder / version / "bin" / "python"
    if output_of(python, "-c", CONTENT) == version:
        return python
    make = [interpreter(PYTHON_OF[version]), "-m", "venv", "--clear", folder / version]
    subprocess.run(make, check=True)
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([python, *install, f"bpy=={version}", "pytest"], check=True)
    return python


def size_gb(folder: Path) -> float:
    """What a folder takes on the disk."""
    return sum(path.lstat().st_size for path in folder.rglob("*")) / 1e9


def run_tests(python: Path, tests: list[str], settings: dict[str, str]) -> Outcome:
    """Run pytest in one environment; its output is shown."""
    hidden = {"PYTHONPATH", "VIRTUAL_ENV", "BLENDER_USER_RESOURCES"}
    variables = {name: value for name, value in os.environ.items() if name not in hidden}
    variables |= settings | {"PYTHONNOUSERSITE": "1"}
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [python, "-m", "pytest", "-o", "addopts=--import-mode=importlib", "-ra"]
        command += ["-p", "no:cacheprovider", f"--junitxml={report}"]
        command += ["-o", "junit_family=xunit1", *tests]  # keeps what tests have measured
        try:
            code = subprocess.run(
                command, cwd=ROOT, env=variables, timeout=TIMEOUT_S, check=False
            ).returncode
            end = "" if code in {0, 1} else f"exit status {code}"
        except subprocess.TimeoutExpired:
            end = f"still running after {TIMEOUT_S} s"
        seconds = time.monotonic() - start
        if not report.exists():
            return Outcome(counts={}, figures={}, seconds=seconds, end=end or "no report")
        return read_report(report, seconds, end)


def read_report(report: Path, seconds: float, end: str) -> Outcome:
    """What pytest's report says."""
    tree = ET.parse(report)  # noqa: S314 we have just written it
    suite = tree.find("testsuite")
    names = ("tests", "failures", "errors", "skipped")
    counts = {name: int(suite.get(name, "0")) for name in names} if suite is not None else {}
    figures = {x.get("name", ""): x.get("value", "") for x in tree.iter("property")}
    return Outcome(counts=counts, figures=figures, seconds=seconds, end=end)


def table(outcomes: dict[str, Outcome]) -> str:
    """One row for each version of Blender."""
    rows = ["\nbpy      passed  failed  skipped  seconds  measured"]
    for version, outcome in outcomes.items():
        counts = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0) | outcome.counts
        failed, skipped = counts["failures"] + counts["errors"], counts["skipped"]
        figures = "  ".join(f"{name} {value}" for name, value in outcome.figures.items())
        rows.append(
            f"{version:8} {counts['tests'] - failed - skipped:6d} {failed:7d} {skipped:8d}"
            f" {outcome.seconds:8.0f}  {figures}{outcome.end}"
        )
    return "\n".join(rows) + "\n"


def main() -> None:
    """Test the versions of the command line; the exit status says whether all passed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--versions", nargs="+", choices=PYTHON_OF, default=list(PYTHON_OF))
    parser.add_argument("--environments", type=Path, default=ROOT / ".blender-environments")
    parser.add_argument("--backend-python", default=sys.executable, help="starts real backends")
    parser.add_argument("tests", nargs="*", default=["tests/blender"])
    options = parser.parse_args()
    outcomes: dict[str, Outcome] = {}
    with tempfile.TemporaryDirectory() as folder:
        build = [sys.executable, ROOT / "build_addon.py", "--platform", PLATFORM]
        subprocess.run([*build, "--output", folder], check=True)
        settings = {"PHOTO_AVATAR_PYTHON": options.backend_python}
        settings["EXTENSION_ZIP"] = str(next(Path(folder).glob("*.zip")))
        for version in options.versions:
            start = time.monotonic()
            python = environment(version, options.environments.absolute())
            seconds, size = time.monotonic() - start, size_gb(python.parents[1])
            sys.stdout.write(f"\n== bpy {version}: {size:.1f} GB, ready in {seconds:.0f} s\n")
            sys.stdout.flush()
            outcomes[version] = run_tests(python, options.tests, settings)
    sys.stdout.write(table(outcomes))
    sys.exit(not all(outcome.is_good for outcome in outcomes.values()))


if __name__ == "__main__":
    main()
