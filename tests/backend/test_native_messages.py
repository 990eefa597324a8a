import os

import pytest

from backend.native_messages import native_messages_dropped


def test_what_native_code_writes_is_dropped_only_meanwhile(
    capfd: pytest.CaptureFixture[str],
) -> None:
    os.write(2, b"before ")
    with native_messages_dropped():
        os.write(2, b"meanwhile ")
    os.write(2, b"after")
    assert capfd.readouterr().err == "before after"


def test_the_output_comes_back_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="planted"), native_messages_dropped():
        raise ValueError("planted")
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_a_process_without_error_output_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    with native_messages_dropped():
        pass
