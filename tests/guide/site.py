"""Where a guide's samples lead here: one stack, its credentials, and scripted strangers."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from kyros_worker.settings import PROJECT_ROOT
from tests.acceptance.stack import KEY, Deployment
from tests.guide.person import PASSWORD, PERSON
from tests.guide.sdks import Sdks
from tests.guide.strangers import WEBHOOK_SECRET, Strangers

HERE = Path(__file__).parent
#: 256 bits, as the guide's is too weak to be accepted outside test mode.
JWT_SECRET = "a-secret-of-this-test-alone-and-long-enough"


@dataclass
class Site:
    """All that samples need to know of it."""

    stack: Deployment
    strangers: Strangers
    sdks: Sdks
    client_id: str = ""
    client_secret: str = ""

    @property
    def url(self) -> str:
        return str(self.stack.http.base_url).rstrip("/")

    def placed(self, text: str) -> str:
        """A sample with its hosts and credentials replaced by those here, and nothing else."""
        host = self.url.removeprefix("http://")
        for printed, here in {
            "https://api.kyros.com": self.url,
            "https://kyros.com": self.url,
            "https://your-app.com": self.strangers.url,
            "https://your-webhook-url.com": self.strangers.url,
            "https://your-company.atlassian.net": self.strangers.url,
            "redis://localhost:6379": self.stack.told["redis_url"],
            "localhost:8000": host,
            "kyros-orchestrator:8000": host,
            "your-api-key-here": KEY,
            "your-kyros-api-key": KEY,
            "your-api-key": KEY,
            "'kyros-api-key'": f"'{KEY}'",
            "your-secret-key": JWT_SECRET,
        }.items():
            text = text.replace(printed, here)
        return text

    def environ(self) -> dict[str, str]:
        """What the person who runs a sample has set."""
        python = [HERE / "hurry", PROJECT_ROOT / "sdks/python", PROJECT_ROOT]
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "PYTHONPATH": ":".join(map(str, python)),
            "PYTHONUNBUFFERED": "1",
            "BASH_ENV": str(HERE / "hurry/hurry.sh"),
            "KYROS_HOME": str(self.stack.home.root),
            "KYROS_SITE": self.url,
            "KYROS_API_URL": f"{self.url}/v1",
            "KYROS_API_KEY": KEY,
            "KYROS_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "KYROS_JWT_SECRET": JWT_SECRET,
            "OAUTH2_CLIENT_ID": self.client_id,
            "OAUTH2_CLIENT_SECRET": self.client_secret,
            "OAUTH2_REDIRECT_URI": f"{self.strangers.url}/callback",
            "RECEIVER_URL": f"{self.strangers.url}/webhooks/kyros",
            "REDIS_URL": self.stack.told["redis_url"],
            "JIRA_URL": self.strangers.url,
            "JIRA_TOKEN": "am86dG9rZW4=",
            "SLACK_URL": self.strangers.url,
            "SLACK_BOT_TOKEN": "xoxb-for-tests",
            "SLACK_SIGNING_SECRET": "slack-for-tests",
            "GITHUB_API_URL": self.strangers.url,
            "GITHUB_TOKEN": "github-for-tests",
            "GITHUB_WEBHOOK_SECRET": "github-for-tests",
            "KYROS_SDKS": str(PROJECT_ROOT / "sdks"),
            "CI_COMMIT_SHA": "abc123",
            "CI_PIPELINE_ID": "42",
        }


def open_site(folder: Path, run_folder: Path, strangers: Strangers) -> Site:
    """Starts a stack with a person and an application."""
    site = Site(Deployment(folder), strangers, Sdks(folder, run_folder))
    site.stack.up(KYROS_JWT_SECRET=JWT_SECRET)
    site.stack.kyros(
        "users", "create", PERSON, "--role", "developer", "--password-stdin", given=PASSWORD
    )
    words = ("applications", "create", "Your app", "--for-itself", "--json")
    made = json.loads(site.stack.kyros(*words, "-r", f"{strangers.url}/callback"))
    site.client_id, site.client_secret = made["id"], made["client_secret"]
    return site
