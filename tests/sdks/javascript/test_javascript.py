"""The JavaScript SDK, as it is packed and installed: its own tests in Node, and its types."""

import json
import re
import shutil
import subprocess
import tarfile
import time
from pathlib import Path

import httpx
import pytest

from kyros_worker.command.ports import free_port
from kyros_worker.webhook import sign
from tests.eventually import eventually
from tests.sdks.javascript.installed import PEERS, ROOT, SOURCE, installed, node, packed
from tests.serving import answers

HERE = Path(__file__).parent
TESTS = sorted(HERE.glob("*.test.mjs"))
TYPESCRIPT = SOURCE / "node_modules/typescript/bin/tsc"
FIELDS = ROOT / "tests/vectors/sdk_fields.json"
BODY = b'{"id":"evt_1","type":"task.completed","data":{"title":"Fix it"}}'


@pytest.fixture(scope="session")
def tarball(run_folder):
    return packed(run_folder)


@pytest.fixture(scope="session")
def project(tmp_path_factory, tarball):
    return installed(tmp_path_factory.mktemp("javascript"), tarball)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_in_node(path, project):
    said = node(project, "--test", path)
    assert re.search(r"^\S+ pass [1-9]\d*$", said, re.MULTILINE)


def test_the_package_holds_what_is_built_and_nothing_else(tarball):
    with tarfile.open(tarball) as package:
        files = {name.removeprefix("package/") for name in package.getnames()}
    sources = {path.relative_to(SOURCE / "src") for path in (SOURCE / "src").rglob("*.*ts")}
    ends = {".ts": (".js", ".d.ts"), ".mts": (".mjs", ".d.mts")}
    built = {f"dist/{path.with_suffix(end)}" for path in sources for end in ends[path.suffix]}
    assert files == {"package.json", "README.md"} | built


def test_the_package_needs_nothing(project):
    assert [path.name for path in (project / "node_modules").glob("[!.]*")] == ["@kyros"]
    package = json.loads((project / "node_modules/@kyros/sdk/package.json").read_text())
    assert "dependencies" not in package
    assert "peerDependencies" not in package
    assert package["license"]


def test_the_lock_names_no_registry():
    assert "resolved" not in (SOURCE / "package-lock.json").read_text()


def test_a_type_checker_sees_everything(project):
    (project / "node_modules/@types").symlink_to(SOURCE / "node_modules/@types")
    shutil.copytree(HERE / "types", project / "types")
    with (project / "types/fields.mts").open("a") as code:
        for model, fields in json.loads(FIELDS.read_text()).items():
            code.write(f"export const {model}: Fields<kyros.{model}> = {json.dumps(fields)};\n")
    node(project, TYPESCRIPT, "--project", "types")


def samples(heading: str) -> list[str]:
    page = (SOURCE / "README.md").read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall("^```javascript\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def sent() -> dict[str, str]:
    return sign.headers(
        secret="old",
        pending_secret="new",
        event_id="evt_1",
        event_type="task.completed",
        delivery_id="dlv_1",
        timestamp=int(time.time()),
        body=BODY,
    )


def test_readme_express(project):
    if not (project / "node_modules/express").exists():
        (project / "node_modules/express").symlink_to(PEERS / "express")
    (project / "express.mjs").write_text(samples("Receiving webhooks")[0])
    port = free_port()
    command = ["node", "--require", ROOT / "tests/peers/node/port.js", "express.mjs"]
    variables = {"KYROS_WEBHOOK_SECRET": "new", "PORT": str(port)}
    with subprocess.Popen(command, cwd=project, env=variables | {"PATH": _path()}) as receiver:
        try:
            url = f"http://127.0.0.1:{port}/webhooks/kyros"
            eventually(lambda: answers(url), 30, "it listens")
            headers = {"Content-Type": "application/json", **sent()}
            assert httpx.post(url, content=BODY, headers=headers).json() == {"status": "received"}
            bad = httpx.post(url, content=BODY + b" ", headers=headers)
            assert bad.status_code == 401
            assert bad.json() == {"error": "No signature in webhook-signature matches."}
        finally:
            receiver.kill()


def test_readme_anywhere_else(project):
    (project / "receive.mjs").write_text(samples("Receiving webhooks")[1])
    code = f"""
        import {{ POST }} from './receive.mjs';
        const ask = (body) => new Request('http://a.test', {{
          method: 'POST', body, headers: {json.dumps(sent())},
        }});
        console.log((await POST(ask({BODY.decode()!r}))).status);
        console.log((await POST(ask('{{}}'))).status);"""
    (project / "ask.mjs").write_text(code)
    said = node(project, "ask.mjs", KYROS_WEBHOOK_SECRET="old")
    assert said == "task.completed\n200\n401\n"


def _path() -> str:
    found = shutil.which("node")
    assert found
    return str(Path(found).parent)
