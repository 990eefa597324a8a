"""Silence for libraries whose C++ part writes to the process's error output, unasked."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def native_messages_dropped() -> Iterator[None]:
    """Drop what anything in the process writes to file descriptor 2 meanwhile.

    Python's own error output goes there, too: no line of ours may fall into the block.
    """
    if sys.stderr is None:  # a process without a console has no such file
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
