"""Supervisors in this process, with workers that know no PyTorch."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import zmq
from service_client import Client, read_connection

from backend.server import ServeOptions, Server
from backend.service.settings import LaneSettings, ServerSettings
from shared.avatar_file import save_avatar, save_fit
from shared.types import Avatar, Fit

FAKE = (sys.executable, "-I", str(Path(__file__).with_name("fake_worker.py")))
PATIENT = LaneSettings()


@dataclass(frozen=True, kw_only=True)
class Running:
    server: Server
    client: Client
    connection: dict[str, str]
    keys: tuple[bytes, bytes]
    jobs: Path
    end: Callable[[], None]
    connect: Callable[..., Client]
    """Another client with the same keys."""


@pytest.fixture
def jobs(tmp_path: Path, box_avatar: Avatar, box_fit: Fit) -> Path:
    """A job folder; the fake worker copies its results from `template`."""
    template = tmp_path / "jobs" / "template"
    template.mkdir(parents=True)
    save_avatar(template / "avatar.npz", box_avatar)
    save_fit(template / "fit.npz", box_fit)
    (template / "photo_1.jpg").write_bytes(b"jpeg")
    return tmp_path / "jobs"


@pytest.fixture
def start(jobs: Path, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Give a function that starts a supervisor and greets it; all end with the test."""
    with ExitStack() as stack:

        def start_one(
            command: tuple[str, ...] = FAKE, lane: LaneSettings = PATIENT, **more: Any
        ) -> Running:
            path = tmp_path / f"connection-{threading.active_count()}-{len(list(jobs.iterdir()))}"
            keys = zmq.curve_keypair()
            settings = ServerSettings(
                worker_command=command,
                jobs_lane=lane,
                pictures_lane=lane,
                watch_interval_s=0.05,
                **more,
            )
            options = ServeOptions(jobs=jobs, connection_file=path, device=None, body=None)
            server = Server(options, keys[0].decode(), settings)
            thread = threading.Thread(target=server.run)
            thread.start()

            def end() -> None:
                server.end("test")
                thread.join(10)
                assert not thread.is_alive()

            stack.callback(end)
            connection = read_connection(path)

            def connect(identity: bytes = b"") -> Client:
                client = Client(connection, keys, identity=identity)
                stack.callback(client.close)
                return client

            client = connect()
            client.greet()
            return Running(
                server=server,
                client=client,
                connection=connection,
                keys=keys,
                jobs=jobs,
                end=end,
                connect=connect,
            )

        yield start_one
