"""A pretended session and a layout that records what is drawn, for tests of the user interface."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from .stand_in import Addon, result

JOB = "0123456789abcdef" * 2
SAMPLES = Path(__file__).parents[2] / "backend/assets/samples"
CONTAINERS = {"row", "column", "box", "split", "grid_flow"}


class PretendedSession:
    """Has the attributes of the real one, and notes what is asked of it."""

    def __init__(self, addon: Addon) -> None:
        self._addon = addon
        self.status = addon("session").Status.STOPPED
        self.device = ""
        self.problem: Any = None
        self.jobs: tuple[Any, ...] = ()
        self.job: Any = None
        self.thumbnails: dict[str, Any] = {}
        self.results: dict[str, Any] = {}
        self.asked: list[tuple[Any, ...]] = []

    def start(self, launch: Any) -> None:
        self.asked.append(("start", launch))
        self.status = self._addon("session").Status.READY

    def stop(self, timeout_s: float = 3.0) -> None:
        self.asked.append(("stop", timeout_s))
        self.status = self._addon("session").Status.STOPPED

    def submit(self, photos: Any, *, name: str, height_m: float | None, quality: str) -> str:
        self.asked.append(("submit", tuple(photos), name, height_m, quality))
        self.job = self._addon("job").JobState(job=JOB, name=name, started=time.monotonic())
        return JOB

    def cancel(self) -> None:
        self.asked.append(("cancel",))
        self.job = self._addon("job").cancel(self.job, time.monotonic())

    def request_thumbnail(self, path: Path) -> None:
        self.asked.append(("thumbnail", path))

    def fetch(self, job: str) -> None:
        self.asked.append(("fetch", job))

    def forget(self, job: str) -> None:
        self.asked.append(("forget", job))

    def take_result(self, job: str) -> Any:
        return self.results.pop(job, None)

    def dismiss(self) -> None:
        self.asked.append(("dismiss",))
        self.job = self.problem = None

    def pump(self) -> bool:
        return False

    def finish(self) -> None:
        """As if the job had ended and its result had come."""
        messages = self._addon("shared.messages")
        done = messages.Finished(job=JOB, messages=("b.jpg: no person found.",))
        self.job = self._addon("job").advance(self.job, done, time.monotonic())
        self.results[JOB] = result(self._addon, photo_count=2)

    def move(self, fraction: float) -> None:
        """As if the job ran."""
        progress = self._addon("shared.messages").Progress(
            job=JOB, stage="fit_body", fraction=fraction
        )
        self.job = self._addon("job").advance(self.job, progress, time.monotonic())

    def names(self) -> list[str]:
        return [name for name, *_ in self.asked]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """All that a test of the user interface works with."""

    bpy: ModuleType
    addon: Addon
    session: PretendedSession


@pytest.fixture
def desk(blender: ModuleType, addon: Addon, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A pretended session in the place of the extension's own; the backend is chosen."""
    session = PretendedSession(addon)
    state = addon("state")
    for name, value in vars(state.Live(session)).items():
        monkeypatch.setattr(state.live, name, value)
    preferences = addon("preferences").prefs()
    preferences.python = "/opt/backend/python"
    session.stop()
    session.asked.clear()
    yield Desk(bpy=blender, addon=addon, session=session)
    preferences.python = ""


def thumbnail(addon: Addon, key: Path) -> Any:
    """A picture that is red at the top and blue at the bottom."""
    pixels = np.zeros((256, 192, 4), np.uint8)
    pixels[..., 3] = 255
    pixels[:128, :, 0], pixels[128:, :, 2] = 255, 255
    return addon("shared.messages").Thumbnail(key=str(key), pixels=pixels)


def add_samples(desk: Desk, *names: str) -> set[str]:
    files = [{"name": name} for name in names]
    return desk.bpy.ops.photo_avatar.add_photos(directory=str(SAMPLES), files=files)


class Layout:
    """Records what is drawn; refuses what the real one would refuse."""

    def __init__(self, bpy: ModuleType, said: list[str]) -> None:
        self.__dict__.update(bpy=bpy, said=said)

    def __setattr__(self, name: str, value: Any) -> None:
        assert name in self.bpy.types.UILayout.bl_rna.properties, name
        self.__dict__[name] = value

    def __getattr__(self, name: str) -> Any:
        parameters = self.bpy.types.UILayout.bl_rna.functions[name].parameters

        def call(*positional: Any, **named: Any) -> Any:
            assert set(named) <= set(parameters.keys()), (name, named)
            if "icon" in named:
                assert named["icon"] in parameters["icon"].enum_items, named["icon"]
            return self._drawn(name, positional, named)

        return call

    def _drawn(self, name: str, positional: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if text := named.get("text"):
            assert isinstance(text, str)
            self.said.append(text)
        if name in CONTAINERS:
            return Layout(self.bpy, self.said)
        if name == "panel":
            return Layout(self.bpy, self.said), Layout(self.bpy, self.said)
        if name == "prop":
            assert positional[1] in positional[0].bl_rna.properties, positional
            self.said.append(positional[1])
        if name == "operator":
            return self._button(positional[0])
        return None

    def _button(self, idname: str) -> "Button":
        group, name = idname.split(".")
        kind = getattr(getattr(self.bpy.ops, group), name).get_rna_type()  # raises if unknown
        self.said.append(idname)
        return Button(kind)


class Button:
    """Takes only properties that the operator has."""

    kind: Any

    def __init__(self, kind: Any) -> None:
        self.__dict__["kind"] = kind

    def __setattr__(self, name: str, value: Any) -> None:
        assert name in self.kind.properties, name


def drawn(desk: Desk) -> list[str]:
    """Texts, operators and properties of all panels that show up."""
    said: list[str] = []
    for panel in desk.addon("panels").CLASSES:
        if getattr(panel, "poll", lambda _: True)(desk.bpy.context):
            this = SimpleNamespace(layout=Layout(desk.bpy, said))
            getattr(panel, "draw_header_preset", lambda *_: None)(this, desk.bpy.context)
            panel.draw(this, desk.bpy.context)
    return said
