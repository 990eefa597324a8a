"""Who is refused as a backend, and with which words."""

from dataclasses import replace

import pytest

from blender_addon.link.checks import check_protocol, check_welcome
from blender_addon.link.events import LinkError
from blender_addon.shared import PROTOCOL
from blender_addon.shared.messages import SERVICE, Welcome
from blender_addon.shared.skeleton import JOINT_NAMES, PARENTS

WELCOME = Welcome(
    service=SERVICE, version="1", boot="b", joint_names=JOINT_NAMES, parents=PARENTS, jobs=()
)


def test_our_own_backend_is_welcome() -> None:
    check_protocol(PROTOCOL)
    check_welcome(WELCOME)


@pytest.mark.parametrize(
    ("theirs", "older", "hint"),
    [
        (PROTOCOL + 1, "This extension", "Photo Avatar extension"),
        (PROTOCOL - 1, "The backend", "Photo Avatar's backend"),
        ("1", "The backend", "Photo Avatar's backend"),
        (None, "The backend", "Photo Avatar's backend"),
    ],
)
def test_the_older_side_is_the_one_to_update(theirs: object, older: str, hint: str) -> None:
    with pytest.raises(LinkError) as caught:
        check_protocol(theirs)
    assert caught.value.sentence.startswith(older)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "other",
    [
        replace(WELCOME, service="gradio"),
        replace(WELCOME, joint_names=JOINT_NAMES[::-1]),
        replace(WELCOME, parents=(-1, *PARENTS[:-1])),
    ],
)
def test_another_program_or_skeleton_is_refused(other: Welcome) -> None:
    with pytest.raises(LinkError):
        check_welcome(other)
