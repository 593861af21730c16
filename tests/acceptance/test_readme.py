"""The README's first five minutes, typed as they are printed."""

import os
import subprocess

from kyros_worker.settings import PROJECT_ROOT


def test_first_five_minutes(stack, tmp_path):
    readme = (PROJECT_ROOT / "README.md").read_text()
    typed = readme.split("## The first five minutes")[1].split("```sh\n")[1].split("```")[0]
    for printed, here in {
        "http://127.0.0.1:8000": str(stack.http.base_url).rstrip("/"),
        ".kyros/cli-key": str(stack.home.cli_key),
        "$PWD/.venv": str(PROJECT_ROOT / ".venv"),
    }.items():
        assert printed in typed
        typed = typed.replace(printed, here)
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", typed],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "KYROS_HOME": str(stack.home.root)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for role in ("implementer", "critic", "integrator"):
        assert f"call.completed          {role}" in done.stdout
    assert '"status":"completed"' in done.stdout
    assert "HEAD /healthz answers 200 without a body" in done.stdout
