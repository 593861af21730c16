"""Runs one sample in a folder of its own, and sees whether what came of it is what must."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from kyros_worker.command.ports import free_port
from tests.eventually import eventually
from tests.guide import drive, figures, pipelines
from tests.guide.samples import Sample
from tests.guide.sdks import Sdks
from tests.guide.site import HERE, Site
from tests.guide.table import Entry
from tests.sdks.java import maven
from tests.serving import answers

SECONDS = 60
PRINTED, CORRECTED = "ran as printed", "ran with correction"
NOTHING, NOT_HERE = "nothing to run", "can't run here"


class MissingError(Exception):
    """A program or a part that a sample needs is not there."""


@dataclass(frozen=True)
class Outcome:
    """How a sample ran, and why not otherwise."""

    how: str
    why: str = ""


def run(sample: Sample, before: list[Sample], entry: Entry, site: Site, folder: Path) -> Outcome:
    """Fails where the outcome is not what the entry says; raises MissingError."""
    if missing := [program for program in _programs(entry) if not shutil.which(program)]:
        raise MissingError(f"not on the PATH: {', '.join(missing)}")
    text = "".join(_corrected(entry, one.text) for one in before)
    text = site.placed(
        entry.before + text + _corrected(entry, sample.text, asked=True) + entry.after
    )
    port = free_port()
    if entry.port:
        assert entry.port in text, f"it names no port {entry.port}"
        text = text.replace(entry.port, str(port))
    said = _said(entry, site, text, folder, port)
    for wanted in entry.prints:
        assert re.search(wanted, said, re.MULTILINE), f"no {wanted!r} in:\n{said}"
    for unwanted in entry.never:
        assert not re.search(unwanted, said, re.MULTILINE), f"{unwanted!r} in:\n{said}"
    if entry.cannot:
        return Outcome(NOT_HERE, entry.cannot)
    if entry.corrections:
        return Outcome(CORRECTED, "; ".join(correction.why for correction in entry.corrections))
    return Outcome(NOTHING if entry.run == "text" else PRINTED, entry.note)


def _corrected(entry: Entry, text: str, *, asked: bool = False) -> str:
    for correction in entry.corrections:
        if asked:
            assert correction.old in text, f"nothing to correct: {correction.old!r}"
        text = text.replace(correction.old, correction.new)
    return text


def _programs(entry: Entry) -> list[str]:
    usual = {
        "node": ["node"],
        "module": ["node"],
        "java": ["mvn", "javac", "java"],
        "npm": ["npm"],
        "gitlab": ["jq", "curl"],
    }
    return [*entry.needs, *usual.get(entry.run, [])]


#: What is read by something else than a program of its language.
READ: dict[str, Callable[[str, Path, Site], str]] = {
    "text": lambda text, _folder, _site: text,
    "gitlab": lambda text, folder, site: pipelines.gitlab(text, folder, site.environ()),
    "jenkins": lambda text, folder, site: pipelines.jenkins(text, folder, site.environ()),
    "actions": lambda text, folder, site: pipelines.actions(text, folder, site.environ()),
    "prometheus": lambda text, _folder, _site: figures.scraped(text),
    "grafana": lambda text, _folder, site: figures.queried(text, site.url),
    "pom": lambda text, _folder, _site: figures.asked_of_maven(text),
}


def _said(entry: Entry, site: Site, text: str, folder: Path, port: int) -> str:
    """What it printed."""
    if entry.run in READ:
        return READ[entry.run](text, folder, site)
    command = _command(entry.run, text, folder, site.sdks)
    environ = site.environ() | {"PORT": str(port)}
    if entry.run == "npm":
        environ["KYROS_NPM_PACKAGES"] = str(site.sdks.published())
    if not entry.drive:
        return _finished(command, folder, environ, entry.exit_code)
    with _serving(command, folder, environ, port) as output:
        extra = getattr(drive, entry.drive)(site, port)
        # What is missing then is said by who reads this, with all that was printed.
        with suppress(AssertionError):
            eventually(
                lambda: all(re.search(one, output() + extra, re.MULTILINE) for one in entry.prints),
                SECONDS,
                "it prints what it must",
            )
        return output() + extra


def _command(kind: str, text: str, folder: Path, sdks: Sdks) -> list[str]:
    hurried = ["node", "--require", str(HERE / "hurry/hurry.cjs")]
    name, command = {
        "bash": ("sample.sh", ["bash"]),
        "npm": ("sample.sh", ["bash"]),
        "python": ("sample.py", [sys.executable]),
        "pytest": (
            "test_sample.py",
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        ),
        "node": ("sample.cjs", hurried),
        "module": ("sample.mjs", hurried),
        "java": ("", []),
    }[kind]
    if kind in ("node", "module"):
        (folder / "node_modules").symlink_to(sdks.node_modules())
    if kind == "java":
        return _java(text, folder, sdks)
    (folder / name).write_text(text)
    return [*command, name]


def _java(text: str, folder: Path, sdks: Sdks) -> list[str]:
    """Compiles a class with a main method; gives what runs it."""
    name = re.search(r"^public class (\w+)", text, re.MULTILINE)
    assert name, "it is no class"
    (folder / f"{name[1]}.java").write_text(text)
    classpath = sdks.java()
    maven.compiled([folder / f"{name[1]}.java"], folder, classpath)
    return [
        "java",
        "-Xshare:auto",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        maven.path([folder, *classpath]),
        name[1],
    ]


def _finished(command: list[str], folder: Path, environ: dict[str, str], exit_code: int) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environ | {"HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == exit_code, f"exit code {done.returncode}:\n{done.stdout}"
    return done.stdout


@contextmanager
def _serving(
    command: list[str], folder: Path, environ: dict[str, str], port: int
) -> Iterator[drive.Output]:
    """Within, the program runs and listens; gives what it has printed so far."""
    log = folder / "output.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environ | {"HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}/"
        eventually(
            lambda: process.poll() is not None or answers(url), SECONDS, f"{command} listens"
        )
        assert process.poll() is None, log.read_text()
        yield log.read_text
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)
