"""Kill -9 worker, supervisor and Blender at random moments of a job, and see what is left.

    python tests/blender/kills.py --blender-python ENVIRONMENT/bin/python [--count 20] [--json FILE]

Needed each time: a sentence for the user (not if Blender is gone), no process left after 5 s, every
job that was finished before still listed as finished, and the next backend works.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PHOTO = ROOT / "backend/assets/samples/front.jpg"
TARGETS = ("worker", "supervisor", "blender")
ORPHAN_S = 5.0
ANSWER_S = 60.0
JOB_S = 200.0


class Desk:
    """A Blender that runs, and what it shows."""

    def __init__(self, python: Path, zip_file: Path, folder: Path) -> None:
        self.jobs_folder = folder / "jobs"
        command = [python, ROOT / "tests/blender/kill_session.py", zip_file, sys.executable]
        self.process = subprocess.Popen(
            [*command, self.jobs_folder, PHOTO],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(folder / "blender.log").open("ab"),
            env=os.environ | {"BLENDER_USER_RESOURCES": str(folder / "user")},
            text=True,
        )
        self.seen: dict[str, Any] = {}
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                self.seen = json.loads(line)

    def order(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def wait(self, is_so: Callable[[dict[str, Any]], object], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not (self.seen and is_so(self.seen)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}; last seen: {self.seen}")
            time.sleep(0.02)

    def processes(self, kind: str) -> list[int]:
        """Backend processes of this desk: "serve", "jobs", "pictures" or, for all, "backend"."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                words = (place / "cmdline").read_bytes().split(b"\0")
                state = (place / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            own = {kind.encode(), str(self.jobs_folder).encode(), b"backend"} <= set(words)
            if own and state != "Z":
                found.append(int(place.name))
        return found


def finished(seen: dict[str, Any]) -> set[str]:
    return {job for job, state in seen.get("jobs", {}).items() if state == "finished"}


def wait_gone(desk: Desk) -> float:
    """Seconds until no backend process of the desk is left."""
    start = time.monotonic()
    while desk.processes("backend"):
        if time.monotonic() > start + ORPHAN_S:
            raise TimeoutError(f"orphans: {desk.processes('backend')}")
        time.sleep(0.02)
    return time.monotonic() - start


def ready(python: Path, zip_file: Path, folder: Path) -> Desk:
    """A Blender whose backend answers."""
    desk = Desk(python, zip_file, folder)
    desk.order("start")
    desk.wait(lambda seen: seen["status"] in ("ready", "busy"), ANSWER_S, "no backend")
    return desk


def kill_once(desk: Desk, target: str, fraction: float) -> dict[str, Any]:
    """Start a job, kill the target when so much of it is done; what was seen then."""
    before = finished(desk.seen)
    desk.order("generate")
    desk.wait(lambda seen: seen["phase"] not in ("", "finished", "failed"), ANSWER_S, "no job")
    over = ("finished", "failed")
    desk.wait(
        lambda seen: seen["fraction"] >= fraction or seen["phase"] in over, JOB_S, "no progress"
    )
    moment = f"{desk.seen['phase']} {desk.seen['fraction']:.2f}"
    kind = {"worker": "jobs", "supervisor": "serve"}.get(target)
    victims = [desk.process.pid] if kind is None else desk.processes(kind)
    for victim in victims:
        os.kill(victim, signal.SIGKILL)
    row = {"target": target, "moment": moment, "killed": len(victims), "before": before}
    if target == "worker":
        desk.wait(lambda seen: seen["phase"] in ("failed", "finished"), JOB_S, "nothing is said")
        row["said"] = desk.seen["sentence"]
        assert desk.seen["phase"] == "finished" or desk.seen["sentence"], desk.seen
        assert desk.processes("serve"), "the supervisor has gone with its worker"
    elif target == "supervisor":
        desk.wait(lambda seen: seen["status"] == "failed", ANSWER_S, "nothing is said")
        row["said"] = desk.seen["problem"]
        assert desk.seen["problem"], desk.seen
        row["gone_s"] = round(wait_gone(desk), 2)
        desk.order("start")
        desk.wait(lambda seen: seen["status"] == "ready", ANSWER_S, "does not start again")
    else:
        desk.process.wait()
        row["gone_s"] = round(wait_gone(desk), 2)
    return row


def check_kept(desk: Desk, row: dict[str, Any]) -> None:
    """Every job that was finished before is finished still; none seems to run."""
    desk.wait(lambda seen: row["before"] <= finished(seen), ANSWER_S, "a finished job is lost")
    desk.wait(
        lambda seen: "running" not in seen["jobs"].values(), ANSWER_S, "a dead job seems to run"
    )
    row["finished"] = len(finished(desk.seen))
    row["before"] = len(row["before"])


def kill_all(python: Path, folder: Path, count: int) -> list[dict[str, Any]]:
    """Kill each target so many times at moments spread over a job's time; what was seen."""
    build = [sys.executable, ROOT / "build_addon.py", "--platform", "linux-x64"]
    subprocess.run([*build, "--output", folder], check=True, stdout=subprocess.DEVNULL)
    zip_file = next(folder.glob("*.zip"))
    chance = random.Random(0)  # noqa: S311 - repeatable is what is wanted
    desk = ready(python, zip_file, folder)
    desk.order("generate")
    desk.wait(finished, JOB_S, "the first job does not finish")
    rows = []
    for target in TARGETS * count:
        row = kill_once(desk, target, chance.random())
        if target == "blender":
            desk = ready(python, zip_file, folder)
        check_kept(desk, row)
        rows.append(row)
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()
    desk.order("quit")
    desk.process.wait(timeout=30)
    wait_gone(desk)
    return rows


def main() -> None:
    """Kill, look, tell; anything that is not as it should be ends the run with an error."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--blender-python", required=True, type=Path)
    parser.add_argument("--count", type=int, default=20, help="of each target")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = kill_all(options.blender_python.absolute(), Path(folder), options.count)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    sys.stdout.write(f"{len(rows)} kills: no orphan, no finished job lost, always a message\n")


if __name__ == "__main__":
    main()
