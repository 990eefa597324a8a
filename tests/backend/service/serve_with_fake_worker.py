"""`python -m backend serve --jobs DIR --connection-file FILE` with the fake worker."""

import logging
import sys
from pathlib import Path

from backend.server import ServeOptions, serve
from backend.service.settings import ServerSettings

FAKE = (sys.executable, "-I", str(Path(__file__).with_name("fake_worker.py")))

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    serve(
        ServeOptions(
            jobs=Path(sys.argv[2]), connection_file=Path(sys.argv[4]), device=None, body=None
        ),
        ServerSettings(worker_command=FAKE),
    )
