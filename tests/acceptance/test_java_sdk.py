"""The Java SDK on a real stack: the guide's sample as printed, and the README's."""

import os
import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.stack import KEY, Deployment
from tests.eventually import eventually
from tests.sdks.java.maven import GUIDE, SAMPLES, compiled, packaged, path, written


@pytest.fixture(scope="session")
def sdk(run_folder: Path) -> list[Path]:
    """The SDK's jar and what it needs."""
    return packaged(run_folder).classpath()


@pytest.fixture
def address_that_waits(stack: Deployment) -> Iterator[str]:
    """The API behind a proxy that answers how a task stands when it is final.

    The guide's sample sleeps for 30 seconds as long as it is not.
    """

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            target = self.path + ("?wait=20" if self.path.endswith("/status") else "")
            headers = {name: self.headers[name] for name in self.headers if name != "Host"}
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            answer = stack.http.request(self.command, target, headers=headers, content=body)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_POST = do_GET  # noqa: N815 - the name that http.server looks for

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_guides_sample_as_printed(sdk, address_that_waits, tmp_path):
    code = GUIDE.read_text()
    code = code.replace("https://api.kyros.com", address_that_waits)
    sample = tmp_path / GUIDE.name
    sample.write_text(code.replace("your-api-key", KEY))
    compiled([sample], tmp_path, sdk)
    said = _java(GUIDE.stem, [tmp_path, *sdk])
    assert re.fullmatch(
        r"Task created: task_\d+\nTask submitted: sub_\d+\nStatus: completed \(100\.0%\)\n"
        r"Total cost: \$\d+\.\d\d\nSavings: \$-?\d+\.\d\d\n",
        said,
    )


def test_readme(sdk, stack, tmp_path):
    # The sample of receiving is run in tests/sdks/java/test_java.py.
    samples = {title: code for title, code in SAMPLES.items() if "webhook" not in title}
    compiled(written(samples, tmp_path), tmp_path, sdk)
    address = f"{str(stack.http.base_url).rstrip('/')}/v1"
    said = {
        title: _java(f"Sample{number}", [tmp_path, *sdk], KYROS_API_URL=address, KYROS_API_KEY=KEY)
        for number, title in enumerate(samples)
    }
    assert re.search(r"\ncompleted \{.+\} \$0\.\d{4}\n$", said["The first call"], re.DOTALL)
    assert re.search(r"1 task\.created\n(.*\n)*\d+ task\.\w+\n$", said["Lists and streams"])
    assert re.search(
        r"^\d+\.\d\d spent, -?\d+\.\d\d saved\n(.*\n)*healthy healthy\n$", said["What is read"]
    )
    assert re.search(r"^title .+\npriority .+\n$", said["Errors"])
    assert said["Retries"] == "true\n"
    eventually(stack.all_final, 60, "all work is done")


def _java(main: str, classpath: list[Path], **environ: str) -> str:
    """What a program prints; fails with what it said of its errors."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("KYROS")
    }
    done = subprocess.run(
        ["java", "-cp", path(classpath), main],
        env=environment | environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
