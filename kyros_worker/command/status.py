"""`kyros status`: each process and where the stack is."""

import json
from typing import Any

from kyros_worker.command.home import Home
from kyros_worker.command.stack import Stack
from kyros_worker.command.supervise import Gone, State, Supervisor

RUNNING = 0
NOT_RUNNING = 3


def status(home: Home, *, as_json: bool) -> int:
    """Prints the state of the home's stack; the exit code: 0 when all of it runs, else 3."""
    try:
        states = Supervisor(home).states()
    except Gone:
        states = []
    whole = bool(states) and all(state.running for state in states)
    stack = Stack.read(home) if states else Stack()
    shown = _as_values(home, stack, states, whole)
    print(json.dumps(shown, indent=2) if as_json else _as_text(shown))
    return RUNNING if whole else NOT_RUNNING


def _as_values(home: Home, stack: Stack, states: list[State], whole: bool) -> dict[str, Any]:
    known = bool(stack.api_port)
    return {
        "status": "running" if whole else "degraded" if states else "stopped",
        "home": str(home.root),
        "api_url": stack.api_url if known else None,
        "docs_url": f"{stack.api_url}/docs" if known else None,
        "flower_url": stack.flower_url if known else None,
        "processes": [
            {
                "name": state.name,
                "state": state.state.lower(),
                "pid": state.pid or None,
                "uptime_seconds": state.seconds,
            }
            for state in states
        ],
    }


def _as_text(shown: dict[str, Any]) -> str:
    if shown["status"] == "stopped":
        return f"Kyros is not running in {shown['home']}: start it with `kyros up`."
    width = max(len(process["name"]) for process in shown["processes"])
    lines = [
        f"{process['name']:{width}}  {process['state']:8}  {_time(process['uptime_seconds']):>9}"
        f"  pid {process['pid'] or '-'}"
        for process in shown["processes"]
    ]
    for label, value in (
        ("API", shown["api_url"]),
        ("Docs", shown["docs_url"]),
        ("Flower", shown["flower_url"]),
        ("Home", shown["home"]),
    ):
        if value:
            lines.append(f"{label:{width}}  {value}")
    return "\n".join(lines)


def _time(seconds: int) -> str:
    days, rest = divmod(seconds, 86400)
    clock = f"{rest // 3600}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days}d {clock}" if days else clock
