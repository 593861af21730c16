"""Programs of wheels, put where the stores' user can run them.

A virtual environment below /root is closed to an unprivileged user. Its programs are then copied
once to /var/lib/kyros: root's own, readable by all, no secret in it.
"""

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from kyros_worker.command.store_process import StoreUser, run_as
from kyros_worker.errors import ConfigurationError

COPIES = Path("/var/lib/kyros")
_NOT_TO_RUN = shutil.ignore_patterns("include", "*.a", "__pycache__")


def runnable(program: Path, user: StoreUser | None, base: Path, sources: list[Path]) -> Path:
    """The program itself, or the copy that the user can run.

    `sources` are the folders and files to copy, the program's own among them; they keep their
    places relative to `base`. Raises ConfigurationError when neither can be run.
    """
    if _runs(program, user):
        return program
    if user is None:
        raise ConfigurationError(f"{program} can't be run on this machine.")
    mark = f"{program}:{program.stat().st_mtime_ns}:{program.stat().st_size}"
    folder = COPIES / f"{program.name}-{hashlib.sha256(mark.encode()).hexdigest()[:12]}"
    copy = folder / program.relative_to(base)
    if not copy.exists():
        _copy(base, sources, folder)
    if not _runs(copy, user):
        raise ConfigurationError(
            f"The user {user.name} can run neither {program} nor its copy {copy}: "
            "start Kyros as a user who is not root."
        )
    return copy


def _runs(program: Path, user: StoreUser | None) -> bool:
    try:
        return run_as(user, [str(program), "--version"], Path("/"), timeout=20).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def _copy(base: Path, sources: list[Path], folder: Path) -> None:
    """Copies in one step: beside the place first, then renamed."""
    try:
        COPIES.mkdir(mode=0o755, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=COPIES, prefix=".new-") as staging:
            whole = Path(staging) / "whole"
            whole.mkdir(mode=0o755)
            for source in sources:
                place = whole / source.relative_to(base)
                if source.is_dir():
                    shutil.copytree(source, place, symlinks=True, ignore=_NOT_TO_RUN)
                else:
                    shutil.copy2(source, place)
            for path in (whole, *whole.rglob("*")):
                if not path.is_symlink():
                    mode = path.stat().st_mode & 0o755
                    path.chmod(mode | (0o555 if mode & 0o100 else 0o444))
            if not folder.exists():
                whole.rename(folder)
    except (OSError, shutil.Error) as error:
        raise ConfigurationError(
            f"The programs of Postgres and Redis can't be copied to {COPIES}: {error}."
        ) from error
