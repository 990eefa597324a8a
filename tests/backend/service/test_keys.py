"""The connection file and the client's key."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.service.keys import Connection, connection_file, read_client_key
from shared.errors import JobFolderFailed

OURS = Connection(endpoint="tcp://127.0.0.1:1", server_key="k", boot="b", pid=1)


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_connection_file_is_private_whatever_the_umask(tmp_path: Path) -> None:
    with connection_file(tmp_path / "file", OURS):
        assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_connection_file_replaces_a_link_and_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("foreign")
    (tmp_path / "file").symlink_to(tmp_path / "target")
    with connection_file(tmp_path / "file", OURS):
        assert (tmp_path / "target").read_text() == "foreign"


def test_connection_file_is_removed_at_the_end(tmp_path: Path) -> None:
    with connection_file(tmp_path / "file", OURS):
        assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert list(tmp_path.iterdir()) == []


def test_connection_file_of_another_process_stays(tmp_path: Path) -> None:
    with connection_file(tmp_path / "file", OURS):
        (tmp_path / "file").write_text("another's")
    assert (tmp_path / "file").read_text() == "another's"


def test_connection_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "folder").touch()
    with pytest.raises(JobFolderFailed), connection_file(tmp_path / "folder" / "file", OURS):
        pass


def test_no_more_than_the_first_line_is_read() -> None:
    source, sink = os.pipe()
    os.write(sink, b'{"client_key": "' + b"k" * 40 + b'"}\nrest')
    assert read_client_key(source) == "k" * 40
    assert os.read(source, 100) == b"rest"
    os.close(source)
    os.close(sink)
