"""A folder that appears, or changes, only once everything in it is written."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.errors import BadInput

OURS = re.compile(
    r"avatar\.(npz|glb)|fit\.npz|preview\.png|report\.json|mask_\d+\.png|photo_\d+\.jpg"
)
"""Names that a later run may replace or remove; everything else in the folder is the user's."""
_PHOTO = re.compile(r"photo_(\d+)\.jpg")


@contextmanager
def result_folder(target: Path) -> Iterator[Path]:
    """Give an empty folder that becomes `target` on leaving, or vanishes if anything was raised.

    If `target` exists, each file of ours is replaced in one step, and ours of an earlier run that
    were not written again are removed; other files stay.

    Raises:
        BadInput: if `target` cannot be a folder of ours.
    """
    parent = target.absolute().parent
    try:
        _check_free(target)
        parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{target.name}-", suffix=".partial", dir=parent))
    except OSError as error:
        raise BadInput(
            f"Cannot write beside {target}: {error.strerror}.", "Name another folder with --output."
        ) from error
    try:
        yield partial
        _publish(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _check_free(target: Path) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise BadInput(f"{target} is a file.", "Name a folder for the results with --output.")
    for path in sorted(target.iterdir()):
        photo = _PHOTO.fullmatch(path.name)
        # Ours has a mask beside it; people give their own photos such names, too.
        if photo and not (target / f"mask_{photo[1]}.png").exists():
            raise BadInput(
                f"{path} would be replaced by a photo of the result.",
                "Name another folder with --output, or give the file another name.",
            )


def _publish(partial: Path, target: Path) -> None:
    partial.chmod(0o777 & ~_umask())  # mkdtemp's folders are their owner's alone
    if not target.exists():
        partial.rename(target)
        return
    written = {path.name for path in partial.iterdir()}
    for path in sorted(target.iterdir(), reverse=True):  # photos before their masks
        if OURS.fullmatch(path.name) and path.name not in written:
            path.unlink()
    for path in sorted(partial.iterdir()):
        path.replace(target / path.name)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
