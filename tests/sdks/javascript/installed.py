"""The npm package of the JavaScript SDK: built from a copy of its source, installed elsewhere."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.once import once

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "sdks/javascript"
PEERS = ROOT / "tests/peers/node/node_modules"


def packed(run_folder: Path) -> Path:
    """The tarball that `npm pack` makes, once in a run; alone of its kind in its folder."""
    (tarball,) = once(run_folder / "npm", _pack).glob("*.tgz")
    return tarball


def _pack(folder: Path) -> None:
    copy = folder / "source"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (copy / "node_modules").symlink_to(SOURCE / "node_modules")
    _npm(["pack", "--silent", "--pack-destination", folder], copy)


def installed(folder: Path, tarball: Path) -> Path:
    """An empty folder in which the package is installed, without a network and without scripts."""
    empty = folder / "project"
    empty.mkdir()
    (empty / "package.json").write_text("{}")
    _npm(["install", "--offline", "--ignore-scripts", "--no-audit", "--silent", tarball], empty)
    return empty


def node(cwd: Path, *command: str | Path, **variables: str) -> str:
    """What a program prints that ends well, with these `KYROS_…` variables and no others."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("KYROS_")
    }
    done = subprocess.run(
        ["node", *command],
        cwd=cwd,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-10_000:]}\n{done.stderr}"
    return done.stdout


def _npm(command: list[str | Path], cwd: Path) -> None:
    subprocess.run(["npm", *command], cwd=cwd, check=True)
