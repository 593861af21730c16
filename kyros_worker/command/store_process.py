"""Who runs Postgres and Redis, and how they see a home that is closed to them.

Postgres refuses to run as root. Started by root, both stores run as an unprivileged user, while
the home stays root's own and 0700: if that user owned it, whoever else runs as that user (another
Postgres; for `nobody`, anything) could replace the files that root's processes read and write
there. So the user owns the two data folders alone and never walks the path to them: root changes
into the data folder, gives its rights up and becomes the store, which names its folder
`/proc/self/cwd`. That works wherever the home lies, below /root too.

This file is also the little program that does so, run as a script; it imports nothing of Kyros.
"""

import os
import pwd
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StoreUser:
    """The unprivileged user that the stores run as."""

    name: str
    uid: int
    gid: int


def store_user() -> StoreUser | None:
    """`postgres` or `nobody` when this process is root, else None: no change of user."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return StoreUser(name, entry.pw_uid, entry.pw_gid)
    return StoreUser("65534", 65534, 65534)


def seen_folder(folder: Path, user: StoreUser | None) -> str:
    """The name under which a store that was started in this folder can open it."""
    return str(folder) if user is None else "/proc/self/cwd"


def command(folder: Path, user: StoreUser | None, words: list[str]) -> list[str]:
    """The command that runs `words` in the folder as the user, with an environment of its own."""
    who = f"{user.uid}:{user.gid}" if user else "-"
    return [sys.executable, "-I", "-S", __file__, who, str(folder), *words]


def run_as(
    user: StoreUser | None, words: list[str], folder: Path, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Runs a store's tool to its end as the user, in a folder; raises OSError if it can't start."""
    return subprocess.run(
        words,
        cwd=folder,
        user=user.uid if user else None,
        group=user.gid if user else None,
        extra_groups=[] if user else None,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def give_to(user: StoreUser | None, path: Path) -> None:
    """Makes the path the user's own; nothing to do without one."""
    if user is not None:
        os.chown(path, user.uid, user.gid)


def _environment() -> dict[str, str]:
    """What a store needs: the stack's secrets have no business in its environment."""
    return {"PATH": os.defpath, "LC_ALL": "C"}


def _main() -> None:
    who, folder, *words = sys.argv[1:]
    os.chdir(folder)
    if who != "-":
        uid, gid = (int(part) for part in who.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.execve(words[0], words, _environment())  # nosec B606  # noqa: S606


if __name__ == "__main__":
    _main()
