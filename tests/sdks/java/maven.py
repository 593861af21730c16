"""Builds the Java SDK and compiles against it, all in folders of their own."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.once import once
from tests.programs import needed

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "sdks/java"
POM = "{http://maven.apache.org/POM/4.0.0}"
README = (SOURCE / "README.md").read_text()
GUIDE = ROOT / "tests/peers/KyrosIntegration.java"
SAMPLES = {
    title: code
    for title, section in re.findall(r"^## (.+)\n((?:(?!^## ).*\n)*)", README, re.MULTILINE)
    for code in re.findall(r"^```java\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
}


@dataclass(frozen=True)
class Built:
    folder: Path

    @property
    def output(self) -> str:
        return (self.folder / "output").read_text()

    @property
    def succeeded(self) -> bool:
        """Whether there is a jar, which comes last."""
        return self.jar.exists()

    @property
    def jar(self) -> Path:
        return self.folder / "source/target/kyros-java-sdk-1.0.0.jar"

    def classpath(self) -> list[Path]:
        """The jar and what it needs; fails with what Maven said where there is none."""
        assert self.succeeded, self.output
        return [self.jar, *_jackson()]

    @property
    def reports(self) -> dict[str, ET.Element]:
        """What surefire found, by the name of the class of tests."""
        files = (self.folder / "source/target/surefire-reports").glob("TEST-*.xml")
        suites = (ET.parse(file).getroot() for file in files)  # noqa: S314 - our own
        return {suite.attrib["name"].rpartition(".")[2]: suite for suite in suites}


def packaged(run_folder: Path) -> Built:
    """A copy of the source, built and tested once in a run: offline, else with what is fetched."""
    needed("mvn", "javac")
    return Built(once(run_folder / "java", _package))


def _package(folder: Path) -> None:
    copy = folder / "source"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("target"))
    command = [
        "mvn",
        "-B",
        "-q",
        "-Dstyle.color=never",
        "package",
        f"-Dkyros.vectors={ROOT / 'tests/vectors'}",
    ]
    done = _run([*command, "-o"], copy)
    if done.returncode and "offline mode" in done.stdout:
        done = _run(command, copy)
    (folder / "output").write_text(done.stdout + done.stderr)


def _jackson() -> list[Path]:
    """What the POM asks for at run time, from Maven's repository, where the build has put it."""
    project = ET.parse(SOURCE / "pom.xml").getroot()  # noqa: S314 - our own
    asked = {
        found.findtext(f"{POM}artifactId"): found.findtext(f"{POM}version")
        for found in project.iter(f"{POM}dependency")
        if found.findtext(f"{POM}scope") != "test"
    }
    assert list(asked) == ["jackson-databind"]
    core = Path.home() / ".m2/repository/com/fasterxml/jackson/core"
    version = asked["jackson-databind"]
    names = ("jackson-databind", "jackson-core", "jackson-annotations")
    return [core / f"{name}/{version}/{name}-{version}.jar" for name in names]


def compiled(sources: list[Path], onto: Path, classpath: list[Path]) -> None:
    """Compiles with plain javac; fails with what it said."""
    needed("javac")
    command = ["javac", "-encoding", "UTF-8", "-d", str(onto), "-cp", path(classpath)]
    done = _run([*command, *map(str, sources)], onto)
    assert done.returncode == 0, done.stderr


def written(samples: dict[str, str], folder: Path) -> list[Path]:
    """The samples as classes `Sample0`, `Sample1` and so on, each with a main method."""
    files = []
    for number, code in enumerate(samples.values()):
        imports = "\n".join(re.findall(r"^import .*;$", code, re.MULTILINE))
        body = re.sub(r"^import .*;\n", "", code, flags=re.MULTILINE)
        file = folder / f"Sample{number}.java"
        file.write_text(
            f"{imports}\npublic class Sample{number} {{\n"
            f"public static void main(String[] args) throws Exception {{\n{body}}}\n}}\n"
        )
        files.append(file)
    return files


def path(entries: list[Path]) -> str:
    return os.pathsep.join(map(str, entries))


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
