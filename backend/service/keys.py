"""Who may talk to the backend: the client's key comes in, the connection file goes out."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from shared import PROTOCOL
from shared.errors import JobFolderFailed, NoClientKey

KEY_LENGTH = 40
"""Of a CURVE key as text (Z85)."""
_GREATEST_LINE_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What the extension needs to find this process and to know it again; nothing secret."""

    endpoint: str
    server_key: str
    """Public, Z85."""
    boot: str
    """Differs between any two backend processes."""
    pid: int


def read_client_key(stdin: int) -> str:
    """Return the client's public key from the first line of an open file; no more is read.

    Raises:
        NoClientKey: if that line is none.
    """
    line = b""
    while not line.endswith(b"\n") and len(line) < _GREATEST_LINE_BYTES:
        byte = os.read(stdin, 1)  # what follows belongs to whoever watches for the end
        if not byte:
            break
        line += byte
    try:
        key = json.loads(line)["client_key"]
    except (LookupError, TypeError, ValueError) as error:
        raise NoClientKey from error
    if not (isinstance(key, str) and len(key) == KEY_LENGTH and key.isascii()):
        raise NoClientKey
    return key


@contextmanager
def connection_file(path: Path, connection: Connection) -> Iterator[None]:
    """Let the extension find this process: the file is there, whole and private, inside the block.

    Raises:
        JobFolderFailed: if it cannot be written.
    """
    partial = path.with_name(f".{path.name}-{secrets.token_hex(8)}.partial")
    text = json.dumps({"protocol": PROTOCOL, **asdict(connection)})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_private(partial, text)
        partial.replace(path)
    except OSError as error:
        raise JobFolderFailed(f"{path}: {error.strerror}") from error
    try:
        yield
    finally:
        with suppress(OSError):
            if path.read_text() == text:  # another process may have taken the place
                path.unlink()


def _write_private(path: Path, text: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(path, flags, 0o600), "w") as file:
        file.write(text)
