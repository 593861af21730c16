"""The SDKs as a reader has them: built from their source here, once."""

from pathlib import Path
from threading import Lock

from kyros_worker.settings import PROJECT_ROOT
from tests.sdks.java import maven
from tests.sdks.javascript import installed

HERE = Path(__file__).parent
PEERS = PROJECT_ROOT / "tests/peers/node/node_modules"


class Sdks:
    """Each is built when the first sample needs it, in this folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._building = Lock()

    def node_modules(self) -> Path:
        """The JavaScript SDK installed, beside what else the samples require."""
        modules = self._folder / "project/node_modules"
        with self._building:
            if not modules.exists():
                installed.installed(self._folder, self._tarball())
                for package in PEERS.iterdir():
                    if not (modules / package.name).exists():
                        (modules / package.name).symlink_to(package)
        return modules

    def java(self) -> list[Path]:
        """The Java SDK's classes, those that it needs, and a Thread that sleeps for less."""
        classes = self._folder / "classes"
        with self._building:
            if not classes.exists():
                classes.mkdir()
                sources = sorted((maven.SOURCE / "src/main/java").rglob("*.java"))
                maven.compiled([*sources, HERE / "hurry/Thread.java"], classes, maven.jackson())
        return [classes, *maven.jackson()]

    def published(self) -> Path:
        """The folder in which the npm package lies."""
        with self._building:
            self._tarball()
        return self._folder

    def _tarball(self) -> Path:
        found = list(self._folder.glob("*.tgz"))
        return found[0] if found else installed.packed(self._folder)
