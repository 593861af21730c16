import pytest

from kyros_worker.redact import redacted
from tests.live_models import KEY, configured, on


@pytest.fixture(autouse=True)
def keys(tmp_path):
    with configured(tmp_path / "kyros.toml", on("http://127.0.0.1:9/v1")):
        yield


@pytest.mark.parametrize(("said", "told"), [
    (f"Incorrect API key provided: {KEY}.", "Incorrect API key provided: [key]"),
    (f"key={KEY}, wrong", "key=[key], wrong"),
    (f'{{"key":"{KEY}"}}', '{"key":"[key]"}'),
    (f"it begins with {KEY[:10]}", "it begins with [key]"),
    ("Authorization: Bearer abcdefghijkl", "Authorization: [key]"),
    ("sk-proj-0123456789abcdef is another's", "[key] is another's"),
    ("AIzaSyA0123456789abcdefghij", "[key]"),
])  # fmt: skip
def test_keys_are_hidden(said, told):
    assert redacted(said) == told


@pytest.mark.parametrize("said", [
    "The model gpt-5-mini does not exist.", "a task-management-system-of-its-own", "bearer of news",
    "sk-short", "skipped_submissions_of_worker", "pkg_resources.DistributionNotFound",
    "sklearn.model_selection._split",
])  # fmt: skip
def test_all_else_is_kept(said):
    assert redacted(said) == said
