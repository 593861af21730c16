"""The JavaScript SDK on a real stack: the guide's samples as printed, and the README's."""

import json
import re
from pathlib import Path

import pytest

from kyros_worker.settings import PROJECT_ROOT
from tests.acceptance.stack import KEY, Deployment
from tests.eventually import eventually
from tests.sdks.javascript.installed import SOURCE, installed, node, packed

PEERS = PROJECT_ROOT / "tests/peers"
JAVASCRIPT = PROJECT_ROOT / "tests/sdks/javascript"
README = (SOURCE / "README.md").read_text().partition("## Receiving webhooks")[0]
SAMPLES = re.findall(r"^```javascript\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
#: What each sample says.
SAID = [
    r"(\d+% .*\n)+completed \{[\s\S]+\} \$0\.\d{4}\n",
    r"task_\d+ .+\n\d+ \S+\n1 task\.created\n(\d+ [\w.]+\n)*\d+ task\.\w+\n",
    r"\d+\.\d\d spent, -?\d+\.\d\d saved\n(\w+ [\d.e-]+ \d+\n)+[\d.]+\nhealthy healthy\n",
    r"title .+\npriority .+\n",
    r"true\n",
]
LIFE = (JAVASCRIPT / "life.mjs").read_text()
BOT = (JAVASCRIPT / "slack_bot.js").read_text()


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, run_folder: Path) -> Path:
    return installed(tmp_path_factory.mktemp("javascript"), packed(run_folder))


def run(project: Path, stack: Deployment, name: str, code: str) -> str:
    (project / name).write_text(code)
    address = str(stack.http.base_url).rstrip("/")
    return node(project, name, KYROS_API_URL=f"{address}/v1", KYROS_API_KEY=KEY)


def test_on_a_real_stack(project, stack):
    said = guide(project, stack)
    assert re.search(r"^Task created: task_\d+\nTask submitted: sub_\d+\n", said)
    assert "Status: completed (100%)" in said
    assert re.search(r"^Total cost: \$\d+\.\d\d\nSavings: \$-?\d+\.\d\d$", said, re.MULTILINE)
    slack(project, stack)
    run(project, stack, "life.mjs", LIFE)
    for number, (sample, expected) in enumerate(zip(SAMPLES, SAID, strict=True)):
        said = run(project, stack, f"readme{number}.mjs", sample)
        assert re.fullmatch(expected, said), said
    eventually(stack.all_final, 60, "all work is done")


def guide(project: Path, stack: Deployment) -> str:
    """What the guide's sample says, as printed."""
    code = (PEERS / "guide_sdk.mjs").read_text()
    address = str(stack.http.base_url).rstrip("/")
    code = code.replace("https://api.kyros.com", address).replace("your-api-key", KEY)
    # 30 s would only make the test slower.
    return run(project, stack, "guide.mjs", code.replace("30000", "200"))


def slack(project: Path, stack: Deployment) -> None:
    code = (PEERS / "guide_slack.js").read_text().replace("kyros-api-key", KEY)
    said = json.loads(run(project, stack, "slack.js", f"{BOT}\n{code}\ndone(slackBot);"))
    notified, asked, refused, report, status, costs = said
    fields = notified["blocks"][1]["text"]["text"]
    assert "*Priority:* medium" in fields
    assert "*Assigned to:* implementer" in fields
    assert "undefined" not in json.dumps(said)
    assert asked["text"].endswith("Status: requested")
    assert refused["text"].startswith("Failed to request escalation: ")
    assert re.search(r"\$\d+\.\d\d$", report["blocks"][1]["fields"][0]["text"])
    assert status["text"] == "Kyros Status: healthy"
    assert re.fullmatch(r"Daily costs: \$\d+\.\d\d", costs["text"])
