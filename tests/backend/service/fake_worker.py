"""A worker without PyTorch: the name of a job, or the key of a photo, says what becomes of it."""

import os
import queue
import shutil
import sys
import threading
import time
from pathlib import Path

import numpy as np

from backend.service.pipe import read_message, write_message
from shared.messages import (
    Beat,
    Failed,
    Finished,
    MakeThumbnail,
    Message,
    Progress,
    Ready,
    Submit,
    Thumbnail,
)

LANE, JOBS = sys.argv[2], Path(sys.argv[4])
BEAT_S = 0.05
lock = threading.Lock()
silent = threading.Event()
inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()


def say(message: Message) -> None:
    with lock:
        write_message(sys.stdout.buffer, message)


def beat() -> None:
    while not silent.wait(BEAT_S):
        say(Beat())


def listen() -> None:
    while (message := read_message(sys.stdin.buffer)) is not None:
        inbox.put(message)
    os._exit(0)


def crash() -> None:
    sys.stderr.write("a last word\n")
    sys.stderr.flush()
    os.kill(os.getpid(), 9)


def leave() -> None:
    os._exit(3)


def hang() -> None:
    silent.set()
    stall()


def stall() -> None:
    time.sleep(100)


def talk_nonsense() -> None:
    sys.stdout.buffer.write(b"\xff" * 100)
    sys.stdout.buffer.flush()
    stall()


ENDS = {
    "crash": crash,
    "exit": leave,
    "hang": hang,
    "stall": stall,
    "nonsense": talk_nonsense,
    "late crash": crash,
    "late stall": stall,
}


def write_result(job: str) -> None:
    shutil.copytree(JOBS / "template", JOBS / job / ".result-x.partial")
    (JOBS / job / ".result-x.partial").rename(JOBS / job / "result")
    say(Progress(job=job, stage="write", fraction=1.0))


def make_avatar(request: Submit) -> None:
    say(Progress(job=request.job, stage="fuse", fraction=0.5))
    if request.name == "fail":
        (JOBS / request.job / "log.txt").write_text("why")
        say(Failed(job=request.job, code="no_person", sentence="No.", hint="Do.", log=""))
        return
    (JOBS / request.job / ".result-y.partial").mkdir()
    if request.name.startswith("late") or request.name not in ENDS:
        write_result(request.job)
    if request.name in ENDS:
        ENDS[request.name]()
    (JOBS / request.job / ".result-y.partial").rmdir()
    say(Finished(job=request.job, messages=("one was left out",)))


def make_thumbnail(request: MakeThumbnail) -> None:
    if request.key == "crash":
        crash()
    if request.key == "hang":
        time.sleep(100)
    say(Thumbnail(key=request.key, pixels=np.zeros((2, 3, 4), np.uint8)))


if __name__ == "__main__":
    (JOBS / f"{LANE}-{os.getpid()}.pid").touch()
    for work in (beat, listen):
        threading.Thread(target=work, daemon=True).start()
    say(Ready(device="fake"))
    while True:
        task = inbox.get()
        if isinstance(task, Submit):
            make_avatar(task)
        elif isinstance(task, MakeThumbnail):
            make_thumbnail(task)
