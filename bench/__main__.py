"""`make bench`: every measurement, or those that are named, into `bench/results/latest.md`.

    python -m bench intake batch

Each needs minutes. What is named replaces its own part of the table; the rest stays.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from bench import (
    batch,
    credentials,
    deliveries,
    end_to_end,
    intake,
    latency,
    layers,
    models,
    overhead,
    python_sdk,
    scale,
    sums,
)
from bench.rounds import Figure
from bench.stack import Stack, running

_RESULTS = Path(__file__).parent / "results"
_PACKAGES = (
    "celery", "kombu", "redis", "flask", "flask-openapi3", "gunicorn", "pydantic", "sqlalchemy",
    "psycopg2-binary", "pydantic-ai-slim", "flower",
)  # fmt: skip


def _on_a_stack(measure: Callable[[Stack], list[Figure]]) -> Callable[[Path], list[Figure]]:
    def measured(folder: Path) -> list[Figure]:
        with running(folder) as stack:
            return measure(stack)

    return measured


BENCHES: dict[str, Callable[[Path], list[Figure]]] = {
    "intake": _on_a_stack(intake.measure),
    "watched": _on_a_stack(intake.measure_watched),
    "batch": _on_a_stack(batch.measure),
    "end_to_end": _on_a_stack(end_to_end.measure),
    "latency": _on_a_stack(latency.measure),
    "deliveries": _on_a_stack(deliveries.measure),
    "sums": _on_a_stack(sums.measure),
    "overhead": overhead.measure,
    "overhead_before": overhead.measure_before,
    "models": models.measure,
    "scale": scale.measure,
    "layers": layers.measure,
    "credentials": credentials.measure,
    "python_sdk": python_sdk.measure,
}


def main(names: list[str]) -> None:
    """Measures, prints each figure as it comes, and keeps the results."""
    unknown = set(names) - set(BENCHES)
    if unknown:
        sys.exit(
            f"No bench is called {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}."
        )
    for name in names or BENCHES:
        before = os.getloadavg()[0]
        with tempfile.TemporaryDirectory(prefix="kyros-bench-") as folder:
            # The embedded Postgres may run as another user.
            Path(folder).chmod(0o755)
            figures = BENCHES[name](Path(folder))
        for figure in figures:
            print(_line(asdict(figure)), flush=True)
        _keep(name, figures, before)


def _keep(name: str, figures: list[Figure], load: float) -> None:
    _RESULTS.mkdir(exist_ok=True)
    file = _RESULTS / "latest.json"
    kept = json.loads(file.read_text()) if file.exists() else {}
    kept[name] = {
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
        "commit": _output("git", "rev-parse", "--short", "HEAD"),
        "load": round(load, 2),
        "machine": _machine(),
        "figures": [asdict(figure) for figure in figures],
    }
    file.write_text(json.dumps(kept, indent=1) + "\n")
    (_RESULTS / "latest.md").write_text(_table(kept))


def _table(kept: dict[str, dict]) -> str:
    lines = [
        "# Measured",
        "",
        "What each figure means: [performance](../../docs/performance.md).",
        "",
    ]
    for name in (name for name in BENCHES if name in kept):
        part = kept[name]
        lines += [
            f"## {name}", "",
            f"{part['at']}, commit {part['commit']}, load before {part['load']}.",
            f"{part['machine']}.",
            "",
            "| figure | Kyros | beside | its figure | ratio | rounds | note |",
            "|---|---|---|---|---|---|---|",
            *(_line(figure) for figure in part["figures"]), "",
        ]  # fmt: skip
    return "\n".join(lines)


def _line(figure: dict) -> str:
    unit, peer = figure["unit"], figure["peer_value"]
    ratio = figure["ratio"] and f"{figure['ratio']:.2f} {_spread(figure['ratio_spread'], '.2f')}"
    cells = [
        figure["name"],
        f"{_number(figure['value'])} {unit} {_spread(figure['spread'])}",
        figure["peer"],
        "" if peer is None else f"{_number(peer)} {unit}",
        ratio or "",
        str(figure["rounds"]),
        figure["note"],
    ]
    return f"| {' | '.join(cells)} |"


def _spread(spread: tuple[float, float], form: str = "") -> str:
    least, greatest = (f"{one:{form}}" if form else _number(one) for one in spread)
    return f"[{least} to {greatest}]"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"  # noqa: PLR2004


def _machine() -> str:
    processor = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = psutil.virtual_memory().total / 1024**3
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"{psutil.cpu_count()} cores, {processor}, {memory:.0f} GiB, Linux {platform.release()}, "
        f"Python {platform.python_version()}, the embedded PostgreSQL and Redis; {packages}"
    )


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main(sys.argv[1:])
