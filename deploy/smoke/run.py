"""`make smoke-local-model`: the whole workflow over a real, very small model on this machine.

Starts the model's server and a stack of its own, sends a small implementation task with a live
key, and a review and a deployment so that each role is asked, prints what came of them as it is,
cancels another in the middle of its call, and takes everything down. The model has 135 million
parameters and is of no use for the work: what is shown is that HTTP, schema, token counts, limits
and cancelling work with a true server.

Exit code 0 when the tasks came to an end, well or not, and the last call was aborted; else 1.
"""

import json
import os
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg2

from kyros_worker.command.ports import free_port
from kyros_worker.settings import PROJECT_ROOT

_PACKAGES = PROJECT_ROOT / ".venv-smoke"
_KYROS = str(Path(sys.executable).with_name("kyros"))
_ENDED = ("completed", "failed", "cancelled")
_PATIENCE_SECONDS = 1200
_CONFIGURATION = """
[providers.here]
kind = "openai-compatible"
base_url = "{url}"

[models.economy]
model = "here:smollm2"
output_tokens = 300
timeout_seconds = 300

[prices."here:smollm2"]
input = 0
output = 0
"""
_TASK = {
    "title": "Say hello",
    "description": "Write hello.py with a function hello() that returns the word hello.",
    "acceptance_criteria": ["hello() returns hello"],
}


def main() -> int:
    """Runs all of it; the exit code."""
    with tempfile.TemporaryDirectory(prefix="kyros-smoke-") as folder, _model() as url:
        print(f"The model answers at {url}.", flush=True)
        environ = _environment(Path(folder), url)
        try:
            _kyros(environ, "up", "--detach")
            _kyros(environ, "doctor", "--models", check=False)
            with _client(environ) as http:
                return _show(http, Path(environ["KYROS_HOME"]))
        finally:
            _kyros(environ, "down", check=False)


@contextmanager
def _model() -> Iterator[str]:
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("serve.py"))],
        env={**os.environ, "PYTHONPATH": str(_PACKAGES)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout is not None
    assert server.stdin is not None
    try:
        url = server.stdout.readline().strip()
        if not url:
            sys.exit("The model's server did not start.")
        yield url
    finally:
        server.stdin.close()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _environment(folder: Path, url: str) -> dict[str, str]:
    configuration = folder / "kyros.toml"
    configuration.write_text(_CONFIGURATION.format(url=url))
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("KYROS_") and name not in ("DATABASE_URL", "REDIS_URL")
    }
    return kept | {
        "KYROS_HOME": str(folder / "home"),
        "KYROS_CONFIG": str(configuration),
        "KYROS_API_PORT": str(free_port()),
        "KYROS_FLOWER_PORT": str(free_port()),
    }


def _kyros(environ: dict[str, str], *words: str, check: bool = True) -> None:
    print(f"\n$ kyros {' '.join(words)}", flush=True)
    subprocess.run([_KYROS, *words], env=environ, check=check)


def _client(environ: dict[str, str]) -> httpx.Client:
    key = (Path(environ["KYROS_HOME"]) / "cli-key").read_text().strip()
    assert key.startswith("kyros_live_"), "with a model configured the first key is a live one"
    return httpx.Client(
        base_url=f"http://127.0.0.1:{environ['KYROS_API_PORT']}/v1",
        headers={"Authorization": f"Bearer {key}"},
        timeout=90,
        trust_env=False,
    )


def _show(http: httpx.Client, home: Path) -> int:
    ended = [_show_task(http, home, kind) for kind in ("implementation", "review", "deployment")]
    aborted = _cancel_in_its_call(http)
    print("\nThe model is far too small for the work; that its path works is all that is shown.")
    return 0 if all(ended) and aborted else 1


def _show_task(http: httpx.Client, home: Path, kind: str) -> bool:
    """Sends a task of that type and prints all of it; whether it came to an end."""
    print(f"\nAn {kind}, in live mode:" if kind[0] in "aeiou" else f"\nA {kind}, in live mode:")
    task = _wait(http, _create(http, {**_TASK, "type": kind})["id"])
    for item in _timeline(http, task["id"]):
        _print_item(item)
    for answer in _answers(home, task["id"]):
        print(f"  What the model answered:\n{textwrap.indent(answer, '    | ')}")
    result = task["error"] or (task["result"] or {}).get("summary")
    print(f"  It ended as {task['state']}: {result}", flush=True)
    return task["state"] in _ENDED


def _answers(home: Path, task_id: str) -> list[str]:
    """The texts as the ledger keeps them, valid or not."""
    address = json.loads((home / "stack.json").read_text())["database_url"]
    with closing(psycopg2.connect(address)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT answer FROM model_calls WHERE task_id = %s AND answer <> ''"
            " ORDER BY started_at",
            (task_id,),
        )
        return [row[0] for row in cursor.fetchall()]


def _wait(http: httpx.Client, task_id: str) -> dict[str, Any]:
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        task = _data(http.get(f"/tasks/{task_id}", params={"wait": 60}))
        if task["state"] in _ENDED or time.monotonic() > until:
            return task
        print(f"  … {task['progress']['message']}", flush=True)


def _cancel_in_its_call(http: httpx.Client) -> bool:
    task_id = _create(http, _TASK)["id"]
    while _data(http.get(f"/tasks/{task_id}"))["state"] == "queued":
        time.sleep(0.1)
    time.sleep(2)
    began = time.monotonic()
    _data(http.post(f"/tasks/{task_id}/cancel"))
    ended = [item for item in _timeline(http, task_id) if item["type"].startswith("call.")]
    took = time.monotonic() - began
    print(f"\nA task cancelled in its first call ({took:.2f} s to be told so):")
    for item in ended:
        _print_item(item)
    return [item["type"] for item in ended] == ["call.aborted"]


def _create(http: httpx.Client, task: dict[str, Any]) -> dict[str, Any]:
    return _data(http.post("/tasks", json=task))


def _timeline(http: httpx.Client, task_id: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = _data(http.get(f"/tasks/{task_id}/timeline"))["events"]
    return events


def _data(answer: httpx.Response) -> dict[str, Any]:
    answer.raise_for_status()
    data: dict[str, Any] = answer.json()["data"]
    return data


def _print_item(item: dict[str, Any]) -> None:
    told = item["data"]
    if not item["type"].startswith("call."):
        print(f"  {item['type']}")
        return
    print(
        f"  {item['type']}: {told['role']} on {told['provider']}:{told['model']}, "
        f"{told['input_tokens']} + {told['output_tokens']} tokens, {told['cost_usd']} USD, "
        f"{told['latency_seconds'] or 0:.1f} s{': ' + told['error'] if told['error'] else ''}"
    )


if __name__ == "__main__":
    sys.exit(main())
