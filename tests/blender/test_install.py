"""The zip as shipped, installed in an environment that holds nothing but bpy and pytest."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

USER_FOLDER = Path(os.environ["BLENDER_USER_RESOURCES"])


@pytest.mark.usefixtures("blender")
def test_zmq_comes_from_the_zip_and_encrypts() -> None:
    import zmq

    assert USER_FOLDER in Path(zmq.__file__).parents
    assert zmq.has("curve")


def test_extension_lies_in_the_user_folder(addon: Callable[..., ModuleType]) -> None:
    assert USER_FOLDER in Path(addon("shared.types").__file__ or "").parents
