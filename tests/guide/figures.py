"""Configuration of monitoring and of Maven, held against what the product really has."""

import json
import re
from xml.etree import ElementTree as ET

import httpx
import yaml
from prometheus_client.parser import text_string_to_metric_families

from kyros_worker.settings import PROJECT_ROOT

POM = "{http://maven.apache.org/POM/4.0.0}"


def scraped(configuration: str) -> str:
    """Scrapes each target of a Prometheus configuration; gives the names of what they have."""
    said = ""
    for job in yaml.safe_load(configuration)["scrape_configs"]:
        for group in job["static_configs"]:
            for target in group["targets"]:
                names = sorted(_metrics(f"http://{target}{job.get('metrics_path', '/metrics')}"))
                said += f"{job['job_name']}: {' '.join(names)}\n"
    return said


def queried(dashboard: str, url: str) -> str:
    """The panels of a Grafana dashboard; fails where one asks for what Kyros does not have."""
    read = json.loads(dashboard)
    names = _metrics(f"{url}/metrics")
    said = ""
    for panel in read.get("dashboard", read)["panels"]:
        for target in panel["targets"]:
            asked = set(re.findall(r"\bkyros_\w+", target["expr"]))
            assert asked, target
            assert asked <= names, f"{panel['title']}: no {asked - names}"
        said += f"{panel['title']}: {panel['type']}\n"
    return said


def _metrics(url: str) -> set[str]:
    text = httpx.get(url).raise_for_status().text
    families = list(text_string_to_metric_families(text))
    samples = {sample.name for family in families for sample in family.samples}
    # A counter with labels has no sample before it counts.
    declared = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
    return samples | declared


def asked_of_maven(dependency: str) -> str:
    """A dependency's coordinates; fails where they are not those of the SDK's own project."""
    wanted = {element.tag: element.text for element in ET.fromstring(dependency)}  # noqa: S314
    file = PROJECT_ROOT / "sdks/java/pom.xml"
    project = ET.parse(file).getroot()  # noqa: S314 - our own
    ours = {name: project.findtext(f"{POM}{name}") for name in wanted}
    assert wanted == ours
    return f"{wanted}\n"
