"""The SDKs as a reader has them: built from their source here."""

from pathlib import Path
from threading import Lock

from kyros_worker.settings import PROJECT_ROOT
from tests.sdks.java import maven
from tests.sdks.javascript import installed

HERE = Path(__file__).parent
PEERS = PROJECT_ROOT / "tests/peers/node/node_modules"


class Sdks:
    """Each is built when the first sample needs it, and installed in this folder."""

    def __init__(self, folder: Path, run_folder: Path) -> None:
        self._folder = folder
        self._run_folder = run_folder
        self._building = Lock()

    def node_modules(self) -> Path:
        """The JavaScript SDK installed, beside what else the samples require."""
        modules = self._folder / "project/node_modules"
        with self._building:
            if not modules.exists():
                installed.installed(self._folder, installed.packed(self._run_folder))
                for package in PEERS.iterdir():
                    if not (modules / package.name).exists():
                        (modules / package.name).symlink_to(package)
        return modules

    def java(self) -> list[Path]:
        """A Thread that sleeps for less, the Java SDK, and what it needs."""
        hurry = self._folder / "hurry"
        with self._building:
            if not hurry.exists():
                hurry.mkdir()
                maven.compiled([HERE / "hurry/Thread.java"], hurry, [])
        return [hurry, *maven.packaged(self._run_folder).classpath()]

    def published(self) -> Path:
        """The folder in which the npm package lies."""
        return installed.packed(self._run_folder).parent
