"""A backend that only pretends: `fake_backend.py SCENARIO -I -m backend serve --jobs DIR ...`.

It speaks the real protocol over the real, encrypted socket; the scenario says what goes wrong.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

import numpy as np
import zmq

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from shared import PROTOCOL
from shared.messages import (
    SERVICE,
    Accepted,
    Cancel,
    Failed,
    Fetch,
    Finished,
    Forget,
    Hello,
    JobInfo,
    Jobs,
    ListJobs,
    MakeThumbnail,
    Message,
    Ping,
    Pong,
    Progress,
    Refused,
    Result,
    Submit,
    Thumbnail,
    Welcome,
)
from shared.skeleton import JOINT_NAMES, PARENTS
from shared.types import Avatar, Fit
from shared.wire import decode, encode


class Fake:
    """One client at a time is enough."""

    def __init__(self, scenario: str, address: str, keys: tuple[bytes, bytes]) -> None:
        self.scenario = scenario
        self.keys = keys
        self.states: dict[str, Submit] = {}
        self.finished: set[str] = set()
        self.context = zmq.Context()
        self.bind(address)
        self.client = b""
        self.greeted: set[bytes] = set()
        self.submissions = 0
        self.cancels = 0

    def bind(self, address: str) -> None:
        self.router = self.context.socket(zmq.ROUTER)
        self.router.curve_server = True
        self.router.curve_publickey, self.router.curve_secretkey = self.keys
        self.router.linger = 0
        while True:
            try:
                self.router.bind(address)
                break
            except zmq.ZMQError:  # the one before is closed by another thread
                time.sleep(0.005)
        self.address = self.router.get_string(zmq.LAST_ENDPOINT)

    def say(self, *messages: Message) -> None:
        for message in messages:
            self.router.send_multipart([self.client, *encode(message)])

    def serve(self) -> None:
        while True:
            self.client, *frames = self.router.recv_multipart()
            message = decode(frames)
            if isinstance(message, Hello):
                self.greeted.add(self.client)
            elif self.client not in self.greeted or self.scenario == "no welcome":
                Path("forward").touch()
            getattr(self, f"on_{type(message).__name__.lower()}")(message)

    def jobs(self) -> tuple[JobInfo, ...]:
        return tuple(
            JobInfo(
                job=job,
                name=submit.name,
                state="finished" if job in self.finished else "running",
                created=1.0,
                quality=submit.quality,
                photos=tuple(photo.name for photo in submit.photos),
                sentence="",
                hint="",
                log="",
            )
            for job, submit in self.states.items()
        )

    def on_hello(self, _: Hello) -> None:
        if self.scenario == "no welcome":
            return
        if self.scenario == "newer frames":
            header = {"protocol": PROTOCOL + 1, "kind": "Welcome"}
            self.router.send_multipart([self.client, json.dumps(header).encode()])
        self.say(
            Welcome(
                service=SERVICE,
                version="1.2.3",
                boot="b007",
                joint_names=JOINT_NAMES[::-1] if self.scenario == "other joints" else JOINT_NAMES,
                parents=PARENTS,
                jobs=self.jobs(),
            )
        )

    def on_ping(self, _: Ping) -> None:
        if self.scenario == "mute":
            Path("pinged").touch()
            while not Path("speak").exists():
                time.sleep(0.01)
        if self.scenario == "garbled":
            self.router.send_multipart([self.client, b"not even JSON"])
        self.say(Pong(worker="ready", device="Pretended device"))

    def on_makethumbnail(self, message: MakeThumbnail) -> None:
        pixels = np.zeros((2, 3, 4), np.uint8)
        pixels[..., 0] = len(message.photo.data)
        self.say(Thumbnail(key=message.key, pixels=pixels))

    def on_submit(self, message: Submit) -> None:
        self.submissions += 1
        if self.scenario == "loses the first job" and self.submissions == 1:
            self.lose_client()
        elif self.scenario == "refuses":
            words = {"sentence": "The queue is full.", "hint": "Wait for a job to end."}
            self.say(Refused(job=message.job, code="busy", **words))
        else:
            self.states[message.job] = message
            self.say(
                Accepted(job=message.job, position=0),
                Progress(job=message.job, stage="fit_body", fraction=0.5),
            )
            self.end(message.job)

    def end(self, job: str) -> None:
        if self.scenario in ("works for ever", "loses the cancel"):
            return
        if self.scenario == "dies":
            sys.stderr.write("MemoryError: no more of it\n")
            sys.stderr.flush()
            time.sleep(0.2)  # until what was said is on its way
            os._exit(3)
        self.finished.add(job)
        if self.scenario == "loses the end":
            self.lose_client()
        else:
            self.say(Finished(job=job, messages=("back.jpg was left out.",)))

    def lose_client(self) -> None:
        """It connects again by itself."""
        self.router.close()
        self.bind(self.address)

    def on_cancel(self, message: Cancel) -> None:
        self.cancels += 1
        if self.scenario == "loses the cancel" and self.cancels == 1:
            self.lose_client()
            return
        Path("cancelled").write_text(message.job)
        del self.states[message.job]
        words = {"sentence": "Cancelled.", "hint": "", "log": ""}
        self.say(Failed(job=message.job, code="cancelled", **words))

    def on_listjobs(self, _: ListJobs) -> None:
        self.say(Jobs(jobs=self.jobs()))

    def on_forget(self, message: Forget) -> None:
        self.states.pop(message.job, None)
        self.say(Jobs(jobs=self.jobs()))

    def on_fetch(self, message: Fetch) -> None:
        if message.job not in self.states:
            words = {"sentence": "There is no such job.", "hint": "Choose another."}
            self.say(Refused(job=message.job, code="bad_input", **words))
            return
        count = 100_000 if self.scenario == "large" else 300
        avatar = striped_avatar(self.states[message.job].name, count)
        self.say(Result(job=message.job, avatar=avatar, fit=resting_fit(), pictures=("p.jpg",)))


def striped_avatar(name: str, count: int) -> Avatar:
    """Vertices on a helix, each with its joint."""
    turns = np.linspace(0, 6, count, dtype=np.float32)
    indices = np.arange(count, dtype=np.int32)
    return Avatar(
        name=name,
        height_m=1.7,
        vertices=np.stack([np.cos(turns), np.sin(turns), turns], axis=1),
        faces=np.stack([indices, np.roll(indices, 1), np.roll(indices, 2)], axis=1),
        weights=np.eye(len(JOINT_NAMES), dtype=np.float32)[indices % len(JOINT_NAMES)],
        joint_names=JOINT_NAMES,
        parents=np.array(PARENTS, np.int32),
        joints=np.zeros((len(JOINT_NAMES), 3), np.float32),
        colours=np.zeros((count, 3), np.uint8),
    )


def resting_fit() -> Fit:
    return Fit(
        photos=("front.jpg",),
        masks=("mask_1.png",),
        rotations=np.tile(np.eye(3, dtype=np.float32), (1, len(JOINT_NAMES), 1, 1)),
        root=np.zeros((1, 3), np.float32),
        intrinsics=np.eye(3, dtype=np.float32)[None],
        camera_from_world=np.eye(4, dtype=np.float32)[None],
        image_sizes=np.array([[80, 100]], np.int32),
    )


def watch_parent(scenario: str) -> None:
    sys.stdin.read()
    if scenario != "stubborn":
        os._exit(0)


def main(scenario: str, arguments: list[str]) -> None:
    if scenario == "exits":
        sys.exit("ValueError: on purpose")
    key = json.loads(sys.stdin.readline())["client_key"]
    Path("client_key").write_text(key)
    threading.Thread(target=watch_parent, args=(scenario,), daemon=True).start()
    public, secret = zmq.curve_keypair()
    fake = Fake(scenario, "tcp://127.0.0.1:*", (public, secret))
    path = Path(arguments[arguments.index("--connection-file") + 1])
    found = {"protocol": PROTOCOL + 1 if scenario == "newer" else PROTOCOL}
    found |= {"endpoint": fake.address, "server_key": public.decode()}
    found |= {"boot": "b007", "pid": os.getpid()}
    if scenario == "other key":
        found["server_key"] = zmq.curve_keypair()[0].decode()
    if scenario != "writes no file":
        path.with_suffix(".tmp").write_text(json.dumps(found))
        path.with_suffix(".tmp").rename(path)
    fake.serve()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
