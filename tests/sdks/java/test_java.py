"""The Java SDK: its own tests, and its jar as those see it who use it."""

import json
import os
import subprocess
import time
import zipfile
from pathlib import Path

import httpx
import pytest

from kyros_worker.command.ports import free_port
from kyros_worker.webhook import sign
from tests.eventually import eventually
from tests.programs import needed
from tests.sdks.java.maven import (
    GUIDE,
    ROOT,
    SAMPLES,
    SOURCE,
    Built,
    compiled,
    packaged,
    path,
    written,
)

#: The class files of Java 11.
JAVA_11 = 55


@pytest.fixture(scope="session")
def maven(run_folder: Path) -> Built:
    return packaged(run_folder)


@pytest.fixture
def classpath(maven):
    return maven.classpath()


def test_maven_builds_it_and_its_tests_pass(maven):
    assert maven.succeeded, maven.output
    assert set(maven.reports) == {file.stem for file in (SOURCE / "src/test").rglob("*Test.java")}


def test_every_shared_case_was_played(maven):
    cases = sum(len(json.loads(f.read_text())) for f in (ROOT / "tests/vectors/sdk").glob("*.json"))
    played = maven.reports["CasesTest"].attrib
    assert (played["tests"], played["skipped"]) == (str(cases), "0")
    signatures = json.loads((ROOT / "tests/vectors/webhook_signatures.json").read_text())
    assert int(maven.reports["WebhooksTest"].attrib["tests"]) > len(signatures)


def test_the_guides_sample_compiles_from_an_empty_folder(classpath, tmp_path):
    sample = tmp_path / "KyrosIntegration.java"
    sample.write_text(GUIDE.read_text())
    compiled([sample], tmp_path, classpath)
    assert (tmp_path / "KyrosIntegration.class").exists()


def test_what_is_wrong_does_not_compile(classpath, tmp_path):
    sample = tmp_path / "KyrosIntegration.java"
    sample.write_text(GUIDE.read_text().replace("Task.Priority.HIGH", "Task.Type.REVIEW"))
    with pytest.raises(AssertionError, match="incompatible types"):
        compiled([sample], tmp_path, classpath)


def test_runs_on_java_11(maven, classpath):
    with zipfile.ZipFile(classpath[0]) as jar:
        names = [name for name in jar.namelist() if name.endswith(".class")]
        assert {jar.read(name)[7] for name in names} == {JAVA_11}
        assert all(name.startswith("com/kyros/sdk/") for name in names)
        manifest = jar.read("META-INF/MANIFEST.MF").decode()
    assert "Automatic-Module-Name: com.kyros.sdk" in manifest


def test_everything_public_is_documented(classpath, tmp_path):
    needed("javadoc")
    command = [
        "javadoc", "-quiet", "-Xdoclint:all", "-Xmaxwarns", "2000", "-encoding", "UTF-8",
        "--release", "11", "-d", str(tmp_path), "-sourcepath", str(SOURCE / "src/main/java"),
        "-subpackages", "com.kyros.sdk", "-cp", path(classpath[1:]),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if _is_wrong(line)] == []
    assert (tmp_path / "com/kyros/sdk/KyrosClient.html").exists()


def test_every_sample_of_the_readme_compiles(classpath, tmp_path):
    assert len(SAMPLES) == 6
    compiled(written(SAMPLES, tmp_path), tmp_path, classpath)


def test_the_readmes_receiver(classpath, tmp_path):
    port = free_port()
    sample = {"": SAMPLES["Receiving webhooks"].replace("5000", str(port))}
    compiled(written(sample, tmp_path), tmp_path, classpath)
    body = b'{"type":"task.completed","data":{"title":"Fix it"}}'
    signed = sign.headers(
        secret="secret",
        pending_secret=None,
        event_id="evt_1",
        event_type="task.completed",
        delivery_id="dlv_1",
        timestamp=int(time.time()),
        body=body,
    )
    command = ["java", "-cp", path([tmp_path, *classpath]), "Sample0"]
    environment = {**os.environ, "KYROS_WEBHOOK_SECRET": "secret"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as receiver:
        try:
            url = f"http://127.0.0.1:{port}/webhooks/kyros"
            eventually(lambda: _posted(url, body, {}) == 401, 60, "it listens")
            assert _posted(url, body, signed) == 200
        finally:
            receiver.terminate()
        said = receiver.stdout.read() if receiver.stdout else ""
    assert said.startswith("The request is not signed")
    assert said.endswith("Fix it\n")


def _is_wrong(line: str) -> bool:
    """Whether javadoc says there what is asked for here; a line a parameter is not."""
    file, number, warning = [*line.split(":", 2), "", ""][:3]
    if not file.endswith(".java") or "no @" in warning or "default constructor" in warning:
        return False
    # What is serialised of an exception.
    return "private" not in Path(file).read_text().splitlines()[int(number) - 1]


def _posted(url: str, body: bytes, headers: dict[str, str]) -> int | None:
    try:
        return httpx.post(url, content=body, headers=headers).status_code
    except httpx.ConnectError:
        return None
