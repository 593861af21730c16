"""The package that is built: what it needs, which Python it runs on, what a type checker sees."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "sdks/python"
FILES = sorted((SOURCE / "kyros").rglob("*.py"))
#: What Python 3.9 and later added, as far as this package might reach for it.
NEWER = {
    "aclosing", "aiter", "anext", "batched", "bit_count", "cache", "fromisoformat", "graphlib",
    "is_relative_to", "nullcontext_async", "pairwise", "removeprefix", "removesuffix", "Runner",
    "TaskGroup", "to_thread", "tomllib", "UTC", "zoneinfo",
}  # fmt: skip
USER = """
from decimal import Decimal
from typing import AsyncGenerator, Iterator, List

from kyros import AsyncKyrosClient, KyrosClient
from kyros.models import Task, TaskEvent
from kyros.pages import AsyncPages, Pages

client = KyrosClient()
task: Task = client.tasks.create(Task(title="a"))
also: Task = client.tasks.create({"title": "a"}, idempotency_key="b")
batch: List[Task] = client.tasks.create_batch([task])
events: Iterator[TaskEvent] = client.tasks.stream(task.id)
tasks: Pages[Task] = client.tasks.list(status="failed")
percentage: float = client.tasks.get_status(task.id).progress.percentage
cost: Decimal = client.monitoring.get_costs(period="7d").savings.vs_premium_only


async def main() -> None:
    async with AsyncKyrosClient() as client:
        task: Task = await client.tasks.create(Task(title="a"))
        events: AsyncGenerator[TaskEvent, None] = client.tasks.stream(task.id)
        tasks: AsyncPages[Task] = client.tasks.list()
        async for each in tasks:
            title: str = each.title
"""
WRONG = """
from kyros import KyrosClient

client = KyrosClient()
client.tasks.create()
client.tasks.get(1)
client.tasks.get("task_1").titel
client.tasks.list(state=1)
"""


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """The wheel, built from a copy of the source, in a folder of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(SOURCE, folder / "source")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", folder]
    subprocess.run([*build, folder / "source"], check=True)
    (wheel,) = folder.glob("*.whl")
    assert wheel.name == "kyros_sdk-1.0.0-py3-none-any.whl"
    target = folder / "target"
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "-t", target, wheel], check=True)
    return target


def python(installed: Path, code: str) -> str:
    """What the code prints, in a folder and an environment where nothing else of ours is."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=installed, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_wheel_holds_the_whole_package(installed):
    files = {path.relative_to(installed / "kyros") for path in (installed / "kyros").rglob("*.py")}
    assert files == {path.relative_to(SOURCE / "kyros") for path in FILES}
    assert (installed / "kyros/py.typed").exists()
    made = python(installed, "import kyros; print(kyros.__file__, kyros.KyrosClient('k'))")
    assert made.startswith(str(installed))
    metadata = next(installed.glob("*.dist-info/METADATA")).read_text()
    assert "Requires-Python: >=3.8" in metadata
    assert [line for line in metadata.splitlines() if line.startswith("Requires-Dist")] == [
        "Requires-Dist: httpx<1,>=0.23"
    ]


def test_receivers_of_webhooks_need_no_http_library(installed):
    code = "import sys, kyros.webhooks, kyros.models; print('httpx' in sys.modules)"
    assert python(installed, code) == "False"


def test_everything_that_is_offered_is_there(installed):
    code = "import kyros; print(all(hasattr(kyros, name) for name in dir(kyros)), len(dir(kyros)))"
    assert python(installed, code) == "True 16"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_written_for_python_3_8(path):
    tree = ast.parse(path.read_text(), feature_version=(3, 8))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    used |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert not used & NEWER


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_nothing_but_httpx(path):
    tree = ast.parse(path.read_text())
    imported = {
        (getattr(node, "module", None) or node.names[0].name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    # typing_extensions is the type checker's own.
    assert imported <= sys.stdlib_module_names | {"kyros", "httpx", "typing_extensions"}


def test_a_type_checker_sees_both_clients(installed):
    assert _mypy(installed, USER) == []


def test_a_type_checker_finds_what_is_wrong(installed):
    found = _mypy(installed, WRONG)
    assert [line.rpartition("[")[2] for line in found] == [
        "call-arg]", "arg-type]", "attr-defined]", "arg-type]",
    ]  # fmt: skip


def _mypy(installed: Path, code: str) -> list[str]:
    file = installed.parent / "user.py"
    file.write_text(code)
    command = [
        sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--config-file=",
        f"--cache-dir={installed.parent / 'mypy'}", str(file),
    ]  # fmt: skip
    environment = {**os.environ, "MYPYPATH": str(installed)}
    done = subprocess.run(
        command, cwd=installed, env=environment, capture_output=True, text=True, check=False
    )
    assert not done.stderr, done.stderr
    return [line for line in done.stdout.splitlines() if ": error: " in line]
