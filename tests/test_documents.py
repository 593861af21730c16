"""The documents are true: every setting is listed, every link leads somewhere."""

import re
from pathlib import Path

import pytest

from kyros_worker.settings import PROJECT_ROOT, Settings

DOCUMENTS = [PROJECT_ROOT / "README.md", *sorted((PROJECT_ROOT / "docs").rglob("*.md"))]


def test_settings_page_lists_every_setting_and_no_other():
    page = (PROJECT_ROOT / "docs/reference/settings.md").read_text()
    listed = re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE)
    assert sorted(listed) == sorted(
        field.alias for field in Settings.model_fields.values() if field.alias
    )


def test_settings_page_tells_the_defaults():
    page = (PROJECT_ROOT / "docs/reference/settings.md").read_text()
    told = dict(re.findall(r"^\| `([A-Z_]+)` \| `([^`]+)` \|", page, re.MULTILINE))
    numbers = {
        field.alias: f"{field.default:g}"
        for field in Settings.model_fields.values()
        if isinstance(field.default, int | float)
    }
    assert {name: told.get(name) for name in numbers} == numbers


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.name))
def test_links_lead_somewhere(document: Path):
    for target in re.findall(r"\]\((?!http)([^)#]+)", document.read_text()):
        assert (document.parent / target).exists(), target


def test_map_of_the_house_names_what_is_there():
    readme = (PROJECT_ROOT / "README.md").read_text()
    house = readme.split("## The map of the house")[1].split("```")[1]
    folder = ""
    for line in house.strip().splitlines():
        name = line.split()[0]
        if not line.startswith(" "):
            folder = name
        path = PROJECT_ROOT / (folder if name == folder else folder + name)
        assert path.exists(), path
