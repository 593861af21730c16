"""Pipelines of CI, run as far as their shell goes: each step under bash, one after the other."""

import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import yaml

SECONDS = 60


def _bash(script: str, folder: Path, environ: dict[str, str], *options: str) -> str:
    done = subprocess.run(
        ["bash", *options, "-c", script],
        cwd=folder,
        env=environ | {"HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"exit code {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


def gitlab(text: str, folder: Path, environ: dict[str, str]) -> str:
    """The jobs by their stages; a job's script is one shell, and dotenv reports go on.

    GitLab's runners set `set -eo pipefail`.
    """
    pipeline = yaml.safe_load(text)
    environ = environ | {name: str(value) for name, value in pipeline.get("variables", {}).items()}
    jobs = [job for job in pipeline.values() if isinstance(job, dict) and "script" in job]
    said = ""
    for stage in pipeline["stages"]:
        for job in (job for job in jobs if job["stage"] == stage):
            said += _bash("\n".join(job["script"]), folder, environ, "-eo", "pipefail")
            report = job.get("artifacts", {}).get("reports", {}).get("dotenv")
            if report:
                lines = (folder / report).read_text().splitlines()
                environ = environ | dict(line.split("=", 1) for line in lines)
                said += f"{report}: {lines}\n"
    return said


def actions(text: str, folder: Path, environ: dict[str, str]) -> str:
    """The `run` steps of every job of a GitHub workflow, with the expressions that they use."""
    workflow = yaml.safe_load(text)
    # `on` is the word for true in YAML 1.1.
    assert workflow.get("on", workflow.get(True)), "it says nothing of when it runs"
    known = {
        "github.sha": "abc123",
        "github.event.issue.number": "7",
        "github.event.pull_request.number": "7",
        "github.repository": "your-org/your-app",
        "secrets.KYROS_API_KEY": environ["KYROS_API_KEY"],
        "secrets.GITHUB_TOKEN": environ["GITHUB_TOKEN"],
        "vars.KYROS_API_URL": environ["KYROS_API_URL"],
        "github.event.issue.title || github.event.pull_request.title": "It's *broken*",
        "github.event.issue.body || github.event.pull_request.body": 'Some "text"\nin $(lines)',
    }
    said = ""
    for job in workflow["jobs"].values():
        for step in (step for step in job["steps"] if "run" in step):
            output = folder / "output.txt"
            output.write_text("")
            set_here = {**workflow.get("env", {}), **job.get("env", {}), **step.get("env", {})}
            here = {name: _filled(str(value), known) for name, value in set_here.items()}
            here |= {"GITHUB_OUTPUT": str(output), "GITHUB_SHA": "abc123"}
            script = _filled(step["run"], known)
            said += _bash(script, folder, environ | here, "-eo", "pipefail")
            for line in output.read_text().splitlines():
                name, _, value = line.partition("=")
                known[f"steps.{step['id']}.outputs.{name}"] = value
    return said


def _filled(text: str, known: dict[str, str]) -> str:
    return re.sub(r"\$\{\{ *(.+?) *\}\}", lambda found: known[found[1]], text)


def jenkins(text: str, folder: Path, environ: dict[str, str]) -> str:
    """The shell of a Jenkins pipeline, as `sh` gets it after Groovy has filled its text in.

    `while (true)` and `if` are read by what the answers say, as the pipeline reads them.
    """
    build: dict[str, Any] = {"env.BUILD_ID": "42", "env.GIT_COMMIT": "abc123"}
    build["KYROS_API_KEY"] = environ["KYROS_API_KEY"]
    if "sh '''" in text:
        return _jenkins_steps(text, folder, environ)
    given = re.search(r"def taskData = (\[.+?\n {20}\])", text, re.DOTALL)
    if given:
        fields = json.loads(_groovy_map(given[1], build))
        build["groovy.json.JsonOutput.toJson(taskData)"] = json.dumps(fields)
    said = ""
    for script in re.findall(r'script: """\n(.+?)"""', text, re.DOTALL):
        repeated = "while (true)" in text[: text.index(script)].rpartition("stage(")[2]
        while True:
            filled = re.sub(r"\$\{(.+?)\}", lambda found: str(build[found[1]]), script)
            # Groovy's """ takes a backslash before a line's end away with the line's end.
            answer = json.loads(_bash(re.sub(r"\\\n", "", filled), folder, environ, "-xe"))["data"]
            build["env.KYROS_TASK_ID"] = answer["id"]
            if not repeated or answer["status"] in ("completed", "failed"):
                break
            time.sleep(0.3)
        said += f"{answer['id']} {answer['status']}\n"
    return said


def _jenkins_steps(text: str, folder: Path, environ: dict[str, str]) -> str:
    """The steps `writeFile` and `sh` with a text that Groovy leaves as it is."""
    build = {"BUILD_ID": "42", "BUILD_TAG": "jenkins-app-42", "GIT_COMMIT": "abc123"}
    known = {f"env.{name}": value for name, value in build.items()}
    said = ""
    for file, fields, long, short in re.findall(
        r"writeFile file: '(.+?)', text: groovy\.json\.JsonOutput\.toJson\((\[.+?\])\)$"
        r"|sh '''(.+?)'''|sh '(.+?)'",
        text,
        re.DOTALL | re.MULTILINE,
    ):
        if file:
            (folder / file).write_text(_groovy_map(fields, known))
        else:
            said += _bash(long or short, folder, environ | build, "-xe")
    return said


def _groovy_map(text: str, build: dict[str, Any]) -> str:
    """A map of Groovy's as JSON: names with a colon, texts and references."""
    text = re.sub(r"\$\{(.+?)\}", lambda found: str(build[found[1]]), text)
    text = re.sub(r"(?<=[\s\[])(\w+): ", r'"\1": ', text).replace("'", '"')
    text = re.sub(r"\benv\.\w+", lambda found: json.dumps(build[found[0]]), text)
    return text.replace("[", "{").replace("]", "}")
