"""What takes long to build, built once in a run of the tests, though several workers ask for it."""

import fcntl
import shutil
from collections.abc import Callable
from pathlib import Path


def once(folder: Path, build: Callable[[Path], None]) -> Path:
    """That folder, with what `build` puts into it the first time that anybody asks."""
    done = folder / "is-built"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            build(folder)
            done.touch()
    return folder
